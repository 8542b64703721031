"""Style transfer without networks.

Patches: image_analogy, stylize_by_example, propagate_keyframes. Texture: synthesize_texture, texture_transfer. batches: what they
share.
"""
