"""Pictures to features: encoder (a name, taps, any size), vgg (every published form), filter_bank and pixels (no weights).

differentiable and winograd_tiles: VGG with its gradient written out, for pictures that are found by optimization.
"""
