"""Stylizers against one another on the same photographs and paintings: results that are kept, and what their numbers make."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ..weights.writing import write_over, write_text
from .measurement import Measured, Measurement, Missing
from .pictures import read_picture

FORMAT = "style_atelier.trial.1"


def key_of(*facts: str) -> str:
    """One short hash of everything that a result depends on."""
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def plain_name(text: str) -> str:
    """As a file's name: "Pocket (built-in)" -> "Pocket_built-in"."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_.") or "unnamed"


@dataclass(frozen=True)
class Trial:
    """One stylizer on one photograph and one painting: the place of its picture without suffix, and what it depends on."""

    place: Path
    key: str

    @property
    def picture(self) -> Path:
        """The result, eight bits."""
        return self.place.with_name(f"{self.place.name}.png")

    @property
    def record(self) -> Path:
        """Its key and its numbers."""
        return self.place.with_name(f"{self.place.name}.json")

    def painted(self, paint: Callable[[], Tensor]) -> Tensor:
        """The result [1, 3, H, W] in 0..1 as it is in the file, painted only if it is not there.

        Numbers are taken of the file, so that they are the same on the next run and in other programs.
        """
        if self._facts() is None or not self.picture.is_file():
            self.record.unlink(missing_ok=True)
            pixels = (paint()[0].clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy()
            write_over(self.picture, lambda name: Image.fromarray(np.ascontiguousarray(pixels)).save(name, "PNG"))
            self._write({})
        return read_picture(self.picture)

    def measured(self, name: str, identity: str, measure: Callable[[], Measurement]) -> Measurement:
        """A number of this result, taken only if it is not there. identity: what else it depends on, such as weights."""
        facts = self._facts() or {}
        known = facts.get(name)
        if known is None or known["identity"] != identity:
            known = {"identity": identity, **asdict(measure())}
            self._write({**facts, name: known})
        return read_measurement(known)

    def _facts(self) -> dict[str, dict] | None:
        """The numbers of this very result; None where there is none, or one of other settings."""
        try:
            stored = json.loads(self.record.read_text(encoding="utf-8"))
            same = stored["format"] == FORMAT and stored["key"] == self.key
            for number in stored["measures"].values():
                read_measurement(number)
            return dict(stored["measures"]) if same else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _write(self, numbers: dict[str, dict]) -> None:
        text = json.dumps({"format": FORMAT, "key": self.key, "measures": numbers}, indent=2, ensure_ascii=False)
        write_text(self.record, text)


def read_measurement(stored: dict) -> Measurement:
    """From its fields. Raises KeyError, TypeError or ValueError for others."""
    return Measurement(
        str(stored["measure"]),
        str(stored["title"]),
        float(stored["value"]),
        "higher" if stored["better"] == "higher" else "lower",
        tuple(int(count) for count in stored["counts"]),
        tuple((str(name), str(value)) for name, value in stored["settings"]),
        bool(stored["biased"]),
        None if stored["error"] is None else float(stored["error"]),
    )


def averaged(label: str, trials: Sequence[Sequence[Measurement]], missing: Iterable[Missing] = ()) -> Measured:
    """One stylizer's numbers: means over its trials, each measure over those that have it. Counts are then numbers of results.

    Sizes that differ from one result to another are not named.
    """
    found: dict[str, list[Measurement]] = {}
    for trial in trials:
        for measurement in trial:
            found.setdefault(measurement.measure, []).append(measurement)
    means = []
    for several in found.values():
        first = several[0]
        shared = tuple(pair for pair in first.settings if all(pair in m.settings for m in several))
        value = sum(m.value for m in several) / len(several)
        means.append(Measurement(first.measure, first.title, value, first.better, (len(several),), shared, first.biased))
    return Measured(label, tuple(means), tuple(missing))


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points that no other beats in both numbers, lower being better: those between which taste decides."""
    return [
        i
        for i, (x, y) in enumerate(points)
        if not any(u <= x and v <= y and (u, v) != (x, y) for j, (u, v) in enumerate(points) if j != i)
    ]
