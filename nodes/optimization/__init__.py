"""Pictures found by optimization: the one box, Optimize, and objectives on wires.

wires: what objective nodes share. run: an optimization under the host. clip: the host's CLIP as a judge.
"""
