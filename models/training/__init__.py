"""One engine for every training: pictures, chance, steps, losses, checkpoints. Recipes live with their families."""
