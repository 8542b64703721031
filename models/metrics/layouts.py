"""How the packages that papers' numbers come from hand pictures to Inception: the same network, three different numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

SIDE = 299
Layout = Literal["pytorch-fid", "clean-fid", "art-fid"]
LAYOUTS: dict[Layout, str] = {
    "pytorch-fid": "bilinear to 299 without antialiasing, 2x - 1",
    "clean-fid": "bicubic to 299 with antialiasing, (x - 128) / 128",
    "art-fid": "as it is, without resizing, 0..1",
}


def laid_out(images: Tensor, layout: Layout) -> Tensor:
    """Pictures [B, 3, H, W] in 0..1 as the network takes them: [B, 3, 299, 299] in about -1..1, for "art-fid" as they are."""
    if layout == "art-fid":
        return images
    if layout == "clean-fid":
        return (clean_resized(images * 255) - 128) / 128
    return 2 * F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False) - 1


def clean_resized(images: Tensor) -> Tensor:
    """Parmar et al. 2022, arXiv:2104.11222: Pillow's bicubic on each channel as float32, clipped to 0..255, not rounded."""
    planes = images.flatten(0, 1).cpu().float().numpy()
    resized = [np.asarray(Image.fromarray(plane).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for plane in planes]
    made = torch.from_numpy(np.stack(resized).clip(0, 255)).view(*images.shape[:2], SIDE, SIDE)
    return made.to(images.device)
