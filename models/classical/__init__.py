"""Methods with no network: strokes, filters, patches and texture.

Pictures are [B, 3, H, W] in 0..1 at every public function. What is drawn by chance is drawn on the processor, so that a seed gives
the same result on every device.
"""
