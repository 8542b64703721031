"""Perceptual path length: how far a generator's picture moves for a small step between two latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..generation.generator import Generator, three_colors
from ..generation.noise import Noise, NoiseMode
from ..progress import Progress, silent

NORMAL_95 = 1.96  # standard errors to either side of a mean that hold 95 % of a normal distribution


@dataclass(frozen=True)
class PathLengthSettings:
    """What is measured.

    space: "w" steps on the straight line between two mapped latents, "z" on the arc between two normalized latents.
    sampling: where on the path the step starts, t ~ U(0, 1) for "full" and t = 0 for "end".
    epsilon: length of the step as a part of the path. samples: number of paths. batch: paths painted at once, each being two
    pictures; it changes the result by no more than rounding, which so small a step lifts to about 1e-3 of it in single precision.
    psi: truncation, 1 for none. crop: embed only the part where an aligned face lies, height 3/8 to 7/8 and width 1/4 to 3/4.
    side: pictures of at least twice this side are averaged down by the largest whole factor that leaves them this side.
    noise: "const" for the stored one, "none", or "random" for new noise for each path.
    The two pictures of a path always have the same noise. Raises ValueError.
    """

    space: Literal["w", "z"] = "w"
    sampling: Literal["full", "end"] = "full"
    epsilon: float = 1e-4
    samples: int = 100_000
    batch: int = 4
    psi: float = 1.0
    crop: bool = False
    side: int = 256
    noise: NoiseMode = "const"

    def __post_init__(self) -> None:
        if self.space not in ("w", "z"):
            raise ValueError(f"space is {self.space!r} and no latent space: choose 'w' or 'z'")
        if self.sampling not in ("full", "end"):
            raise ValueError(f"sampling is {self.sampling!r} and no way to sample paths: choose 'full' or 'end'")
        if self.noise not in ("const", "random", "none"):
            raise ValueError(f"noise is {self.noise!r} and no mode of noise: choose 'const', 'random' or 'none'")
        if not (isfinite(self.epsilon) and self.epsilon > 0):
            raise ValueError(f"epsilon is {self.epsilon} and no step: give a small number above 0, the authors' is 1e-4")
        if self.samples < 2:
            raise ValueError(f"samples is {self.samples} and a mean with its error needs more: give 2 or more")
        if self.batch < 1 or self.side < 1:
            raise ValueError(f"batch is {self.batch} and side is {self.side}: give 1 or more for both")


PAPER = PathLengthSettings(crop=True)
"""Karras et al. 2018, table 4: full paths in W, faces cropped, 100,000 paths. For other subjects replace crop."""
ADA = PathLengthSettings(sampling="end", samples=50_000)
"""StyleGAN2's and StyleGAN2-ADA's `ppl2_wend` (arXiv:1912.04958): path ends in W, whole pictures, 50,000 paths."""
LAPTOP = PathLengthSettings(sampling="end", samples=200, batch=2)
"""ADA with so few paths that the half-width is to be read with the mean."""


@dataclass(frozen=True)
class PathLength:
    """Mean and median of the distances from the 1st to the 99th percentile, in the embedding's unit squared.

    low, high: those percentiles. half_width: of the 95 % confidence interval of the mean. kept of samples lie between.
    """

    mean: float
    median: float
    low: float
    high: float
    half_width: float
    kept: int
    samples: int
    settings: PathLengthSettings

    def table(self) -> str:
        """Four lines of text."""
        s = self.settings
        where = "full paths" if s.sampling == "full" else "path ends"
        part = "face crop" if s.crop else "whole picture"
        return "\n".join(
            (
                f"perceptual path length   {s.space}, {where}, {part}, psi {s.psi:g}, epsilon {s.epsilon:g}, noise {s.noise}",
                f"mean                     {self.mean:.4g} +- {self.half_width:.2g} (95 %)",
                f"median                   {self.median:.4g}",
                f"kept                     {self.kept} of {self.samples} paths, from {self.low:.4g} to {self.high:.4g}",
            )
        )


@torch.no_grad()
def perceptual_path_length(
    generator: Generator,
    embed: Callable[[Tensor], Tensor],
    settings: PathLengthSettings,
    seed: int,
    progress: Progress = silent,
) -> PathLength:
    """Mean of d(g(t), g(t + epsilon)) / epsilon^2 over random paths g (Karras et al. 2018, arXiv:1812.04948, section 4.1).

    embed: pictures [B, 3, H, W] -> [B, D]; d is the squared Euclidean distance of two embeddings, as LPIPS is of its weighted
    and normalized features. Pictures are in 0..1 up to the generator's overshoots: they are not clamped, for a clamped value
    would not move. A generator with classes paints a random class on each path. seed: of all latents, places, classes and
    noise, drawn path by path on the CPU. progress counts paths. Numbers compare only between equal embeddings and settings.

    The authors' code draws new noise for each batch: noise "random" is its like here. A cropped picture is averaged down by
    its own size, as in the authors' first code; their PyTorch code goes by the size before the crop. Raises ValueError.
    """
    source = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    for first in range(0, settings.samples, settings.batch):
        count = min(settings.batch, settings.samples - first)
        ws, noise = draw_steps(generator, settings, count, source)
        pictures = (three_colors(generator.paint(ws, noise)) + 1) / 2
        if settings.crop:
            pictures = face_part(pictures)
        features = embed(shrunk(pictures, settings.side))
        if features.ndim != 2 or features.shape[0] != 2 * count:
            raise ValueError(f"embed gave {list(features.shape)} for {2 * count} pictures: it is to give [{2 * count}, D]")
        starts, ends = features.chunk(2)
        found.append((ends - starts).square().sum(1).cpu().double() / settings.epsilon**2)
        progress(first + count, settings.samples)
    return summary(torch.cat(found), settings)


def draw_steps(generator: Generator, settings: PathLengthSettings, count: int, source: torch.Generator) -> tuple[Tensor, Noise]:
    """W [2 count, rows, style] of the starts and then the ends of `count` steps, and the noise that both share.

    What is drawn for one path depends neither on the batch it is in nor on the settings.
    """
    z, t, classes, seeds = [], [], [], []
    for _ in range(count):
        z.append(torch.randn(2, generator.latent, generator=source, dtype=torch.float64))
        t.append(torch.rand((), generator=source, dtype=torch.float64))
        seeds.append(int(torch.randint(2**31, (), generator=source)))
        if generator.label:
            classes.append(torch.randint(generator.label, (), generator=source))
    z0, z1 = torch.stack(z, dim=1)
    place = torch.stack(t)[:, None] * (settings.sampling == "full")
    labels = F.one_hot(torch.stack(classes), generator.label).float().repeat(2, 1) if classes else None
    if settings.space == "z":
        steps = torch.cat([slerp(z0, z1, place), slerp(z0, z1, place + settings.epsilon)])
        ws = generator.map(steps, labels, settings.psi)
    else:
        w0, w1 = generator.map(torch.cat([z0, z1]), labels, settings.psi).chunk(2)
        starts = torch.lerp(w0, w1, place[..., None].to(w0))
        ws = torch.cat([starts, starts + settings.epsilon * (w1 - w0)])
    if settings.noise == "random":
        return ws, Noise("random", seeds * 2)
    return ws, Noise("none" if generator.always_noisy else settings.noise)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at t [B, 1] of the arc from a's to b's direction, both [B, N], on the unit sphere (Shoemake 1985). [B, N].

    a and b are not to be parallel.
    """
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    cosine = (a * b).sum(1, keepdim=True).clamp(-1, 1)
    angle = t * torch.acos(cosine)
    across = F.normalize(b - cosine * a, dim=1)
    return F.normalize(a * torch.cos(angle) + across * torch.sin(angle), dim=1)


