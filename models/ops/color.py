"""Colours of one picture on another: what "keep the photo's colours" means."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .coral import coral
from .moments import measure
from .padding import same_size
from .transfer import fill_batch

# Rec. 601 luma, as in Gatys et al. 2016 (arXiv:1606.05897): Y, and two colour-difference axes orthogonal to grey
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
KeepColorMethod = Literal["luminance", "coral", "mean_std"]


def rgb_to_yiq(rgb: Tensor) -> Tensor:
    """[B, 3, H, W] RGB 0..1 -> luma 0..1 and chroma, NTSC YIQ."""
    return torch.einsum("ij,bjhw->bihw", rgb.new_tensor(RGB_TO_YIQ), rgb)


def yiq_to_rgb(yiq: Tensor) -> Tensor:
    """The inverse of `rgb_to_yiq`, not clamped."""
    inverse = torch.linalg.inv(yiq.new_tensor(RGB_TO_YIQ))
    return torch.einsum("ij,bjhw->bihw", inverse, yiq)


def keep_color(image: Tensor, reference: Tensor, method: KeepColorMethod, strength: float = 1.0) -> Tensor:
    """Give `image` [B, 3, H, W] the colours of `reference` [B, 3, h, w], both in 0..1.

    luminance: image's luma with the reference's chroma, pixel by pixel (the reference is resized to the image);
    coral: the reference's colour mean and covariance; mean_std: its channel means and deviations only (Reinhard-like).
    strength blends with the unchanged image. Raises ValueError for an unknown method.
    """
    batch = max(image.shape[0], reference.shape[0])
    image, reference = fill_batch(image, batch), fill_batch(reference, batch)
    if method == "luminance":
        luma = rgb_to_yiq(image)[:, :1]
        chroma = rgb_to_yiq(same_size(reference, *image.shape[-2:]))[:, 1:]
        changed = yiq_to_rgb(torch.cat([luma, chroma], dim=1))
    elif method == "coral":
        changed = coral(image, reference)
    elif method == "mean_std":
        a, b = measure(image), measure(reference)
        scale = b.std() / a.std()
        changed = (image - a.mean[:, :, None, None]) * scale[:, :, None, None] + b.mean[:, :, None, None]
    else:
        raise ValueError(f"there is no colour method {method!r}: choose luminance, coral or mean_std")
    return torch.lerp(image, changed, strength).clamp(0, 1)


def in_jet_colors(heat: Tensor) -> Tensor:
    """[B, 1, H, W] in 0..1 -> [B, 3, H, W]: blue, cyan, yellow, red, as heat maps are usually shown."""
    centres = torch.tensor([3.0, 2.0, 1.0], device=heat.device, dtype=heat.dtype)[None, :, None, None]
    return (1.5 - (4 * heat - centres).abs()).clamp(0, 1)
