"""pix2pix's U-Net generator (Isola et al. 2017, arXiv:1611.07004; junyanz/pytorch-CycleGAN-and-pix2pix, BSD).

Blocks lie in one another like Russian dolls, and so do their published names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole


@dataclass(frozen=True)
class UnetConfig:
    """widths: output channels of the convolutions on the way down (7 of them for 128 pixels, 8 for 256)."""

    widths: tuple[int, ...]
    inputs: int = 3
    outputs: int = 3
    batch: bool = False
    affine: bool = False
    biased: bool = True

    @property
    def dropouts(self) -> int:
        """Blocks of the full width between the innermost and those that narrow: the ones with dropout."""
        return max(len(self.widths) - 5, 0)


class UnetBlock(nn.Module):
    """Down, the block inside, up; joined with what came in, except outermost. depth: 0 is the outermost."""

    def __init__(self, config: UnetConfig, depth: int) -> None:
        super().__init__()
        self.outermost, self.innermost = depth == 0, depth == len(config.widths) - 1
        self.drops = 0 < len(config.widths) - 1 - depth <= config.dropouts
        outer = config.outputs if self.outermost else config.widths[depth - 1]
        inner = config.widths[depth]
        incoming = config.inputs if self.outermost else outer
        norm = partial(Norm, batch=config.batch, affine=config.affine)
        down = nn.Conv2d(incoming, inner, 4, 2, 1, bias=config.biased)
        up = nn.ConvTranspose2d(inner * (1 if self.innermost else 2), outer, 4, 2, 1, bias=config.biased or self.outermost)
        parts: dict[str, nn.Module] = {"0" if self.outermost else "1": down}
        if self.innermost:
            parts |= {"3": up, "4": norm(outer)}
        elif self.outermost:
            parts |= {"1": UnetBlock(config, depth + 1), "3": up}
        else:
            parts |= {"2": norm(inner), "3": UnetBlock(config, depth + 1), "5": up, "6": norm(outer)}
        self.model = nn.ModuleDict(parts)

    def forward(self, canvas: Any, h: Any, own: bool, dice: torch.Generator | None) -> Any:
        """The map after this block. dice: for dropout, None for none."""
        if self.outermost:
            down, inside, up = self.model.values()
            return canvas.act(canvas.transpose(inside(canvas, canvas.conv(h, down, 1), own, dice), up), "tanh")
        h = canvas.act(h, "leaky")  # in place in the authors' code too: the joined map is this one, and ReLU follows
        if self.innermost:
            down, up, norm = self.model.values()
            y = norm(canvas, canvas.transpose(canvas.conv(h, down, 1, act="relu"), up), "none", own)
        else:
            down, first, inside, up, norm = self.model.values()
            y = inside(canvas, first(canvas, canvas.conv(h, down, 1), "none", own), own, dice)
            y = norm(canvas, canvas.transpose(y, up), "none", own)
            if self.drops and dice is not None:
                y = canvas.drop(y, dice)
        return canvas.act(canvas.cat(h, y), "relu")


class UnetGenerator(nn.Module):
    """[B, inputs, H, W] in -1..1 -> [B, outputs, H, W] in -1..1; sides multiples of 2^len(widths)."""

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        self.config = config
        self.model = UnetBlock(config, 0)

    def paint(self, canvas: Any, h: Any, own: bool = False, dice: torch.Generator | None = None) -> Any:
        """A map of the picture -> a map of the result."""
        return self.model(canvas, h, own, dice)

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass in evaluation mode."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x)))
