"""Points of W: what a generator paints from, and what people do with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..ops.blending import mean_of_rows, shares_of
from .generator import Generator

Pairing = Literal["one to one", "grid"]
GROUPS = ("coarse", "middle", "fine")
MOST_SEEDS = 4096
LARGEST_SEED = 2**32 - 1  # of numpy's RandomState
LONGEST_SUMMARY = 400


@dataclass(frozen=True, eq=False)
class Latents:
    """ATELIER_W. values [B, rows, style] float32; average [style], towards which truncation goes.

    generator: the name of the one that they belong to. groups: the rows at which the middle and the fine styles begin.
    noise: maps that were optimized together with them, one for each noisy layer, or none. summary: how they came about.
    """

    values: Tensor
    average: Tensor
    generator: str
    groups: tuple[int, int]
    summary: str
    noise: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return self.values.shape[0]

    @property
    def rows(self) -> int:
        """Rows of W, one for each layer."""
        return self.values.shape[1]

    def then(self, values: Tensor, what: str) -> Latents:
        """New values and what was done to get them."""
        text = f"{self.summary}; {what}"
        return replace(self, values=values, summary=text if len(text) <= LONGEST_SUMMARY else f"... {text[-LONGEST_SUMMARY:]}")

    def __repr__(self) -> str:
        count, rows, style = self.values.shape
        return f"{count} {'point' if count == 1 else 'points'} of W for {self.generator} ({rows} x {style}): {self.summary}"


def of_generator(generator: Generator, values: Tensor, summary: str) -> Latents:
    """Values [B, rows, style] as that generator's Latents, in float32 on the CPU."""
    coarse, middle = len(generator.rows_of("coarse")), len(generator.rows_of("middle"))
    return Latents(values.float().cpu(), generator.average.float().cpu(), generator.name, (coarse, coarse + middle), summary)


def check_fits(latents: Latents, generator: Generator) -> None:
    """Raise ValueError, in a sentence, for W of another shape than the generator's; other trainings of one shape may be mixed."""
    if latents.values.shape[1:] != (generator.rows, generator.style):
        rows, style = latents.values.shape[1:]
        raise ValueError(
            f"w has {rows} rows of {style} numbers (from {latents.generator}) and {generator.title} takes {generator.rows} of "
            f"{generator.style}: sample it from this generator"
        )


@dataclass(frozen=True)
class Sampling:
    """What to sample. class_label: -1 for none; psi, cutoff: truncation, of all rows for None.

    towards: (seed, amount) of other points that all of these are moved to. mix_seed, mix_layers: style mixing with one more, no
    layers for none.
    """

    seeds: tuple[int, ...]
    class_label: int = -1
    psi: float = 1.0
    cutoff: int | None = None
    towards: tuple[tuple[int, float], ...] = ()
    mix_seed: int = 0
    mix_layers: str = ""


def sample(generator: Generator, wanted: Sampling) -> Latents:
    """Points by their seeds, as the authors number them. Raises ValueError for classes or rows that are not there."""
    if wanted.cutoff is not None and wanted.cutoff > generator.rows:
        raise ValueError(
            f"truncation_cutoff is {wanted.cutoff} and {generator.title} has {generator.rows} rows: lower it, or set -1"
        )

    def at(seeds: Sequence[int]) -> Latents:
        label = generator.classes(wanted.class_label, len(seeds))
        ws = generator.map(generator.latents(seeds), label, wanted.psi, wanted.cutoff)
        return of_generator(generator, ws, f"{'seed' if len(seeds) == 1 else 'seeds'} {spans(seeds)}")

    made = at(wanted.seeds)
    if wanted.psi != 1:
        made = replace(made, summary=f"{made.summary}, psi {wanted.psi:g}")
    here = made.values
    for seed, amount in wanted.towards:
        made = made.then(made.values + (at([seed]).values - here) * amount, f"{amount:g} towards seed {seed}")
    if wanted.mix_layers:
        made = mix(made, at([wanted.mix_seed]), parse_rows(wanted.mix_layers, made), 1.0, "one to one")
    return made


def parse_seeds(text: str) -> list[int]:
    """ "1-3, 20" -> [1, 2, 3, 20]. Raises ValueError."""
    seeds: list[int] = []
    for part in filter(None, (part.strip() for part in re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text)))):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if ends is None:
            raise ValueError(f"seeds has {part!r}, which is no seed: write whole numbers such as 85 or 1-16, 20")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if last < first or last > LARGEST_SEED or last - first >= MOST_SEEDS:
            raise ValueError(f"seeds has {part!r}: write a range upwards, of at most {MOST_SEEDS} seeds, up to {LARGEST_SEED}")
        seeds += range(first, last + 1)
    if not seeds or len(seeds) > MOST_SEEDS:
        raise ValueError(f"seeds names {len(seeds)} pictures: write 1 to {MOST_SEEDS} seeds, such as 85 or 1-16, 20")
    return seeds


