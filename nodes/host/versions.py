"""What the pack needs of the Python that runs it."""

from __future__ import annotations

import re

# Files are read without torch.load, in which older versions ran code in spite of weights_only; this is the oldest that is tested.
OLDEST_TORCH = (2, 4)


def check_torch(version: str) -> None:
    """Raise RuntimeError, in a sentence, for a PyTorch that is older than the oldest one."""
    found = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if found < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise RuntimeError(f"Style Atelier needs PyTorch {oldest} or newer and this is {version}: update ComfyUI's requirements.")
