"""What an optimization did, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..objectives.objective import Objectives
from .engine import Optimization, OptimizeSettings, Record


def report(objectives: Objectives, settings: OptimizeSettings, at: Optimization, notes: Sequence[str] = ()) -> str:
    """Every objective's value at the final size, its weight, and its share of the loss; then sizes, steps and notes."""
    titles = [part.title for part in objectives.parts]
    lines = []
    final = [r for r in at.curve if r.scale == at.curve[-1].scale] if at.curve else []
    if final:
        best = min(final, key=lambda r: r.loss)
        wide = max(map(len, titles))
        lines.append(f"{'':<{wide}}  {'first':>10}  {'value':>10}  {'weight':>9}  {'share':>6}")
        for i, part in enumerate(objectives.parts):
            part_of_loss = part.weight * best.values[i]
            share = part_of_loss / best.loss if best.loss else 0.0
            lines.append(
                f"{titles[i]:<{wide}}  {final[0].values[i]:>10.4g}  {best.values[i]:>10.4g}  {part.weight:>9.4g}  {share:>6.1%}"
            )
        lines.append(f"loss {final[0].loss:.4g} -> {best.loss:.4g}")
    lines.append(f"{steps_taken(at.curve)} with {'Adam' if settings.optimizer == 'adam' else 'L-BFGS'}")
    return "\n".join([*lines, *notes])


def steps_taken(curve: Sequence[Record]) -> str:
    """ "60 + 60 + 200 steps", from coarse to fine."""
    counts: dict[int, int] = {}
    for record in curve:
        counts[record.scale] = counts.get(record.scale, 0) + 1
    return f"{' + '.join(map(str, counts.values())) or 'no'} steps"
