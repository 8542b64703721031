"""Directions of W along which pictures change, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..progress import Progress, silent
from .generator import Generator
from .latents import Latents, in_rows

SPREAD_SAMPLES = 2000
SAMPLES_AT_ONCE = 1000
SPREAD_SEED = 123  # the authors' seed for statistics of W


@dataclass(frozen=True, eq=False)
class Directions:
    """ATELIER_DIRECTIONS. values [N, style], of unit length; spread [N]: the standard deviation of W along each.

    share [N]: of what they explain, adding up to at most 1. generator: its name. method: in words.
    """

    values: Tensor
    spread: Tensor
    share: Tensor
    generator: str
    method: str

    def __len__(self) -> int:
        return self.values.shape[0]

    def table(self, rows: int = 10) -> str:
        """The first ones in lines."""
        lines = [
            f"{i:3d}  share {share:6.1%}  spread {spread:.3g}"
            for i, (share, spread) in enumerate(zip(self.share[:rows].tolist(), self.spread[:rows].tolist(), strict=True))
        ]
        return "\n".join([f"{self.method}: {len(self)} directions", *lines])

    def __repr__(self) -> str:
        return f"Directions({self.generator}, {self.method}, {len(self)})"


def sefa(generator: Generator, rows: Sequence[int], count: int) -> Directions:
    """Closed-form factorization (Shen and Zhou 2020, arXiv:2007.06600, equation 5): the eigenvectors of A^T A with the largest
    eigenvalues, where A stacks the matrices that take W to the styles of these rows, every line of A with unit length.
    """
    chosen = [layer.matrix for layer in generator.styled_layers() if layer.row in rows]
    if not chosen:
        raise ValueError("layers names rows that drive no style of this generator: choose others, such as all")
    stacked = torch.cat(chosen).cpu().double()  # not every device has doubles
    stacked = stacked / stacked.norm(dim=1, keepdim=True).clamp_min(1e-12)
    strength, vectors = torch.linalg.eigh(stacked.t() @ stacked)
    values = signed(vectors.flip(1)[:, :count].t())
    share = (strength / strength.sum()).flip(0)[:count]
    return _finished(generator, values, share, "SeFa")


def principal_components(
    generator: Generator, samples: int, seed: int, count: int, label: Tensor | None = None, progress: Progress = silent
) -> Directions:
    """The principal components of W over random Z (GANSpace, Harkonen et al. 2020, arXiv:2004.02546). label: [1, classes]."""
    w = sampled(generator, samples, seed, label, progress).double()
    _, spread, vectors = torch.linalg.svd(w - w.mean(0), full_matrices=False)
    share = spread.square() / spread.square().sum()
    return _finished(generator, signed(vectors[:count]), share[:count], f"PCA of {samples} points")


def sampled(generator: Generator, samples: int, seed: int, label: Tensor | None = None, progress: Progress = silent) -> Tensor:
    """W [samples, style] of random Z, as the authors' projector draws them. Class vectors are drawn evenly unless given."""
    drawn = torch.from_numpy(np.random.RandomState(seed).randn(samples, generator.latent)).float()
    device = generator.average.device
    parts = []
    for start in range(0, samples, SAMPLES_AT_ONCE):
        z = drawn[start : start + SAMPLES_AT_ONCE].to(device)
        c = None
        if generator.label:
            own = torch.eye(generator.label)[torch.arange(start, start + len(z)) % generator.label]
            c = (own if label is None else label.expand(len(z), -1)).to(device)
        parts.append(generator.mapping(z, c).float().cpu())
        progress(min(start + SAMPLES_AT_ONCE, samples), samples)
    return torch.cat(parts)


def signed(vectors: Tensor) -> Tensor:
    """Rows with their largest number positive: the sign of a direction is a matter of convention."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return vectors * vectors.gather(1, largest).sign()


def _finished(generator: Generator, values: Tensor, share: Tensor, method: str) -> Directions:
    w = sampled(generator, SPREAD_SAMPLES, SPREAD_SEED).double()
    values = values.cpu()
    spread = ((w - w.mean(0)) @ values.t()).std(dim=0)
    return Directions(values.float(), spread.float(), share.float().cpu(), generator.name, method)


def edit(latents: Latents, directions: Directions, moves: Sequence[tuple[int, float]], rows: Sequence[int]) -> Latents:
    """W moved along some directions by amounts in standard deviations, in these rows. Raises ValueError."""
    if directions.values.shape[1] != latents.values.shape[2]:
        raise ValueError(
            f"directions are of {directions.generator} with {directions.values.shape[1]} numbers and w has "
            f"{latents.values.shape[2]}: find them on the same generator"
        )
    values, said = latents.values.clone(), []
    for index, amount in moves:
        if amount and not 0 <= index < len(directions):
            raise ValueError(f"direction is {index} and there are 0 to {len(directions) - 1}: choose one of those")
        if amount:
            values[:, rows] += directions.values[index] * (directions.spread[index] * amount)
            said.append(f"{directions.method} {index} by {amount:g}")
    return latents.then(values, f"{' and '.join(said)}{in_rows(rows, latents)}") if said else latents


def edit_in_steps(
    latents: Latents, directions: Directions, moves: Sequence[tuple[int, float]], rows: Sequence[int], steps: int
) -> Latents:
    """Each point in `steps` steps from the opposite of the moves to the moves; one step is `edit`."""
    if steps == 1:
        return edit(latents, directions, moves, rows)
    parts = torch.linspace(-1, 1, steps).tolist()
    made = [edit(latents, directions, [(index, amount * part) for index, amount in moves], rows) for part in parts]
    return made[-1].then(torch.stack([each.values for each in made], dim=1).flatten(0, 1), f"in {steps} steps")
