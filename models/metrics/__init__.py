"""Numbers that pictures are judged by.

pairs: every measure of a picture against another, and behind it structural, lpips, dists, content, texture, style, colors, clip.
sets: FID, KID and ArtFID, and behind them pictures, layouts, features, frechet, kernel. measurement, report: a number with all it
depends on, and tables of such. ranking: results that are kept. judge: the networks that look. perceptual, path_length,
separability: of generators. temporal: of clips.
"""
