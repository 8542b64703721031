"""Walking along and across a picture's lines: smoothing, integrals, and lines that grow.

A place is a pixel and how far away from it (in pixels): so it is read the same in a strip as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import torch
from torch import Tensor

from .smoothing import bell


class Walker:
    """Walks from every pixel of fields of one size. tangent: [B, 2, H, W], unit vectors (right, down), the sign of no meaning."""

    def __init__(self, tangent: Tensor) -> None:
        self.tangent = tangent
        batch, _, height, width = tangent.shape
        self.height, self.width = height, width
        self.row = torch.arange(height, device=tangent.device, dtype=tangent.dtype).view(1, 1, height, 1)
        self.column = torch.arange(width, device=tangent.device, dtype=tangent.dtype).view(1, 1, 1, width)
        self.first = (torch.arange(batch, device=tangent.device) * (height * width)).view(batch, 1, 1, 1)
        self.rows = torch.view_as_complex(tangent.movedim(1, -1).reshape(-1, 2).contiguous())

    def index(self, right: Tensor, down: Tensor) -> Tensor:
        """Where whole steps [B, 1, H, W] from each pixel lead in flattened pictures; no farther than the border."""
        column = (right + self.column).clamp(0, self.width - 1)
        row = (down + self.row).clamp(0, self.height - 1)
        return (row * self.width + column).long()

    def read(self, x: Tensor, right: Tensor, down: Tensor) -> Tensor:
        """x [B, C, H, W] between pixels, bilinear, as far away from each as right, down [B, 1, H, W] say."""
        left, top = right.floor(), down.floor()
        across, along = right - left, down - top
        flat = x.flatten(2)

        def corner(i: int, j: int) -> Tensor:
            at = self.index(left + j, top + i).flatten(2)
            return flat.gather(2, at.expand(-1, x.shape[1], -1)).view_as(x)

        upper = torch.lerp(corner(0, 0), corner(0, 1), across)
        return torch.lerp(upper, torch.lerp(corner(1, 0), corner(1, 1), across), along)

    def direction(self, right: Tensor, down: Tensor) -> Tensor:
        """The field's own vector at the nearest pixel, [B, 2, H, W]."""
        at = self.index((right + 0.5).floor(), (down + 0.5).floor()) + self.first
        found = torch.view_as_real(self.rows.index_select(0, at.flatten()))
        return found.view(*right.shape[:1], self.height, self.width, 2).movedim(-1, 1)

    def walk(self, steps: int, sign: float, length: float = 1.0) -> Iterator[tuple[Tensor, Tensor]]:
        """Where each pixel comes to (right, down) after 1, 2, ... steps along the field, `sign` 1 forwards and -1 backwards.

        Second order (a half step first), without turning around.
        """
        last = self.tangent * sign
        right, down = torch.zeros_like(last[:, :1]), torch.zeros_like(last[:, :1])
        for _ in range(steps):
            half = self._ahead(right + length / 2 * last[:, :1], down + length / 2 * last[:, 1:], last)
            right, down = right + length * half[:, :1], down + length * half[:, 1:]
            last = self._ahead(right, down, half)
            yield right, down

    def _ahead(self, right: Tensor, down: Tensor, last: Tensor) -> Tensor:
        found = self.direction(right, down)
        turned = (found * last).sum(1, keepdim=True) < 0
        return torch.where(turned, -found, found)


def smooth_along(x: Tensor, tangent: Tensor, sigma: float, truncate: float = 2.0) -> Tensor:
    """x [B, C, H, W] smoothed along the lines by a Gaussian."""
    weights = bell(sigma, truncate, x)
    reach = len(weights) // 2
    walker = Walker(tangent)
    total = weights[reach] * x
    for sign in (1.0, -1.0):
        for step, (right, down) in enumerate(walker.walk(reach, sign), 1):
            total = total + weights[reach + step] * walker.read(x, right, down)
    return total


def smooth_across(x: Tensor, tangent: Tensor, sigmas: tuple[float, ...], truncate: float = 2.45) -> list[Tensor]:
    """x [B, C, H, W] smoothed on straight lines across the field, by several Gaussians at once."""
    walker = Walker(tangent)
    reach = max(1, ceil(truncate * max(sigmas)))
    totals, sums = [x.clone() for _ in sigmas], [1.0 for _ in sigmas]
    for step in range(1, reach + 1):
        right, down = -step * tangent[:, 1:], step * tangent[:, :1]
        pair = walker.read(x, right, down) + walker.read(x, -right, -down)
        for number, sigma in enumerate(sigmas):
            weight = float(torch.exp(torch.tensor(-step * step / (2 * sigma * sigma), dtype=torch.float64)))
            totals[number] += weight * pair
            sums[number] += 2 * weight
    return [total / weight for total, weight in zip(totals, sums, strict=True)]


def line_integral(x: Tensor, tangent: Tensor, length: float) -> Tensor:
    """x [B, C, H, W] averaged over `length` pixels of the line through each pixel (Cabral and Leedom 1993)."""
    steps = max(1, round(length / 2))
    walker = Walker(tangent)
    total = x.clone()
    for sign in (1.0, -1.0):
        for right, down in walker.walk(steps, sign):
            total += walker.read(x, right, down)
    return total / (2 * steps + 1)


def integral_reach(length: float) -> int:
    """How far `line_integral` reads."""
    return max(1, round(length / 2)) + 2
