"""Style transfer without networks.

Strokes: paint_strokes, render_strokes. Filters: style_filter, with its inputs in filter_settings. drawings: SVG.
Patches: image_analogy, stylize_by_example, propagate_keyframes. Texture: synthesize_texture, texture_transfer. batches: what they
share.
"""
