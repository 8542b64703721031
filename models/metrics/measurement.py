"""A number with everything that it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isinf, isnan, log10
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measurement:
    """One number of one measure.

    measure: its short name. title: what stands above it. counts: pictures that it was made of, on both sides.
    settings: what else it depends on (size, resizing, weights' sha256, seed ...): only equal ones may be compared.
    biased: whether it also depends on `counts`, so that numbers of other counts may not be compared. error: standard error, inf
    where it cannot be known.
    """

    measure: str
    title: str
    value: float
    better: Better
    counts: tuple[int, ...]
    settings: tuple[tuple[str, str], ...] = ()
    biased: bool = False
    error: float | None = None

    def written(self) -> str:
        """The number as a report shows it. PSNR of equal pictures is infinite."""
        if isinf(self.value):
            return "identical"
        if isnan(self.value):
            return "none"
        digits = f"{self.value:.4g}" if abs(self.value) < 1e4 else f"{self.value:.0f}"
        if self.error is None or self.error == 0:
            return digits
        if isinf(self.error):
            return f"{digits} ± unknown"
        return f"{self.value:.{max(0, 1 - floor(log10(self.error)))}f} ± {self.error:.1g}"

    @property
    def comparable(self) -> tuple[object, ...]:
        """Equal for numbers that may be compared."""
        return (self.measure, self.title, self.settings, self.counts if self.biased else ())


@dataclass(frozen=True)
class Missing:
    """A measure that was not taken, and why, in words that name the file."""

    title: str
    reason: str


@dataclass(frozen=True)
class Measured:
    """ATELIER_MEASURES: what was measured of one thing, which `label` names."""

    label: str
    found: tuple[Measurement, ...]
    missing: tuple[Missing, ...] = ()

    def value(self, measure: str) -> float | None:
        """The number of a measure by its short name, None where it was not taken."""
        return next((m.value for m in self.found if m.measure == measure), None)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{m.title} {m.written()}" for m in self.found)
        return f"Measured({self.label}: {numbers})"
