"""Which measures a person asked for, what they look through, and taking them one after another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...models.library.choices import POCKET_VGG
from ..host.feedback import Interruptible
from ..host.folders import Locator
from ..host.images import read_names
from ..host.networks import load, on_device
from ..host.sockets import Hosted

if TYPE_CHECKING:
    from ...models.metrics.measurement import Measurement, Missing
    from ...models.metrics.pairs import PairMeasure, Tools

AVAILABLE, ALL = "available", "all"
BUILT_IN = POCKET_VGG
MEASURES_TOOLTIP = (
    "Names with commas between, or available for all that need no download, or all. Against content: ssim, ssim_luma, ms_ssim, "
    "psnr, lpips_alex, lpips_vgg, lpips_squeeze, st_lpips, st_lpips_vgg, dists, cfsd, structure. Against style: gram, moments, "
    "histogram, color."
)
ENCODER_TOOLTIP = (
    "What gram, moments and structure look through. Left out: the built-in Pocket VGG. Numbers of different encoders cannot be "
    "compared."
)


@dataclass(frozen=True, eq=False)
class Taker:
    """wanted: the measures that will be taken. missing: those that will not, and why. strict: whether each was asked for by name,
    so that one that does not fit the pictures is an error."""

    wanted: tuple[PairMeasure, ...]
    missing: tuple[Missing, ...]
    encoder: Hosted
    strict: bool

    @cached_property
    def judges(self) -> dict[str, Hosted]:
        """The networks by name; they are read, and downloaded if need be, when the first measure is taken."""
        from ...models.library.judges import load_judge

        return {name: load("judge", name, load_judge) for name in dict.fromkeys(m.judge for m in self.wanted) if name}

    def take(self, measure: PairMeasure, pictures: Tensor, references: Tensor) -> Measurement:
        """On the device of the network that it looks through. pictures and references as in `measure_pair`."""
        from ...models.metrics.pairs import Tools

        tools = Tools({name: hosted.model for name, hosted in self.judges.items()}, self.encoder.model)
        with Interruptible():
            return self._taken(measure, pictures, references, tools)

    def _taken(self, measure: PairMeasure, pictures: Tensor, references: Tensor, tools: Tools) -> Measurement:
        from ...models.metrics.pairs import measure_pair

        hosted = self.judges[measure.judge] if measure.judge else self.encoder if measure.encoder else None
        if hosted is None:
            return measure_pair(measure, pictures.cpu(), references.cpu(), tools)
        pixels = max(x.shape[2] * x.shape[3] for x in (pictures, references))
        with on_device(hosted, measure.bytes_per_pixel * pixels) as device:
            return measure_pair(measure, pictures.to(device), references.to(device), tools)

    def try_to_take(self, measure: PairMeasure, pictures: Tensor, references: Tensor) -> Measurement | Missing:
        """Of measures that nobody named, those that the pictures are too small for are left out."""
        from ...models.metrics.measurement import Missing

        try:
            return self.take(measure, pictures, references)
        except ValueError as error:
            if self.strict:
                raise
            return Missing(measure.title, str(error))

    def identity(self, measure: PairMeasure) -> str:
        """What its number depends on beside the pictures."""
        judge = self.judges[measure.judge].model.identity if measure.judge else ""
        return f"{measure.name} {judge} {self.encoder.model.title if measure.encoder else ''}".strip()


def prepare(measures: str, encoder: Hosted | None) -> Taker:
    """Read the person's list. Raises ValueError for names that are no measure."""
    from ...models.library.judges import absent
    from ...models.metrics import pairs
    from ...models.metrics.measurement import Missing
    from ...models.metrics.pairs import PAIR_MEASURES

    text = measures.strip().lower() or AVAILABLE
    judge = encoder or encoder_built_in()
    if text not in (AVAILABLE, ALL):
        asked = pairs.chosen(read_names(text))
        return Taker(tuple(m for m in PAIR_MEASURES if m.name in asked), (), judge, True)
    reasons = {m.name: absent(m.judge, Locator()) if m.judge and text == AVAILABLE else "" for m in PAIR_MEASURES}
    missing = tuple(Missing(m.title, reasons[m.name]) for m in PAIR_MEASURES if reasons[m.name])
    return Taker(tuple(m for m in PAIR_MEASURES if not reasons[m.name]), missing, judge, False)


def encoder_built_in() -> Hosted:
    """Pocket VGG."""
    from ...models.library import stylizers

    with torch.no_grad():
        return load("encoder", BUILT_IN, stylizers.load_encoder)


def names_of(side: str) -> list[str]:
    """Short names of the measures against "content" or "style"."""
    from ...models.metrics.pairs import PAIR_MEASURES

    return [m.name for m in PAIR_MEASURES if m.side == side]
