"""Kuwahara's filters: each pixel takes the mean of its calmest side, so that areas become flat and edges stay.

Kuwahara et al. 1976 with four squares; Kyprianidis, Kang and Doellner 2009 (Image and Video Abstraction by Anisotropic Kuwahara
Filtering) with eight sectors of an ellipse along the picture's lines, with the polynomial weights of Kyprianidis et al. 2010
(Anisotropic Kuwahara Filtering with Polynomial Weighting Functions).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, pi, sin, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from .orientation import TENSOR_SIGMA, Orientation, orientation_of, reach
from .smoothing import luma

SECTORS = 8
HARDNESS = 255.0  # of a variance of 0..1, as in the authors' shader
FALL = 3.125  # of the weights from the center outwards
ANGLES, SHAPES = 64, 12  # of the tables of weights
TOGETHER = 2048  # pixels, so that what is gathered stays in the cache
TOGETHER_EXACT = 512


def kuwahara(rgb: Tensor, radius: int = 4) -> Tensor:
    """The mean of that one of four squares of side radius + 1, which share the pixel, whose luma varies least. Reflected border."""
    side = radius + 1
    height, width = rgb.shape[-2:]
    padded = reflected(rgb, radius)
    bright = luma(padded)
    means = F.avg_pool2d(padded, side, 1)
    center = bright.mean((2, 3), keepdim=True)  # brightness from its mean, or the difference of squares loses its digits
    moments = F.avg_pool2d(torch.cat([bright - center, (bright - center).square()], 1), side, 1)
    variance = moments[:, 1:] - moments[:, :1].square()
    best, spread = means[:, :, :height, :width], variance[:, :, :height, :width]
    for top, left in ((0, radius), (radius, 0), (radius, radius)):
        other = variance[:, :, top : top + height, left : left + width]
        calmer = other < spread
        best = torch.where(calmer, means[:, :, top : top + height, left : left + width], best)
        spread = torch.where(calmer, other, spread)
    return best


def reflected(x: Tensor, reach: int) -> Tensor:
    """Reflected about the border's pixels, as often as small pictures need."""
    while reach:
        step = min(reach, x.shape[-1] - 1, x.shape[-2] - 1)
        if step < 1:
            return F.pad(x, (reach,) * 4, mode="replicate")
        x, reach = F.pad(x, (step,) * 4, mode="reflect"), reach - step
    return x


@dataclass(frozen=True)
class Ellipse:
    """radius in pixels; alpha: 1 lets an edge's ellipse be four times as long as wide, large values leave circles; sharpness: how much
    the calmest sector is preferred (the paper's q); sigma: of the structure tensor.
    """

    radius: float = 6.0
    alpha: float = 1.0
    sharpness: float = 8.0
    sigma: float = TENSOR_SIGMA

    @property
    def halo(self) -> int:
        """How far from a pixel is read."""
        return 2 * ceil(self.radius) + reach(self.sigma)

    def axes(self, anisotropy: Tensor) -> tuple[Tensor, Tensor]:
        """Half axes along and across, in pixels."""
        along = self.radius * ((self.alpha + anisotropy) / self.alpha).clamp(0.1, 2)
        return along, self.radius * (self.alpha / (self.alpha + anisotropy)).clamp(0.1, 2)

    def offsets(self, like: Tensor) -> Tensor:
        """All places [n, 2] (right, down) that an ellipse may hold: half of them, the other half are their mirror images, and the
        center last.
        """
        far = 2 * ceil(self.radius)
        at = torch.arange(-far, far + 1, device=like.device)
        places = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).reshape(-1, 2)
        places = places[places.square().sum(1) <= (2 * self.radius) ** 2 + 1e-6]
        half = places[(places[:, 1] < 0) | ((places[:, 1] == 0) & (places[:, 0] < 0))]
        return torch.cat([half, half.new_zeros(1, 2)]).to(like)

    def weights(self, cosine: Tensor, sine: Tensor, along: Tensor, across: Tensor, places: Tensor) -> Tensor:
        """Of every sector at every place, for n directions: [8, n, places]. Zero outside of the ellipse.

        Sectors k and k + 4 are each other's mirror images.
        """
        zeta = 2 / self.radius
        eta = (zeta + cos(pi / SECTORS)) / sin(pi / SECTORS) ** 2
        right, down = places.unbind(1)
        u = (cosine / along)[:, None] * right + (sine / along)[:, None] * down
        v = (-sine / across)[:, None] * right + (cosine / across)[:, None] * down
        square = u.square() + v.square()
        half = sqrt(0.5)
        turned = (half * (u - v), half * (u + v))
        found = u.new_empty(SECTORS, *u.shape)
        for first, (a, b) in enumerate(((u, v), turned)):
            low, high = zeta - eta * a.square(), zeta - eta * b.square()
            for number, sector in enumerate((low + b, high - a, low - b, high + a)):
                torch.square(sector.clamp_min_(0), out=found[2 * number + first])
        scale = torch.exp(-FALL * square) / found.sum(0)
        return found.mul_(torch.where(square <= 1, scale, torch.zeros_like(scale)))


