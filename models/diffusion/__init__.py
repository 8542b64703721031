"""The mathematics of style in diffusion models, with no model in it: whoever calls gives what denoises, and what attends.

schedule: noise levels. trajectory, injection: StyleID. distillation: Attention Distillation. guidance: moments of what a model
predicts. style_noise: the start of sampling. blocks: names of a UNet's blocks.
"""
