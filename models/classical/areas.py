"""Areas of one color each: polygons as pixels at any size, and as SVG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..ops.tiling import tiles
from ..progress import Progress, glance, silent
from .svg import areas_to_svg, hex_colors

FINER = 4  # pixels a side are drawn for each, and averaged
TILE = 1024


@dataclass(frozen=True, eq=False, repr=False)
class Areas:
    """n convex polygons of k corners on a picture of height x width pixels: corners [n, k, 2] (right, down), color [n, 3] in 0..1, in the
    order of painting. background [3]: what lies below, or None where they leave no gap.
    """

    height: int
    width: int
    corners: Tensor
    color: Tensor
    background: Tensor | None = None

    def __repr__(self) -> str:
        return f"Areas({len(self.corners)} on {self.width}x{self.height} px)"

    def svg(self) -> str:
        """As a file's text."""
        return areas_to_svg(self.width, self.height, list(self.corners.cpu()), self.color, self.background)

    def render(self, progress: Progress = silent) -> Tensor:
        """[1, 3, H, W] in 0..1, antialiased."""
        made = torch.empty(1, 3, self.height, self.width)
        colors, corners = hex_colors(self.color), self.corners.cpu()
        low, high = corners.amin(1), corners.amax(1)
        ground = "#000000" if self.background is None else hex_colors(self.background[None])[0]
        places = list(tiles(self.height, self.width, TILE, 0, 1))
        for number, place in enumerate(places):
            rows, columns = place.rows, place.columns
            near = (high[:, 0] >= columns.start - 1) & (low[:, 0] <= columns.stop + 1)
            near &= (high[:, 1] >= rows.start - 1) & (low[:, 1] <= rows.stop + 1)
            size = ((columns.stop - columns.start) * FINER, (rows.stop - rows.start) * FINER)
            sheet = Image.new("RGB", size, ground)
            draw = ImageDraw.Draw(sheet)
            # Pillow's corners are the middles of pixels.
            shifted = (corners - torch.tensor([columns.start, rows.start])) * FINER - 0.5
            for i in torch.nonzero(near)[:, 0].tolist():
                draw.polygon([tuple(corner) for corner in shifted[i].tolist()], fill=colors[i])
            pixels = np.asarray(sheet.reduce(FINER), dtype=np.float32) / 255
            place.core(made).copy_(torch.from_numpy(pixels).movedim(-1, 0)[None])
            progress(number + 1, len(places), glance(made))
        return made
