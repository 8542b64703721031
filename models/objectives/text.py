"""Losses that follow words: CLIPstyler's directions in the space where CLIP puts pictures and texts (Kwon and Ye 2022,
arXiv:2112.00374).

CLIP itself comes from outside, as functions that give embeddings; here is what is done with them. Embeddings come with any
length: they are brought to length 1 here, before anything is subtracted, as the authors do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .objective import Objective, Scene
from .term import PictureTerm

Embed = Callable[[Tensor], Tensor]  # pictures [B, 3, S, S] in 0..1, S the network's own side -> [B, D]
DISTORTION = 0.5
CROPS_AT_ONCE = 8
LEAST_MOVE = 0.1  # of embeddings of length 1; below it the direction is mostly rounding, and its slope without bounds


def text_direction(style: Tensor, source: Tensor) -> Tensor:
    """From the source text's embedding to the style's [1, D]. Both are [N, D]: of the text in N sentences, which are averaged."""
    return F.normalize(style.mean(0, keepdim=True), dim=-1) - F.normalize(source.mean(0, keepdim=True), dim=-1)


class DirectionTerm(PictureTerm):
    """One minus the cosine between where the picture went and where the words point (eq. 2). One, with a slope, where the
    picture did not go anywhere yet, as when an optimization starts from the content.

    embed, side: CLIP and the side of its pictures. origin [1, D]: of the content picture, of length 1. direction [1, D]: from
    the source text to the style's.
    """

    def __init__(self, embed: Embed, side: int, origin: Tensor, direction: Tensor) -> None:
        self.embed, self.side = embed, side
        self.origin, self.direction = origin, F.normalize(direction, dim=-1)

    def value(self, picture: Tensor, chance: torch.Generator) -> Tensor:
        return self.distance(resized(picture, self.side)).mean()

    def distance(self, views: Tensor) -> Tensor:
        """One minus the cosine, for each of some pictures [B, 3, side, side]."""
        moved = F.normalize(self.embed(views), dim=-1) - self.origin
        return 1 - (moved * self.direction).sum(1) / torch.linalg.vector_norm(moved, dim=1).clamp_min(LEAST_MOVE)


class PatchDirectionTerm(DirectionTerm):
    """The same of random crops, each seen from a random perspective; crops that are near enough already do not count (eq. 3-5).

    crop: side over the picture's shorter one. threshold: of one minus the cosine. at_once: crops that pass CLIP together, forth
    and back before the next ones come, so that memory does not grow with their number.
    """

    def __init__(
        self,
        embed: Embed,
        side: int,
        origin: Tensor,
        direction: Tensor,
        crops: int = 64,
        crop: float = 0.25,
        threshold: float = 0.7,
        at_once: int = CROPS_AT_ONCE,
    ) -> None:
        super().__init__(embed, side, origin, direction)
        self.crops, self.crop, self.threshold, self.at_once = crops, crop, threshold, at_once

    def value(self, picture: Tensor, chance: torch.Generator) -> Tensor:
        total = picture.new_zeros(())
        for start in range(0, self.crops, self.at_once):
            views = self.views(picture, min(self.at_once, self.crops - start), chance)
            total = total + with_slope(self.rejected, views)
        return total / self.crops

    def rejected(self, views: Tensor) -> Tensor:
        """The sum over those crops that are not near enough."""
        distance = self.distance(views)
        return torch.where(distance < self.threshold, 0.0, distance).sum()

    def views(self, picture: Tensor, count: int, chance: torch.Generator) -> Tensor:
        """Random crops [count, 3, side, side] of a picture [1, 3, H, W]."""
        height, width = picture.shape[-2:]
        side = max(1, min(round(self.crop * min(height, width)), height, width))
        made = []
        for _ in range(count):
            across, down, *corners = torch.rand(10, generator=chance).tolist()
            top, left = int(down * (height - side + 1)), int(across * (width - side + 1))
            cut = picture[:, :, top : top + side, left : left + side]
            if side > self.side:  # what samples the grid below reads four pixels and would pass over the others
                cut = resized(cut, self.side)
            grid = perspective(corners, self.side).to(picture)
            made.append(F.grid_sample(cut, grid, padding_mode="zeros", align_corners=False))
        return torch.cat(made)


class Known(torch.autograd.Function):
    """A number whose slope at x is known already."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * ctx.saved_tensors[0], None, None


def with_slope(work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """work(x), a number, with its gradient taken right away, so that nothing but the slope is kept. First derivatives only."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return work(x)
    leaf = x.detach().requires_grad_()
    value = work(leaf)
    return Known.apply(x, value.detach(), torch.autograd.grad(value, leaf)[0])  # type: ignore[no-any-return]


def perspective(corners: list[float], side: int) -> Tensor:
    """Sampling grid [1, side, side, 2] that draws the four corners in, each by up to half of `DISTORTION` of the side.

    corners: eight numbers in 0..1, across and down for each corner from the top left on, clockwise.
    """
    start = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    moved = start * (1 - DISTORTION * torch.tensor(corners, dtype=torch.float64).view(4, 2))
    # where a pixel of the result comes from: the projective map that takes the moved corners to the old ones
    rows, wanted = [], []
    for (x, y), (u, v) in zip(moved.tolist(), start.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved = torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), torch.tensor(wanted, dtype=torch.float64))
    matrix = torch.cat([solved, solved.new_ones(1)]).view(3, 3)
    line = (torch.arange(side, dtype=torch.float64) * 2 + 1) / side - 1
    points = torch.stack([line.expand(side, side), line[:, None].expand(side, side), torch.ones(side, side).double()], dim=-1)
    mapped = points @ matrix.T
    return (mapped[..., :2] / mapped[..., 2:])[None]


def resized(picture: Tensor, side: int) -> Tensor:
    """The whole picture squeezed into a square, as CLIPstyler shows it to CLIP; has a gradient."""
    return F.interpolate(picture, size=(side, side), mode="bicubic", align_corners=False, antialias=True)


@dataclass(frozen=True, repr=False)
class TextObjective(Objective):
    """What a text says a picture should look like.

    embed, side: CLIP and the side of its pictures. direction [1, D]: see `text_direction`.
    picture [B, 3, H, W]: the content, where the direction starts. direction_share, patch_share: of the two losses in the value;
    the paper takes 500 and 9000. text: for reports and for telling two objectives apart.
    """

    picture: Tensor
    embed: Embed
    side: int
    direction: Tensor
    text: str
    direction_share: float = 1.0
    patch_share: float = 18.0
    crops: int = 64
    crop: float = 0.25
    threshold: float = 0.7

    @property
    def title(self) -> str:
        return f"text {self.text!r}"

    @property
    def bytes_beside(self) -> float:
        """Memory that CLIP takes beside what encoders do, where it says so (`memory(pictures)`)."""
        together = min(self.crops, CROPS_AT_ONCE) if self.patch_share else 1
        return self.embed.memory(max(together, 1)) if hasattr(self.embed, "memory") else 0.0  # type: ignore[attr-defined]

    def terms(self, scene: Scene) -> list[tuple[float, PictureTerm]]:
        content = scene.like(self.picture)
        with torch.no_grad():
            origin = F.normalize(self.embed(resized(content, self.side)), dim=-1)
        direction = self.direction.to(origin)
        made: list[tuple[float, PictureTerm]] = []
        if self.direction_share:
            made.append((self.direction_share, DirectionTerm(self.embed, self.side, origin, direction)))
        if self.patch_share and self.crops:
            patch = PatchDirectionTerm(self.embed, self.side, origin, direction, self.crops, self.crop, self.threshold)
            made.append((self.patch_share, patch))
        return made
