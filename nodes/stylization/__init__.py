"""Any photo in the style of any picture: one box, its parts, clips, comparisons, and styles to keep.

loaders: encoder, decoder, stylizer. stylize, stylize_video, compare_stylizers. features: the parts of the closed forms. color:
the photo's colors kept. styles, style_files: styles taken once. taken: pictures and styles at the door. temporal: flicker.
"""
