"""Colors of one picture on another: what "keep the photo's colors" means."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .batches import rows_of
from .coral import coral
from .moments import measure
from .padding import same_size
from .rows import by_rows

# Rec. 601 luma, as in Gatys et al. 2016 (arXiv:1606.05897): Y, and two color-difference axes orthogonal to gray
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
KeepColorMethod = Literal["luminance", "coral", "mean_std", "histogram"]
TURNS = 10  # of the color space, for matching whole histograms
KNOTS = 1024
SAMPLES = 1 << 16


def rgb_to_yiq(rgb: Tensor) -> Tensor:
    """[B, 3, H, W] RGB 0..1 -> luma 0..1 and chroma, NTSC YIQ."""
    return torch.einsum("ij,bjhw->bihw", rgb.new_tensor(RGB_TO_YIQ), rgb)


def yiq_to_rgb(yiq: Tensor) -> Tensor:
    """The inverse of `rgb_to_yiq`, not clamped."""
    inverse = torch.linalg.inv(yiq.new_tensor(RGB_TO_YIQ))
    return torch.einsum("ij,bjhw->bihw", inverse, yiq)


def keep_color(image: Tensor, reference: Tensor, method: KeepColorMethod, strength: float = 1.0) -> Tensor:
    """Give `image` [B, 3, H, W] the colors of `reference` [B, 3, h, w], both in 0..1.

    luminance: image's luma with the reference's chroma, pixel by pixel (the reference is resized to the image);
    coral: the reference's color mean and covariance; mean_std: its channel means and deviations only (Reinhard-like);
    histogram: its whole distribution of colors.
    strength blends with the unchanged image. Raises ValueError for an unknown method.
    """
    batch = max(image.shape[0], reference.shape[0])
    image, reference = rows_of(image, 0, batch), rows_of(reference, 0, batch)
    if method == "luminance":
        changed = by_rows(with_chroma, image, same_size(reference, *image.shape[-2:]))
    elif method == "coral":
        changed = coral(image, reference)
    elif method == "mean_std":
        a, b = measure(image), measure(reference)
        scale = b.std() / a.std()
        shift = b.mean - a.mean * scale
        changed = by_rows(lambda x: x * scale[:, :, None, None] + shift[:, :, None, None], image)
    elif method == "histogram":
        changed = torch.cat([match_histogram(a, b) for a, b in zip(image.split(1), reference.split(1), strict=True)])
    else:
        raise ValueError(f"there is no color method {method!r}: choose luminance, coral, mean_std or histogram")
    return by_rows(lambda x, y: torch.lerp(x, y, strength).clamp(0, 1), image, changed)


def with_chroma(image: Tensor, reference: Tensor) -> Tensor:
    """The luma of one picture with the chroma of another."""
    return yiq_to_rgb(torch.cat([rgb_to_yiq(image)[:, :1], rgb_to_yiq(reference)[:, 1:]], dim=1))


def match_histogram(image: Tensor, reference: Tensor) -> Tensor:
    """Give image [1, 3, H, W] the distribution of colors of reference [1, 3, h, w], not clamped.

    In each of ten turned color spaces every axis takes the other's quantiles (Pitie, Kokaram and Dahyot 2005, N-dimensional
    probability density function transfer). Quantiles come from at most 65,536 evenly spread pixels. The turns are fixed, so
    the result is too.
    """
    wanted = reference.flatten(2)[0]
    generator = torch.Generator().manual_seed(0)
    for turn in range(TURNS):
        # the first along the channels themselves
        frame = torch.eye(3) if not turn else torch.linalg.qr(torch.randn(3, 3, generator=generator))[0]
        frame = frame.to(image)
        before, after = quantiles(image.flatten(2)[0], frame), quantiles(wanted, frame)
        image = by_rows(partial(matched_in, frame=frame, before=before, after=after), image)
    return image


def matched_in(image: Tensor, frame: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """image [1, 3, H, W] with `piecewise` done along each axis of a turned color space."""
    return (frame.T @ piecewise(frame @ image.flatten(2)[0], before, after)).view_as(image)


def quantiles(rows: Tensor, frame: Tensor) -> Tensor:
    """[D, n] -> [D, 1024] evenly spread quantiles of every row of frame @ rows, from at most 65,536 of its values."""
    step = max(1, rows.shape[1] // SAMPLES)
    ordered = (frame @ rows[:, ::step]).sort(dim=1).values
    at = torch.linspace(0, ordered.shape[1] - 1, KNOTS, device=rows.device).round().long()
    return ordered[:, at]


def piecewise(rows: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Every value of rows [D, n] by the function that takes knots `before` [D, K], ascending, to `after`, straight in between.

    Beyond the outermost knots values move with them.
    """
    upper = torch.searchsorted(before, rows.contiguous()).clamp(1, before.shape[1] - 1)
    x0, x1 = before.gather(1, upper - 1), before.gather(1, upper)
    y0, y1 = after.gather(1, upper - 1), after.gather(1, upper)
    share = ((rows - x0) / (x1 - x0).clamp_min(1e-8)).clamp(0, 1)
    outside = (rows - before[:, :1]).clamp_max(0) + (rows - before[:, -1:]).clamp_min(0)
    return torch.lerp(y0, y1, share) + outside


def luminance_only(content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Content [B, 3, H, W] and style [S, 3, h, w] as gray pictures, the style with the mean and spread of the content's luma, so
    that a transfer changes luma alone (Gatys et al. 2017, arXiv:1611.07865, section 5.1). Of a batch the first content counts.
    """
    luma, other = rgb_to_yiq(content)[:, :1], rgb_to_yiq(style)[:, :1]
    a, b = measure(luma[:1]), measure(other)
    scale = a.std() / b.std()
    matched = (other - b.mean[:, :, None, None]) * scale[:, :, None, None] + a.mean[:, :, None, None]
    return luma.expand(-1, 3, -1, -1).clamp(0, 1), matched.expand(-1, 3, -1, -1).clamp(0, 1)


def in_jet_colors(heat: Tensor) -> Tensor:
    """[B, 1, H, W] in 0..1 -> [B, 3, H, W]: blue, cyan, yellow, red, as heat maps are usually shown."""
    centers = torch.tensor([3.0, 2.0, 1.0], device=heat.device, dtype=heat.dtype)[None, :, None, None]
    return (1.5 - (4 * heat - centers).abs()).clamp(0, 1)