def anisotropic_kuwahara(
    rgb: Tensor,
    radius: float = 6.0,
    alpha: float = 1.0,
    sharpness: float = 8.0,
    sigma: float = TENSOR_SIGMA,
    exact: bool = True,
    field: Orientation | None = None,
) -> Tensor:
    """[B, 3, H, W] -> flat areas with clean, flowing edges; beyond the border the border's values.

    exact: weights of each pixel's own direction; else of the nearest of 64 directions and 12 shapes, which is several times as fast
    and off by less than can be seen. field: directions to follow in place of the picture's own.
    """
    ellipse = Ellipse(radius, alpha, sharpness, sigma)
    field = orientation_of(rgb, sigma) if field is None else field
    carry_out = exactly if exact else by_tables
    pictures = [carry_out(rgb[i], Orientation(field.tangent[i], field.anisotropy[i]), ellipse) for i in range(rgb.shape[0])]
    return torch.stack(pictures)


class Samples:
    """A picture [3, H, W] as rows (r, g, b, r^2 + g^2 + b^2) with a border, for gathering. Colors are from the middle of the range."""

    def __init__(self, rgb: Tensor, border: int) -> None:
        self.border, self.stride = border, rgb.shape[2] + 2 * border
        padded = F.pad(rgb[None] - 0.5, (border,) * 4, mode="replicate")[0]
        rows = torch.cat([padded, padded.square().sum(0, keepdim=True)]).flatten(1).T.contiguous()
        # One number of 16 bytes is copied several times as fast as a row of four.
        self.wide = rows.device.type == "cpu" and rows.dtype == torch.float32
        self.rows = rows.view(torch.complex128)[:, 0] if self.wide else rows

    def steps(self, places: Tensor) -> Tensor:
        """Offsets (right, down) as steps in the rows."""
        right, down = places.long().unbind(1)
        return down * self.stride + right

    def take(self, at: Tensor) -> Tensor:
        """Rows [..., 4] at positions of any shape."""
        found = self.rows.index_select(0, at.reshape(-1))
        found = found[:, None].view(torch.float32) if self.wide else found
        return found.view(*at.shape, 4)


def joined(sums: Tensor, totals: Tensor, sharpness: float) -> Tensor:
    """Weighted sums of rows [8, ..., 4] and of weights [8, ...] -> colors [..., 3]: the calm sectors' means count most."""
    means = sums / totals[..., None]
    variance = (means[..., 3] - means[..., :3].square().sum(-1)).clamp_min(0)
    share = 1 / (1 + (HARDNESS * variance).pow(sharpness / 2))
    return (means[..., :3] * share[..., None]).sum(0) / share.sum(0)[..., None] + 0.5


