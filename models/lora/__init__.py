"""LoRA files: files (written, settings beside), formats (what trainers write, brought to one), names and modules (what belongs
together), fit (which modules a model takes), facts (what a file says of itself), blocks, merge.
"""
