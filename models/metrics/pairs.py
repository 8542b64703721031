"""Every measure of a picture against another: the photograph that it was made of, or the painting that it should be like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from .colors import color_distance, histogram_distance
from .content import TAP, structural_distance
from .dists import dists
from .judge import Judge
from .lpips import lpips, st_lpips
from .measurement import Better, Measurement
from .structural import luma, ms_ssim, psnr, ssim
from .style import TAPS, style_distance
from .texture import gram_distance

Side = Literal["content", "style"]


@dataclass(frozen=True)
class Tools:
    """What measures look through. judges: by the catalogue's names. encoder: for textures, with a word for the report."""

    judges: Mapping[str, Judge]
    encoder: Encoder


@dataclass(frozen=True)
class PairMeasure:
    """side: what the picture is measured against. judge: the catalogue's name of its network, "" for none. encoder: whether it
    looks through the one that people choose. bytes_per_pixel: peak memory. function: pictures, references, tools -> [B]."""

    name: str
    title: str
    side: Side
    better: Better
    function: Callable[[Tensor, Tensor, Tools], Tensor]
    judge: str = ""
    encoder: bool = False
    bytes_per_pixel: float = 500.0


def _lpips(judge: str, backbone: Any) -> Callable[[Tensor, Tensor, Tools], Tensor]:
    return lambda a, b, tools: lpips(tools.judges[judge].module, backbone)(a, b)


def _cfsd(a: Tensor, b: Tensor, tools: Tools) -> Tensor:
    judge = tools.judges["vgg19"]
    network: Any = judge.module
    return structural_distance(a, b, Encoder("vgg19", "VGG-19", network, network, [TAP]))


PAIR_MEASURES = (
    PairMeasure("ssim", "SSIM", "content", "higher", lambda a, b, _: ssim(a, b)),
    PairMeasure("ssim_luma", "SSIM (luma)", "content", "higher", lambda a, b, _: ssim(luma(a), luma(b))),
    PairMeasure("ms_ssim", "MS-SSIM", "content", "higher", lambda a, b, _: ms_ssim(a, b)),
    PairMeasure("psnr", "PSNR (dB)", "content", "higher", lambda a, b, _: psnr(a, b)),
    PairMeasure("lpips_alex", "LPIPS (AlexNet)", "content", "lower", _lpips("alexnet", "alex"), "alexnet"),
    PairMeasure("lpips_vgg", "LPIPS (VGG-16)", "content", "lower", _lpips("vgg16", "vgg"), "vgg16", bytes_per_pixel=2000),
    PairMeasure("lpips_squeeze", "LPIPS (SqueezeNet)", "content", "lower", _lpips("squeezenet", "squeeze"), "squeezenet"),
    PairMeasure(
        *("st_lpips", "ST-LPIPS (AlexNet)", "content", "lower"),
        lambda a, b, tools: st_lpips(tools.judges["st-lpips-alex"].module)(a, b),
        "st-lpips-alex",
        bytes_per_pixel=2000,
    ),
    PairMeasure(
        *("st_lpips_vgg", "ST-LPIPS (VGG-16)", "content", "lower"),
        lambda a, b, tools: st_lpips(tools.judges["st-lpips-vgg"].module)(a, b),
        "st-lpips-vgg",
        bytes_per_pixel=2000,
    ),
    PairMeasure(
        *("dists", "DISTS", "content", "lower"),
        lambda a, b, tools: dists(a, b, tools.judges["vgg16"].module),  # type: ignore[arg-type]
        "vgg16",
        bytes_per_pixel=2000,
    ),
    PairMeasure("cfsd", "CFSD", "content", "lower", _cfsd, "vgg19", bytes_per_pixel=2000),
    PairMeasure(
        *("structure", "Structure distance", "content", "lower"),
        lambda a, b, tools: structural_distance(a, b, tools.encoder, structure_tap(tools.encoder)),
        encoder=True,
        bytes_per_pixel=2000,
    ),
    PairMeasure(
        *("gram", "Gram distance", "style", "lower"),
        lambda a, b, tools: gram_distance(a, b, tools.encoder, texture_taps(tools.encoder)),
        encoder=True,
        bytes_per_pixel=2000,
    ),
    PairMeasure(
        *("moments", "Moment distance", "style", "lower"),
        lambda a, b, tools: style_distance(a, b, tools.encoder, texture_taps(tools.encoder)),
        encoder=True,
        bytes_per_pixel=2000,
    ),
    PairMeasure("histogram", "Histogram distance", "style", "lower", lambda a, b, _: histogram_distance(a, b)),
    PairMeasure("color", "Color distance (Lab)", "style", "lower", lambda a, b, _: color_distance(a, b)),
)
NAMES = tuple(measure.name for measure in PAIR_MEASURES)


def texture_taps(encoder: Encoder) -> tuple[str, ...]:
    """relu1_1 to relu4_1 where the encoder has them, else all it has."""
    return TAPS if set(TAPS) <= set(encoder.taps) else encoder.taps


def structure_tap(encoder: Encoder) -> str:
    """relu3_1 where the encoder has it, else the layer nearest below four pixels' stride."""
    if TAP in encoder.taps:
        return TAP
    fitting = [tap for tap, stride in encoder.encoding.strides.items() if stride <= 4]
    return (fitting or list(encoder.taps))[-1]


def chosen(names: Sequence[str] | None, known: Sequence[str] = NAMES) -> tuple[str, ...]:
    """The names that were asked for. Raises ValueError for unknown ones."""
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"measures has {', '.join(unknown)}, which is none: choose from available, all, {', '.join(known)}")
    return tuple(dict.fromkeys(names or ()))


@torch.no_grad()
def measure_pair(measure: PairMeasure, pictures: Tensor, references: Tensor, tools: Tools) -> Measurement:
    """The mean over a batch. pictures [B, 3, H, W]; references [B or 1, 3, h, w], of the same size against content; 0..1.

    Raises ValueError, in a sentence, for pictures that the measure does not take.
    """
    values = torch.cat([measure.function(a[None], b[None], tools).cpu().double() for a, b in together(pictures, references)])
    sizes = [f"{x.shape[3]}x{x.shape[2]}" for x in (pictures, references)]
    settings = [("size", " and ".join(dict.fromkeys(sizes)))]
    if measure.judge:
        settings.append(("weights", tools.judges[measure.judge].weights))
    if measure.encoder:
        settings.append(("encoder", tools.encoder.title))
    return Measurement(
        measure.name,
        measure.title,
        float(values.mean()),
        measure.better,
        tuple(dict.fromkeys([pictures.shape[0], references.shape[0]])),
        tuple(settings),
    )


def together(pictures: Tensor, references: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each picture with its reference; one reference serves all. Raises ValueError."""
    if references.shape[0] not in (1, pictures.shape[0]):
        raise ValueError(
            f"there are {references.shape[0]} references for {pictures.shape[0]} pictures: give one, or one for each picture"
        )
    return list(zip(pictures, references.expand(pictures.shape[0], -1, -1, -1), strict=True))