def exactly(rgb: Tensor, field: Orientation, ellipse: Ellipse) -> Tensor:
    """By the formula: every pixel has weights of its own."""
    _, height, width = rgb.shape
    places = ellipse.offsets(rgb)
    samples = Samples(rgb, 2 * ceil(ellipse.radius))
    steps = samples.steps(places)
    along, across = ellipse.axes(field.anisotropy[0])
    tangent = unit(field.tangent)
    numbers = torch.stack([*tangent, along, across]).flatten(1)
    at = index_of(height, width, samples, rgb.device)
    made = torch.empty(height * width, 3, device=rgb.device, dtype=rgb.dtype)
    for start in range(0, height * width, TOGETHER_EXACT):
        part = slice(start, start + TOGETHER_EXACT)
        weights = ellipse.weights(*numbers[:, part], places)
        here = samples.take(at[part, None] + steps)
        there = samples.take(at[part, None] - steps[:-1])
        mirrored = weights[..., :-1].roll(SECTORS // 2, 0)
        sums = torch.matmul(weights.movedim(0, 1), here) + torch.matmul(mirrored.movedim(0, 1), there)
        totals = weights.sum(-1) + mirrored.sum(-1)
        made[part] = joined(sums.movedim(1, 0), totals, ellipse.sharpness)
    return made.T.reshape(3, height, width)


def unit(tangent: Tensor) -> Tensor:
    """Unit vectors [2, H, W]; to the right where there is no direction."""
    none = (tangent == 0).all(0)
    return torch.stack([tangent[0] + none.to(tangent), tangent[1]])


def index_of(height: int, width: int, samples: Samples, device: torch.device) -> Tensor:
    """Where each pixel is among the samples, [H * W]."""
    rows = torch.arange(height, device=device)[:, None] + samples.border
    return (rows * samples.stride + torch.arange(width, device=device) + samples.border).flatten()


def by_tables(rgb: Tensor, field: Orientation, ellipse: Ellipse) -> Tensor:
    """Pixels of one direction and shape share their weights, and become one product of matrices."""
    _, height, width = rgb.shape
    half = ellipse.offsets(rgb)
    places = torch.cat([half, -half[:-1]])
    samples = Samples(rgb, 2 * ceil(ellipse.radius))
    right, down = unit(field.tangent)
    angle = torch.remainder(torch.atan2(down, right) / pi, 1)
    which = (angle * ANGLES).long().clamp_max(ANGLES - 1) * SHAPES
    which = which + (field.anisotropy[0] * SHAPES).long().clamp_max(SHAPES - 1)
    order = which.flatten().argsort(stable=True)
    at = index_of(height, width, samples, rgb.device)[order]
    counts = torch.bincount(which.flatten(), minlength=ANGLES * SHAPES).tolist()
    turns = (torch.arange(ANGLES, device=rgb.device, dtype=rgb.dtype) + 0.5) * (pi / ANGLES)
    shapes = (torch.arange(SHAPES, device=rgb.device, dtype=rgb.dtype) + 0.5) / SHAPES
    along, across = ellipse.axes(shapes)
    made = torch.empty(height * width, 3, device=rgb.device, dtype=rgb.dtype)
    start = 0
    for number, count in enumerate(counts):
        turn, shape = turns[number // SHAPES, None], number % SHAPES
        stop = start + count
        if count:
            weights = ellipse.weights(turn.cos(), turn.sin(), along[shape, None], across[shape, None], places)[:, 0]
            inside = weights.sum(0) > 0
            weights, steps = weights[:, inside].contiguous(), samples.steps(places[inside])
            totals = weights.sum(1)
        while start < stop:
            part = slice(start, min(start + TOGETHER, stop))
            taken = samples.take(at[part] + steps[:, None])
            sums = (weights @ taken.flatten(1)).view(SECTORS, -1, 4)
            made[order[part]] = joined(sums, totals[:, None], ellipse.sharpness)
            start = part.stop
    return made.T.reshape(3, height, width)
