"""Losses that drive an optimization or a training: each knows what it reads, its target, its value and its weight."""
