"""CartoonGAN's generator (Chen, Lai and Liu 2018, CVPR; Yijunmaverick/CartoonGAN-Test-Pytorch-Torch, MIT), with its published
names of layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole

EPS = 1e-9  # the authors'
FIRST_BLOCK = 4
SHRINKING, ENLARGING = ("02", "03"), ("01", "02")


@dataclass(frozen=True)
class CartoonGANConfig:
    """widths: channels of the three sizes. blocks: residual ones. As in published files."""

    widths: tuple[int, ...] = (64, 128, 256)
    blocks: int = 8


class CartoonGANGenerator(nn.Module):
    """[B, 3, H, W] in -1..1, BGR -> the same; H and W rounded up to multiples of 4."""

    def __init__(self, config: CartoonGANConfig = CartoonGANConfig()) -> None:
        super().__init__()
        self.config = config
        (w, middle, deep), blocks = config.widths, range(FIRST_BLOCK, FIRST_BLOCK + config.blocks)
        norm = partial(Norm, affine=True, eps=EPS)
        parts: dict[str, nn.Module] = {"conv01_1": nn.Conv2d(3, w, 7), "in01_1": norm(w)}
        for name, inputs, outputs in zip(SHRINKING, (w, middle), (middle, deep), strict=True):
            parts[f"conv{name}_1"], parts[f"conv{name}_2"] = nn.Conv2d(inputs, outputs, 3, 2), nn.Conv2d(outputs, outputs, 3)
            parts[f"in{name}_1"] = norm(outputs)
        for block in blocks:
            for layer in (1, 2):
                parts[f"conv{block:02d}_{layer}"], parts[f"in{block:02d}_{layer}"] = nn.Conv2d(deep, deep, 3), norm(deep)
        for number, (name, inputs, outputs) in enumerate(zip(ENLARGING, (deep, middle), (middle, w), strict=True), blocks.stop):
            parts[f"deconv{name}_1"] = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
            parts[f"deconv{name}_2"] = nn.Conv2d(outputs, outputs, 3)
            parts[f"in{number:02d}_1"] = norm(outputs)
        parts["deconv03_1"] = nn.Conv2d(w, 3, 7)
        self.layers = nn.ModuleDict(parts)

    def paint(self, canvas: Any, h: Any, strength: float = 1.0) -> Any:
        """A map of the picture -> a map of the result. strength: of what the residual blocks change."""
        layers, normed = self.layers, partial(self._normed, canvas)
        h = normed(canvas.conv(h, layers["conv01_1"], 3, "reflect"), "in01_1")
        for name in SHRINKING:
            h = canvas.conv(canvas.conv(h, layers[f"conv{name}_1"], 1), layers[f"conv{name}_2"], 1)
            h = normed(h, f"in{name}_1")
        after = FIRST_BLOCK + self.config.blocks
        for block in range(FIRST_BLOCK, after):
            y = normed(canvas.conv(h, layers[f"conv{block:02d}_1"], 1, "reflect"), f"in{block:02d}_1")
            y = normed(canvas.conv(y, layers[f"conv{block:02d}_2"], 1, "reflect"), f"in{block:02d}_2", "none")
            h = canvas.add(h, y, strength)
        for number, name in enumerate(ENLARGING, after):
            h = canvas.conv(canvas.transpose(h, layers[f"deconv{name}_1"]), layers[f"deconv{name}_2"], 1)
            h = normed(h, f"in{number:02d}_1")
        return canvas.conv(h, layers["deconv03_1"], 3, "reflect", "tanh")

    def _normed(self, canvas: Any, h: Any, name: str, act: str = "relu") -> Any:
        return self.layers[name](canvas, h, act)

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x)))
