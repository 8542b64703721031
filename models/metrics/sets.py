"""A set of results against a set of paintings: FID and KID, and ArtFID with the photographs beside.

What these numbers mean, and how few pictures they can stand, is said in docs/measures.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..progress import Progress, silent
from .features import Extractor, FeatureSet, FeatureStore
from .frechet import Moments, frechet_distance, of_moments
from .judge import Judge
from .kernel import RESAMPLES, kernel_distance_of_blocks
from .layouts import LAYOUTS, Layout
from .lpips import PerceptualDistance, lpips
from .measurement import Measurement
from .pictures import Item, paired

ENOUGH = 1000  # pictures from which FID may stand in KID's place
FITS = 2048  # pictures up to which features are compared whole


@dataclass(frozen=True)
class SetOptions:
    """layout: whose FID. seed: of KID's bootstrap. cache: folder of features."""

    layout: Layout
    cache: Path
    seed: int = 0


def features_of(
    items: Sequence[Item], judge: Judge, options: SetOptions, device: torch.device, progress: Progress = silent
) -> FeatureSet:
    """Of a set, from the cache where it has them."""
    extract = Extractor(judge.module, options.layout, judge.identity, device)  # type: ignore[arg-type]
    return FeatureStore(options.cache).features(items, extract, progress)


def frechet_of(a: FeatureSet, b: FeatureSet) -> float:
    """Whole where both fit, else by moments, whose memory does not grow with the sets."""
    if max(a.count, b.count) <= FITS:
        return frechet_distance(a.whole(), b.whole())
    return of_moments(Moments.of(a.blocks()), Moments.of(b.blocks()))


def measure_features(results: FeatureSet, references: FeatureSet, judge: Judge, options: SetOptions) -> list[Measurement]:
    """KID with its error and FID; first the one to go by: FID only where both sets have 1,000 pictures. Raises ValueError.

    With other weights than the published they are called distances in those weights' features, which they are.
    """
    counts = (results.count, references.count)
    settings = (("pictures", LAYOUTS[options.layout]), ("definition", options.layout), ("weights", judge.weights))
    names = ("FID", "KID") if judge.published else (f"Frechet distance, {judge.choice}", f"Kernel distance, {judge.choice}")
    kid = kernel_distance_of_blocks(results.blocks, references.blocks, options.seed)
    drawn = (("error", f"bootstrap of {RESAMPLES}, seed {options.seed}"),)
    found = [
        Measurement("kid", names[1], kid.value, "lower", counts, settings + drawn, error=kid.error),
        Measurement("fid", names[0], frechet_of(results, references), "lower", counts, settings, biased=True),
    ]
    return found if min(counts) < ENOUGH else found[::-1]


def measure_art(
    results: Sequence[Item],
    styles: Sequence[Item],
    contents: Sequence[Item],
    inception: Judge,
    alexnet: Judge,
    options: SetOptions,
    devices: tuple[torch.device, torch.device],
    progress: Progress = silent,
) -> list[Measurement]:
    """ArtFID = (1 + LPIPS)(1 + FID) (Wright and Ommer 2022, arXiv:2207.12280), then its two parts, as art-fid's mode `art_fid`.

    results and contents are paired by their sorted names and are of equal sizes; pictures are not resized. devices: of the two
    networks. Raises ValueError.
    """
    pairs, whole = paired(results, contents), 2 * len(results) + len(styles)

    def after(before: int) -> Progress:
        def report(done: int, total: int, preview: Tensor | None = None) -> None:
            progress(before + done, whole, preview)

        return report

    distance, content = lpips(alexnet.module, "alex"), 0.0
    for number, (result, photo) in enumerate(pairs, 1):
        content += distance_of(distance, result, photo, devices[1])
        progress(number, whole)
    content /= len(pairs)
    made = features_of(results, inception, options, devices[0], after(len(pairs)))
    wanted = features_of(styles, inception, options, devices[0], after(2 * len(pairs)))
    style = frechet_of(made, wanted)
    counts = (len(results), len(styles))
    own = (("pictures", LAYOUTS["art-fid"]), ("weights", inception.weights))
    names = ("ArtFID", "ArtFID: style (FID)")
    if not inception.published:
        names = (f"ArtFID, {inception.choice}", f"Frechet distance, {inception.choice}")
    both = (*own, ("LPIPS weights", alexnet.weights))
    return [
        Measurement("artfid", names[0], (1 + content) * (1 + style), "lower", counts, both, biased=True),
        Measurement("artfid_style", names[1], style, "lower", counts, own, biased=True),
        Measurement(
            "artfid_content", "ArtFID: content (LPIPS)", content, "lower", counts[:1], (("LPIPS weights", alexnet.weights),)
        ),
    ]


@torch.no_grad()
def distance_of(distance: PerceptualDistance, result: Item, content: Item, device: torch.device) -> float:
    """Of one result and its photograph. Raises ValueError unless they are of one size."""
    a, b = result.load(), content.load()
    if a.shape != b.shape:
        raise ValueError(
            f"{result.name} is {a.shape[3]}x{a.shape[2]} and its photograph {content.name} {b.shape[3]}x{b.shape[2]}: ArtFID "
            "resizes nothing, so give both in one size"
        )
    return float(distance(a.to(device), b.to(device)))
