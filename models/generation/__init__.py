"""Pictures from points of a latent space.

generator: the interface of every generator; mapping and noise: what they share. latents: points of W; latent_file: W saved;
walk: ways through W; directions: what to move along; projection: the W of a given picture.
"""
