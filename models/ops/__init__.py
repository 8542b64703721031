"""Mathematics with no network in it.

moments, affine, adain, whitening, transport, coral: closed forms as affine maps; transfer is the one door to them, features
what it moves. normalization: scales and shifts. modulation, fir, filtered_lrelu, cached_filters, winograd: layers of networks.
color, masks, crops, padding, resize, tiling: pictures. batches, blending: rows that repeat, are mixed and walked through.
"""
