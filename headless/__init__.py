"""Runs workflows without ComfyUI, or hands them to a real one. Not part of what ComfyUI loads."""
