"""How the built-in stylizer was trained: builtin (the losses and the loop), pictures (what it saw)."""
