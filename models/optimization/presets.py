"""Whole recipes: what the one-box node does under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from torch import Tensor

from ..encoders.encoder import Encoder
from ..encoders.pixels import PIXELS
from ..objectives.content import ContentObjective
from ..objectives.objective import CONTENT_TAPS, STYLE_TAPS, Objective, Objectives
from ..objectives.smoothness import SmoothnessObjective, Variation
from ..objectives.style import Gram, Statistic, StyleObjective, Wasserstein
from .engine import OptimizeSettings


@dataclass(frozen=True)
class Preset:
    """content, style, variation: weights of the three; layer_weights: of the style's layers, shallow to deep.

    encoder: the catalogue's name of the one that the recipe was made for. from_noise: without a content picture to start from.
    """

    encoder: str
    content: float
    style: float
    variation: float
    statistic: Statistic
    settings: OptimizeSettings
    content_layers: tuple[str, ...] = CONTENT_TAPS
    style_layers: tuple[str, ...] = STYLE_TAPS
    layer_weights: tuple[float, ...] = ()
    variation_kind: Variation = "absolute"
    pooling: Literal["max", "average"] = "average"
    from_noise: bool = False

    def objectives(
        self,
        encoder: Encoder,
        content: Tensor,
        styles: Sequence[Tensor],
        strength: float,
        size: float,
        weights: Sequence[float] = (),
        masks: Sequence[Tensor] = (),
        style_masks: Sequence[Tensor | None] = (),
    ) -> Objectives:
        """For these pictures [B, 3, H, W]. strength multiplies the style's weight; weights: of each style, their proportions
        count; masks: where each style holds; style_masks: where each comes from. Layers that the encoder lacks are left out.
        """
        seen = tuple(dict.fromkeys(tap for tap in map(partial(nearest_tap, encoder), self.content_layers) if tap))
        found: dict[str, float] = {}
        for layer, share in zip(self.style_layers, self._layer_weights(), strict=True):
            if tap := nearest_tap(encoder, layer):
                found[tap] = found.get(tap, 0.0) + share
        taps, shares = tuple(found), tuple(found.values())
        total = sum(weights) or float(len(styles))
        parts: list[Objective] = []
        if self.content:
            parts.append(ContentObjective(self.content, encoder, content, seen))
        for i, style in enumerate(styles):
            part = 1.0 if masks else (weights[i] if weights else 1.0) / total
            mask, source = masks[i] if masks else None, style_masks[i] if i < len(style_masks) else None
            weight = self.style * strength * part
            parts.append(StyleObjective(weight, encoder, style, self.statistic, taps, shares, mask, source, size))
        if self.variation:
            parts.append(SmoothnessObjective(self.variation, PIXELS, self.variation_kind))
        return Objectives(tuple(parts))

    def _layer_weights(self) -> tuple[float, ...]:
        return self.layer_weights or (1 / len(self.style_layers),) * len(self.style_layers)


def nearest_tap(encoder: Encoder, layer: str) -> str | None:
    """The layer, or where an encoder was made for a few layers only that of the same block; None where it has nothing there."""
    if len(encoder.default_taps) == 1:
        return layer if layer in encoder.taps else None
    return next((tap for tap in encoder.default_taps if tap[:5] == layer[:5]), None)


PRESETS: dict[str, Preset] = {
    # Gatys, Ecker and Bethge 2015/2016: VGG-19, average pooling, L-BFGS; from the content, as their later code begins
    "Gatys 2015": Preset("vgg19", 1.0, 50.0, 0.0, Gram(), OptimizeSettings(steps=100, coarse_steps=100, smallest=180)),
    # the baseline of Johnson, Alahi and Fei-Fei 2016: VGG-16's last layers of blocks, and total variation. Their content layer
    # sees every hair, so it weighs little; average pooling, as maxima leave a grid in calm areas
    "VGG-16 + TV": Preset(
        "vgg16",
        0.04,
        20.0,
        0.3,
        Gram(),
        OptimizeSettings(steps=100, coarse_steps=100, smallest=180),
        content_layers=("relu3_3",),
        style_layers=("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
    ),
    # after crowsonkb/style-transfer-pytorch: Gaussians for Gram matrices, shallow layers strongest, many sizes
    "crisp print": Preset(
        "vgg19",
        0.5,
        60.0,
        3.0,
        Wasserstein(),
        OptimizeSettings(steps=150, coarse_steps=150, smallest=128, optimizer="adam", rate=0.05),
        layer_weights=(16 / 31, 8 / 31, 4 / 31, 2 / 31, 1 / 31),
        variation_kind="squared",
    ),
    # Gatys, Ecker and Bethge 2015 (arXiv:1505.07376): texture synthesis
    "texture only": Preset(
        "vgg19",
        0.0,
        10.0,
        0.0,
        Gram(),
        OptimizeSettings(steps=150, coarse_steps=150, smallest=90),
        from_noise=True,
    ),
}


def with_wishes(settings: OptimizeSettings, steps: int, seconds: float, seed: int) -> OptimizeSettings:
    """A preset's settings with another number of steps at every size (0: its own), a limit of seconds and a seed."""
    counted = replace(settings, steps=steps, coarse_steps=steps) if steps else settings
    return replace(counted, seconds=seconds, seed=seed)
