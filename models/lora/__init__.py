"""Low-rank adaptations of diffusion models as files: their blocks, what they are, and their merging."""
