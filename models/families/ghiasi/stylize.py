"""Arbitrary style by a predicted vector, as a stylizer (Ghiasi et al. 2017, arXiv:1705.06830)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...canvas import Canvas
from ...canvas.regions import Regions
from ...ops.batches import rows_of
from ...ops.masks import EmptyMask, at_size
from ...progress import Progress, silent
from ...stylization.canvas_stylizer import CanvasStylizer
from ...stylization.style import Style
from ..cin.network import PasticheConfig, PasticheNet
from .predictors import Predictor

KIND = "ghiasi"
VECTOR = "vector"


class GhiasiTransformer(nn.Module):
    """The pastiche network, and for each of its styled layers gamma and beta from a style vector of `vector` numbers."""

    def __init__(self, config: PasticheConfig, vector: int) -> None:
        super().__init__()
        self.net = PasticheNet(config)
        self.gamma = nn.ModuleDict({name: nn.Linear(vector, width) for name, width in self.net.styled.items()})
        self.beta = nn.ModuleDict({name: nn.Linear(vector, width) for name, width in self.net.styled.items()})

    def affines(self, vectors: Sequence[Tensor]) -> dict[str, list[tuple[Tensor, Tensor]]]:
        """vectors [1, D] of each region -> gamma and beta [1, C] of each region, by layer."""
        return {name: [(self.gamma[name](v), self.beta[name](v)) for v in vectors] for name in self.net.styled}


class Ghiasi(CanvasStylizer):
    """Any size, whole or tiled. A style is a vector of 100 numbers; either predictor feeds either transformer.

    Strength leads from the content's own vector to the style's (the paper's identity interpolation, section 3.4): at 0 the
    network paints the picture in its own style, which is near it. Without a predictor styles are only taken from files.
    """

    style_kind = KIND

    def __init__(
        self, transformer: GhiasiTransformer, name: str, title: str, license: str, predictor: Predictor | None = None
    ) -> None:
        self.name, self.title, self.license = name, title, license
        self.transformer, self.predictor = transformer, predictor
        self.module = nn.ModuleList([transformer] if predictor is None else [transformer, predictor])
        self.takes_pictures = self.has_own_style = predictor is not None
        # measured, with regions: the widest moment is a full-size map with its scales, shifts and padded copy
        self.bytes_per_pixel = 20.5 * transformer.net.config.widths[0]
        self.resident_bytes_per_pixel = 40 + 12.5 * transformer.net.config.widths[0]

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """The vectors that the predictor makes of pictures; of a mask the deep features' mean is taken. Always whole."""
        if self.predictor is None:
            return super().style_of(style, mask, tile, progress)
        vectors = []
        for row in range(len(style)):
            where = None if mask is None else at_size(rows_of(mask, row, row + 1), *style.shape[-2:])
            if where is not None and float(where.sum()) < 1:
                raise EmptyMask
            vectors.append(self.predictor(rows_of(style, row, row + 1), where))
            progress(row + 1, len(style))
        return Style(KIND, {VECTOR: torch.cat(vectors)}, f"{style.shape[-1]} x {style.shape[-2]}")

    def paint(self, canvas: Canvas, picture: Tensor, codes: Sequence[Style], regions: Regions | None) -> Tensor:
        affines = self.transformer.affines([code.value(VECTOR, 0, 1) for code in codes])
        return canvas.close(self.transformer.net.paint(canvas, canvas.open(picture.clone()), affines, regions))

    def _what_instead(self) -> str:
        return "put the folder of its predictor, saved_model_style_js, beside its own"
