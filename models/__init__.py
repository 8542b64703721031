"""Style transfer in pure PyTorch: it knows nothing of ComfyUI, of nodes or of what is on a screen.

From the ground up (a wing imports only from floors below its own; `tests/registry/test_walls.py` is the table): progress;
ops, weights; canvas, diffusion, encoders, lora, video; classical, decoders, generation, objectives, translation; metrics,
optimization, stylization; training; architecture; families; library.
"""
