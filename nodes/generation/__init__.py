"""Pictures from a latent space: loader, Synthesize, points of W and their files, directions, projection, measures."""
