"""How far the colors of two pictures are apart, of any sizes, wherever in the picture they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

QUANTILES = 1024
BINS, REACH, WIDTH = 64, 3.0, 0.02  # HistoGAN's settings
TINY = 1e-6
LARGEST_SIDE = 150  # of pictures whose histogram is taken, as the authors do
RGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)  # D65


def lab(rgb: Tensor) -> Tensor:
    """CIE L*a*b* under D65 of sRGB [B, 3, H, W] in 0..1: L in 0..100."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,bjhw->bihw", linear.new_tensor(RGB_TO_XYZ), linear) / linear.new_tensor(WHITE)[:, None, None]
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-9) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def color_distance(a: Tensor, b: Tensor) -> Tensor:
    """Earth mover's distance of the histograms of L*, a* and b*, each on its own, summed, [B]; in the units of Lab.

    a, b: [B, 3, H, W] in 0..1 of any sizes. In one dimension it is the mean distance of equal quantiles.
    """
    levels = (torch.arange(QUANTILES, dtype=torch.float64, device=a.device) + 0.5) / QUANTILES
    found = [torch.stack([quantiles(row, levels) for row in lab(x.double()).flatten(2).flatten(0, 1)]) for x in (a, b)]
    return (found[0] - found[1]).abs().mean(1).view(a.shape[0], 3).sum(1)


def quantiles(values: Tensor, levels: Tensor) -> Tensor:
    """Of one row of values, by nearest rank: without interpolation they are moments of the true histogram."""
    ordered = values.sort().values
    return ordered[(levels * len(ordered)).long().clamp_max(len(ordered) - 1)]


def histogram_distance(a: Tensor, b: Tensor) -> Tensor:
    """Hellinger distance of RGB-uv histograms (Afifi et al. 2021, HistoGAN, arXiv:2011.11731, equations 1 to 5), [B]: 0 to 1.

    a, b: [B, 3, H, W] in 0..1 of any sizes.
    """
    x, y = (color_histogram(picture).sqrt() for picture in (a, b))
    return (x - y).square().sum(dim=(1, 2, 3)).sqrt() / 2**0.5


def color_histogram(rgb: Tensor) -> Tensor:
    """Log-chroma histogram of each channel against the two others, [B, 3, 64, 64], of sum 1; pixels weigh by brightness."""
    scale = LARGEST_SIDE / max(rgb.shape[-2:])
    if scale < 1:
        size = [max(1, round(side * scale)) for side in rgb.shape[-2:]]
        rgb = F.interpolate(rgb, size, mode="bilinear", antialias=True)
    pixels = rgb.clamp(0, 1).flatten(2).double()  # [B, 3, N]
    weight = (pixels.square().sum(1) + TINY).sqrt()
    logs = (pixels + TINY).log()
    places = torch.linspace(-REACH, REACH, BINS, dtype=pixels.dtype, device=pixels.device)
    planes = []
    for channel in range(3):
        one, two = (logs[:, channel] - logs[:, other] for other in range(3) if other != channel)
        u, v = (1 / (1 + ((d[..., None] - places) / WIDTH).square()) for d in (one, two))  # [B, N, 64]
        planes.append(torch.einsum("bnu,bn,bnv->buv", u, weight, v))
    found = torch.stack(planes, dim=1)
    return found / found.sum(dim=(1, 2, 3), keepdim=True)
