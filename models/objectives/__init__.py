"""Losses that drive an optimisation or a training: each knows what it reads, its target, its value and its weight."""
