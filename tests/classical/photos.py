"""Pictures for the tests of classical methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT.parent / "shared" / "golden" / "classical"


def golden(name: str) -> dict[str, Any]:
    """A file of golden numbers; the test is skipped, and says so, where the shared folder is not there."""
    path = GOLDEN / f"{name}.golden.pt"
    if not path.is_file():
        pytest.skip(f"no golden numbers: {path} is missing")
    return torch.load(path, weights_only=True)


def photo(width: int, height: int) -> Tensor:
    """The sample photograph, [1, 3, height, width] in 0..1."""
    with Image.open(ROOT / "samples" / "photo.jpg") as opened:
        pixels = np.asarray(opened.convert("RGB").resize((width, height)), dtype=np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0)[None]


def picture_of(numbers: Tensor) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]."""
    return numbers.movedim(-1, 0)[None]
