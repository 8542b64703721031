"""Optical flow between two frames, and what becomes visible or hidden between them.

TV-L1: the flow that explains the brightness with the least total variation, coarse to fine, by a duality (Zach, Pock and Bischof
2007; Sanchez Perez, Meinhardt-Llopis and Facciolo 2013, IPOL 26), with a median filter between warps (Wedel et al. 2009). No
learned weights, so nothing to download; good for moderate motion, to a tenth of a pixel where there is texture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.color import rgb_to_yiq

# IPOL 26's, for brightness in 0..255
ATTACHMENT = 0.15
TIGHTNESS = 0.3
TIME_STEP = 0.25
WARPS = 5
STEPS = 20
LEAST_SIDE = 16
BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # before halving


def optical_flow(first: Tensor, second: Tensor) -> Tensor:
    """Frames [N, 3, H, W] in 0..1 -> flow [N, 2, H, W] in pixels to the right and down: first(x) is second(x + flow(x))."""
    levels = [(255 * rgb_to_yiq(first)[:, :1], 255 * rgb_to_yiq(second)[:, :1])]
    while min(levels[-1][0].shape[-2:]) >= 2 * LEAST_SIDE:
        levels.append((halved(levels[-1][0]), halved(levels[-1][1])))
    flow = first.new_zeros(first.shape[0], 2, *levels[-1][0].shape[-2:])
    for a, b in reversed(levels):
        flow = _refined(a, b, resized_flow(flow, *a.shape[-2:]))
    return flow


def halved(x: Tensor) -> Tensor:
    """[N, 1, H, W] blurred by a binomial of five and every second position taken."""
    line = x.new_tensor(BLUR)
    padded = F.pad(x, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(padded, line.view(1, 1, 1, 5), stride=(1, 2)), line.view(1, 1, 5, 1), stride=(2, 1))


def resized_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """A flow [N, 2, h, w] for frames of another size."""
    if flow.shape[-2:] == (height, width):
        return flow
    factors = flow.new_tensor([width / flow.shape[-1], height / flow.shape[-2]]).view(1, 2, 1, 1)
    return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * factors


def places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row that each position goes to, [N, H, W] each."""
    height, width = flow.shape[-2:]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    return flow[:, 0] + columns, flow[:, 1] + rows[:, None]


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """images [N, C, H, W] read at x + flow(x), bilinear, beyond the border the border's values.

    A flow of zero gives the images themselves, to the bit, which torch's grid_sample does not.
    """
    height, width = images.shape[-2:]
    column, row = places(flow)
    column, row = column.clamp(0, width - 1), row.clamp(0, height - 1)
    left, top = column.floor().clamp_max(max(width - 2, 0)), row.floor().clamp_max(max(height - 2, 0))
    across, down = (column - left)[:, None], (row - top)[:, None]
    start = (top * width + left).long().flatten(1)[:, None]
    right, below = min(width - 1, 1), min(height - 1, 1) * width
    flat = images.flatten(2)
    corners = [
        flat.gather(2, (start + step).expand(-1, images.shape[1], -1)).view(images.shape)
        for step in (0, right, below, below + right)
    ]
    return torch.lerp(torch.lerp(corners[0], corners[1], across), torch.lerp(corners[2], corners[3], across), down)


def inside(flow: Tensor) -> Tensor:
    """Which positions stay on the frame, [N, 1, H, W] of booleans."""
    height, width = flow.shape[-2:]
    column, row = places(flow)
    return ((column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1))[:, None]


def occluded(flow: Tensor, back: Tensor) -> Tensor:
    """Which positions of a frame are not seen in the other, or lie at the border of a motion, [N, 1, H, W] of booleans.

    flow: of the frame, to the other. back: of the other, to the frame. Ruder, Dosovitskiy and Brox 2016 (arXiv:1604.08610), after
    Sundaram et al. 2010: |w + v|^2 > 0.01 (|w|^2 + |v|^2) + 0.5 with w = back(x + flow(x)), v = flow(x), or
    |grad u|^2 + |grad v|^2 > 0.01 |flow|^2 + 0.002. Positions that leave the frame count too.
    """
    there = warp(back, flow)
    length = flow.square().sum(1, keepdim=True)
    apart = (there + flow).square().sum(1, keepdim=True) > 0.01 * (there.square().sum(1, keepdim=True) + length) + 0.5
    across, down = _differences(flow)
    border = (across.square() + down.square()).sum(1, keepdim=True) > 0.01 * length + 0.002
    return apart | border | ~inside(flow)


def _refined(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Flow at one size of brightness [N, 1, H, W] in 0..255, from the one at the size below."""
    limit = ATTACHMENT * TIGHTNESS
    gradient = torch.cat(_central(second), dim=1)
    dual = torch.zeros_like(flow), torch.zeros_like(flow)
    for _ in range(WARPS):
        moved, slope = warp(second, flow), warp(gradient, flow) * inside(flow)
        square = slope.square().sum(1, keepdim=True)
        rest = moved - first - (slope * flow).sum(1, keepdim=True)  # brightness that flow does not explain, at flow 0
        for _ in range(STEPS):
            wrong = rest + (slope * flow).sum(1, keepdim=True)
            step = torch.where(wrong.abs() <= limit * square, -wrong / square.clamp_min(1e-9), -limit * wrong.sign())
            flow = flow + step * slope + TIGHTNESS * _divergence(*dual)
            across, down = _differences(flow)
            length = 1 + TIME_STEP / TIGHTNESS * (across.square() + down.square()).sqrt()
            dual = tuple((p + TIME_STEP / TIGHTNESS * d) / length for p, d in zip(dual, (across, down), strict=True))
        flow = _median(flow)
    return flow


def _central(x: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """Forward differences along columns and rows, zero at the last."""
    return F.pad(x[..., 1:] - x[..., :-1], (0, 1)), F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))


def _divergence(across: Tensor, down: Tensor) -> Tensor:
    """Minus the adjoint of `_differences`."""
    across, down = across[..., :-1], down[..., :-1, :]
    return F.pad(across, (0, 1)) - F.pad(across, (1, 0)) + F.pad(down, (0, 0, 0, 1)) - F.pad(down, (0, 0, 1, 0))


def _median(x: Tensor) -> Tensor:
    """The median of every 3x3 positions."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    height, width = x.shape[-2:]
    return torch.stack([padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]).median(0).values
