"""Style transfer in pure PyTorch: it knows nothing of ComfyUI, of nodes or of files on a screen.

From the ground up (a wing imports only from floors below its own, `tests/registry/test_walls.py` holds the table):
progress; ops, weights; canvas, encoders, decoders, lora, video; stylization, translation, generation, objectives;
optimization, metrics; architecture, families; library; training.
"""