def parse_rows(text: str, latents: Latents) -> list[int]:
    """ "coarse", "middle, fine", "all" or "0-3, 8" -> rows of W in order. Raises ValueError."""
    named = named_rows(latents)
    rows: set[int] = set()
    for part in filter(None, (part.strip().lower() for part in re.split(r"[,\s+]+", re.sub(r"\s*-\s*", "-", text)))):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if part in named:
            rows |= set(named[part])
        elif ends is not None and int(ends[1]) <= int(ends[2] or ends[1]) < latents.rows:
            rows |= set(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
        else:
            raise ValueError(
                f"layers has {part!r} and W has rows 0 to {latents.rows - 1}: write coarse, middle, fine, all, or rows such "
                "as 0-3, 8"
            )
    if not rows:
        raise ValueError("layers is empty: write coarse, middle, fine, all, or rows such as 0-3, 8")
    return sorted(rows)


def truncate(latents: Latents, psi: float, rows: Sequence[int]) -> Latents:
    """average + psi (w - average) in these rows: below 1 more alike, above 1 bolder, 0 the average itself."""
    values = latents.values.clone()
    values[:, rows] = torch.lerp(latents.average, values[:, rows], psi)
    return latents.then(values, f"psi {psi:g}{in_rows(rows, latents)}")


def truncation_sweep(latents: Latents, psi: float, psi_end: float, steps: int, rows: Sequence[int]) -> Latents:
    """Each point in `steps` steps from psi to psi_end; one step is psi."""
    if steps == 1:
        return truncate(latents, psi, rows)
    made = [truncate(latents, each, rows).values for each in torch.linspace(psi, psi_end, steps).tolist()]
    return latents.then(torch.stack(made, dim=1).flatten(0, 1), f"psi {psi:g} to {psi_end:g}{in_rows(rows, latents)}")


def mix(base: Latents, other: Latents, rows: Sequence[int], strength: float, pairing: Pairing) -> Latents:
    """Style mixing: these rows of `base` taken from `other`, wholly at strength 1.

    "one to one" pairs the batches, the shorter repeats; "grid" gives each of base with each of other, base by base.
    """
    check_alike(base, other)
    a, b = base.values, other.values
    if pairing == "grid":
        first = torch.arange(len(a)).repeat_interleave(len(b))
        second = torch.arange(len(b)).repeat(len(a))
    else:
        count = max(len(a), len(b))
        first, second = torch.arange(count) % len(a), torch.arange(count) % len(b)
    values = a[first]
    values[:, rows] = torch.lerp(values[:, rows], b[second][:, rows], strength)
    amount = "" if strength == 1 else f" by {strength:g}"
    return base.then(values, f"{words_of(rows, base)} from ({other.summary}){amount}")


def blend(parts: Sequence[Latents], weights: Sequence[float]) -> Latents:
    """The weighted mean of several, batches row by row; only the proportions of the weights count."""
    for part in parts[1:]:
        check_alike(parts[0], part)
    shares = shares_of(weights, len(parts))
    values = mean_of_rows([part.values for part in parts], shares)
    text = " + ".join(f"{share:.3g} ({part.summary})" for part, share in zip(parts, shares, strict=True))
    return replace(parts[0], values=values, summary=text[:LONGEST_SUMMARY], noise=())


def joined(parts: Sequence[Latents]) -> Latents:
    """All points of several batches, in order."""
    for part in parts[1:]:
        check_alike(parts[0], part)
    if len(parts) == 1:
        return parts[0]
    summary = ", then ".join(part.summary for part in parts)[:LONGEST_SUMMARY]
    return replace(parts[0], values=torch.cat([part.values for part in parts]), summary=summary, noise=())


def check_alike(one: Latents, other: Latents) -> None:
    """Raise ValueError, in a sentence, for W of different shapes."""
    if one.values.shape[1:] != other.values.shape[1:]:
        raise ValueError(
            f"w is of {one.generator} ({one.rows} rows) and of {other.generator} ({other.rows} rows): use points of "
            "generators of one shape"
        )


def in_rows(rows: Sequence[int], latents: Latents) -> str:
    """ " in coarse", "" where it is all rows."""
    return "" if len(rows) == latents.rows else f" in {words_of(rows, latents)}"


def words_of(rows: Sequence[int], latents: Latents) -> str:
    """Rows in words: "coarse", or "rows 0-3, 8"."""
    known = {name: list(group) for name, group in named_rows(latents).items()}
    name = next((name for name, group in known.items() if group == list(rows)), None)
    return name if name else f"rows {spans(rows)}"


def named_rows(latents: Latents) -> dict[str, range]:
    """The rows that have a name."""
    middle, fine = latents.groups
    ends = (range(middle), range(middle, fine), range(fine, latents.rows), range(latents.rows))
    return dict(zip((*GROUPS, "all"), ends, strict=True))


def spans(numbers: Sequence[int]) -> str:
    """ "0-3, 8"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in found)
