"""FID against pytorch-fid's own formula, in one process on one thread, and the memory of 20,000 pictures.

    python benchmarks/measures.py --package DIR [--threads 1]

--package: a folder in which pytorch_fid 0.3.0 lies, such as its unpacked wheel; its formula is imported as it is (scipy < 1.18).
Features are synthetic, 2,048 wide. Both sides begin with features: means and covariances count. Times are the processor's.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peak_memory import growth_of, print_growth
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.metrics.frechet import Moments, frechet_distance, of_moments  # noqa: E402

WIDTH, BLOCK = 2048, 256
SIZES = {16: 5, 500: 3, 4000: 1}  # pictures a set, and runs of ours


def features(count: int, seed: int) -> Tensor:
    """Like pooled activations: not negative, with a spectrum that falls."""
    source = torch.Generator().manual_seed(seed)
    scales = torch.linspace(2, 0.05, WIDTH)
    return (torch.randn(count, WIDTH, generator=source) * scales + 0.1 * seed).clamp_min(0)


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """(result, seconds of the processor)."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def theirs(package: Any, a: Tensor, b: Tensor) -> float:
    """As calculate_activation_statistics and calculate_frechet_distance do."""
    x, y = (side.double().numpy() for side in (a, b))
    moments = [(np.mean(side, axis=0), np.cov(side, rowvar=False)) for side in (x, y)]
    return float(package.calculate_frechet_distance(*moments[0], *moments[1]))


def blocks(count: int, seed: int) -> Iterator[Tensor]:
    """So many pictures' features as they come from disk."""
    for start in range(0, count, BLOCK):
        yield features(min(BLOCK, count - start), seed * 1000 + start)


def many(count: int) -> float:
    """FID of two such sets."""
    return of_moments(Moments.of(blocks(count, 1)), Moments.of(blocks(count, 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.memory_of:
        print_growth(lambda: many(given.memory_of))
        return
    if given.package is None:
        parser.error("--package is missing: give the folder of pytorch_fid")
    sys.path.insert(0, str(given.package))
    package = importlib.import_module("pytorch_fid.fid_score")
    print("pictures  theirs, s  ours, s   ratio  relative difference")
    for count, runs in SIZES.items():
        a, b = features(count, 1), features(count, 2)
        frechet_distance(a, b)
        ours = [timed(lambda a=a, b=b: frechet_distance(a, b)) for _ in range(runs)]
        value, seconds = timed(lambda a=a, b=b: theirs(package, a, b))
        own = statistics.median(s for _, s in ours)
        print(f"{count:8}  {seconds:9.2f}  {own:7.4f}  {seconds / own:6.0f}  {abs(ours[0][0] - value) / value:.1e}", flush=True)
    for count in (5000, 20000):
        grown = growth_of(str(Path(__file__).resolve()), ["--memory-of", str(count), "--threads", str(given.threads)], 1)
        print(f"{count} pictures a set, block by block: {grown:.0f} MiB")


if __name__ == "__main__":
    main()
