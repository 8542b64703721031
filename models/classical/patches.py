"""Patches as short rows of numbers, exact whatever the device.

Two patches are compared by the sum of squared differences of their pixels, 75 numbers for 5x5 of RGB. Turned to the principal
axes of the source's patches the same sum is in a few numbers, the largest first, so that a search reads a cache line instead
of five rows of a picture. Kernels and results are rounded to whole numbers that float32 adds without error: what is compared
later is the same to the bit on every device and with any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLES = 6000
KERNEL_STEPS = 1024  # of the largest weight: eleven bits, which even the short mantissa of TF32 holds
EXACT = float(1 << 24)  # whole numbers up to here add exactly in float32
WHITE = 255.0
BAND = 1 << 15  # positions worked on at once: what is read for them stays in the cache


@dataclass(frozen=True)
class PatchBasis:
    """Principal axes of patches. kernels: [K, C, P, P], whole numbers. unit: what a kernel's sum is multiplied by."""

    kernels: Tensor
    unit: float

    @property
    def patch(self) -> int:
        """Side of a patch."""
        return self.kernels.shape[-1]

    @property
    def reach(self) -> int:
        """Pixels of a patch on each side of its middle."""
        return self.patch // 2


def energy_unit(weights: Tensor, patch: int) -> float:
    """What differences are multiplied by so that the largest energy of a patch stays exact, at most 1.

    weights: [C] of every channel, of styles and guides together.
    """
    return min(1.0, (EXACT / (float(weights.sum()) * patch**2 * WHITE**2)) ** 0.5)


def fit_basis(
    picture: Tensor, weights: Tensor, patch: int, kept: float, most: int, unit: float, chance: torch.Generator
) -> PatchBasis:
    """The axes that keep the share `kept` of the variance of a picture's patches, at most `most` of them.

    picture: [1, C, H, W], whole numbers in 0..255. weights: [C], by which squared differences count.
    """
    device = picture.device
    extended = extend(picture, patch // 2, False).cpu()
    height, width = picture.shape[-2:]
    places = torch.randint(height * width, (min(SAMPLES, height * width),), generator=chance)
    rows, columns = places.div(width, rounding_mode="floor"), places % width
    drawn = extended.unfold(2, patch, 1).unfold(3, patch, 1)[0][:, rows, columns]  # [C, samples, P, P]
    scales = weights.double().cpu().sqrt()
    drawn = (drawn.double() * scales[:, None, None, None]).movedim(1, 0).flatten(1)
    drawn = drawn - drawn.mean(0)
    values, axes = torch.linalg.eigh(drawn.T @ drawn)
    values, axes = values.flip(0).clamp_min(0), axes.flip(1)
    share = values.cumsum(0) / values.sum().clamp_min(1e-12)
    count = int(min(max(int((share < kept).sum()) + 1, 1), most, len(values)))
    axes = axes[:, :count]
    axes = axes * torch.where(axes.sum(0) < 0, -1.0, 1.0)
    kernels = axes.T.reshape(count, picture.shape[1], patch, patch) * scales[None, :, None, None]
    largest, most_sum = float(kernels.abs().max()), float(kernels.abs().sum((1, 2, 3)).max()) * WHITE
    factor = min(KERNEL_STEPS / max(largest, 1e-12), EXACT / max(most_sum, 1e-12))
    return PatchBasis((kernels * factor).round().float().to(device), unit / factor)


def extend(picture: Tensor, reach: int, wrap: bool) -> Tensor:
    """Picture [1, C, H, W] with `reach` more pixels on all sides: from the other side, or the border's own."""
    if not wrap:
        return F.pad(picture, (reach,) * 4, mode="replicate")
    height, width = picture.shape[-2:]
    rows = torch.arange(-reach, height + reach, device=picture.device) % height
    columns = torch.arange(-reach, width + reach, device=picture.device) % width
    return picture[:, :, rows][..., columns]


def bands(height: int, width: int, size: int = BAND) -> Iterator[tuple[int, int]]:
    """First and last row (not included) of bands of about `size` pixels."""
    step = max(1, size // width)
    for top in range(0, height, step):
        yield top, min(top + step, height)


def project(picture: Tensor, basis: PatchBasis, wrap: bool = False) -> Tensor:
    """Every patch of picture [1, C, H, W] (whole numbers in 0..255) as a row of whole numbers, [H * W, K].

    Beyond the border are the border's values, or with `wrap` the other side's.
    """
    height, width = picture.shape[-2:]
    extended = extend(picture, basis.reach, wrap)
    out = picture.new_empty(height * width, len(basis.kernels))
    with torch.backends.cudnn.flags(enabled=False):  # its fast algorithms would round
        for top, bottom in bands(height, width):
            made = F.conv2d(extended[:, :, top : bottom + 2 * basis.reach], basis.kernels)
            out[top * width : bottom * width] = made.mul_(basis.unit).round_()[0].flatten(1).T
    return out