def face_part(pictures: Tensor) -> Tensor:
    """Height 3/8 to 7/8 and width 1/4 to 3/4 of [B, C, H, W], where FFHQ's and CelebA-HQ's faces lie."""
    down, right = pictures.shape[2] // 8, pictures.shape[3] // 8
    return pictures[:, :, 3 * down : 7 * down, 2 * right : 6 * right]


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """[B, C, H, W] averaged over squares of the largest whole side that leaves H and W at `side` or above."""
    factor = min(pictures.shape[-2:]) // side
    return F.avg_pool2d(pictures, factor) if factor > 1 else pictures


def summary(distances: Tensor, settings: PathLengthSettings) -> PathLength:
    """What remains of distances [N], already divided by epsilon^2, between the percentiles. Raises ValueError.

    The percentiles are values of the sample, the lower one of two neighbors at 1 % and the higher one at 99 %, and are kept.
    """
    values = distances.double().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError(f"the distance of path {int(np.argmin(np.isfinite(values)))} is no number: check embed and the weights")
    low, high = np.percentile(values, 1, method="lower"), np.percentile(values, 99, method="higher")
    kept = values[(values >= low) & (values <= high)]
    error = kept.std(ddof=1) / sqrt(len(kept))
    return PathLength(
        mean=float(kept.mean()),
        median=float(np.median(kept)),
        low=float(low),
        high=float(high),
        half_width=float(NORMAL_95 * error),
        kept=len(kept),
        samples=len(values),
        settings=settings,
    )
