"""Losses that drive an optimization or a training: each knows what it reads, its target, its value and its weight.

term: a loss as a summary of pieces and its value. objective: what travels on a wire and makes terms for a picture's size.
content, style, statistics, distributions, patches, smoothness, text: the losses.
"""
