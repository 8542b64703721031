"""LoRA files: files (read), names and modules (what belongs together), facts (what a file says of itself), blocks, merge."""
