"""The face alignment network behind StarGAN v2's masks (Bulat and Tzimiropoulos 2017, arXiv:1703.07332; AdaptiveWingLoss),
and the masks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 256  # pictures are resized to this
FAINT = 0.1  # heat below this is noise
# Ranges of the 98 landmarks (WFLW), each with the rows it is moved up by and the power it is sharpened by.
MOVED = (
    (slice(8, 25), 0, 3),  # chin
    (slice(33, 51), -7, 2),  # eyebrows
    (slice(55, 60), 8, 4),  # nostrils
    (slice(77, 82), -8, 4),  # upper lip
    (slice(83, 88), 8, 4),  # lower lip
    (slice(88, 96), -2, 3),  # inside of the lips
)
UNUSED = (*range(0, 8), *range(25, 33), 33, 46, 76, 82)
NOSE, EYES = slice(52, 55), slice(60, 76)
OUTLINE = (slice(8, 25), slice(33, 51), slice(76, 96))  # chin, eyebrows and mouth: not in the fine mask


class CoordConv(nn.Module):
    """A convolution that also sees where it is: row, column and distance, each in -1..1 or 0..1 (Liu et al. 2018,
    arXiv:1807.03247).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs + 3, outputs, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None].expand(height, width)
        columns = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)[None].expand(height, width)
        distance = (rows.square() + columns.square()).sqrt()
        where = torch.stack([rows, columns, distance / distance.max()])
        return self.conv(torch.cat([x, where.expand(x.shape[0], -1, -1, -1)], dim=1))


class ConvBlock(nn.Module):
    """Three convolutions in a row, each also an output, added to what came in."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, half, 3, 1, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), nn.Conv2d(half, quarter, 3, 1, 1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), nn.Conv2d(quarter, quarter, 3, 1, 1, bias=False)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(F.relu(self.bn1(x)))
        second = self.conv2(F.relu(self.bn2(first)))
        third = self.conv3(F.relu(self.bn3(second)))
        return torch.cat([first, second, third], dim=1) + (x if self.downsample is None else self.downsample(x))


class HourGlass(nn.Module):
    """Four times half the size and back."""

    def __init__(self, width: int, depth: int = 4) -> None:
        super().__init__()
        self.depth = depth
        self.coordconv = CoordConv(width, width, 1, 1, 0)
        for level in range(depth, 0, -1):
            for part in ("b1", "b2", "b3"):
                setattr(self, f"{part}_{level}", ConvBlock(width, width))
        self.b2_plus_1 = ConvBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self._level(self.depth, self.coordconv(x))

    def _level(self, level: int, x: Tensor) -> Tensor:
        low = getattr(self, f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self._level(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = getattr(self, f"b3_{level}")(low)
        return getattr(self, f"b1_{level}")(x) + F.interpolate(low, scale_factor=2, mode="nearest")


class FAN(nn.Module):
    """Faces [B, 3, 256, 256] in 0..1 -> heat maps [B, landmarks + 1, 64, 64]."""

    def __init__(self, landmarks: int = 98, width: int = 256) -> None:
        super().__init__()
        quarter, half = width // 4, width // 2
        self.conv1, self.bn1 = CoordConv(3, quarter, 7, 2, 3), nn.BatchNorm2d(quarter)
        self.conv2, self.conv3, self.conv4 = ConvBlock(quarter, half), ConvBlock(half, half), ConvBlock(half, width)
        self.m0, self.top_m_0 = HourGlass(width), ConvBlock(width, width)
        self.conv_last0, self.bn_end0 = nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)
        self.l0 = nn.Conv2d(width, landmarks + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(self.conv2(F.relu(self.bn1(self.conv1(x)))), 2)
        x = self.top_m_0(self.m0(self.conv4(self.conv3(x))))
        return self.l0(F.relu(self.bn_end0(self.conv_last0(x))))

    def masks(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """pictures [B, 3, H, W] in -1..1 -> masks [B, 1, 256, 256] in 0..1: of the whole face's lines, and without its
        outline.
        """
        x = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear") * 0.5 + 0.5
        heat = self(x)[:, :-1]
        return face_masks(F.interpolate(heat, scale_factor=4, mode="bilinear", align_corners=True))


def face_masks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Heat maps of the landmarks [B, 98, 256, 256] -> the two masks, as clovaai/stargan-v2 makes them."""
    x = torch.where(heat < FAINT, torch.zeros_like(heat), heat)
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    x = (x - low) / (high - low + 1e-6)
    for part, rows, power in MOVED:
        x[:, part] = x[:, part].roll(-rows, dims=2) ** power
    x[:, list(UNUSED)] = 0
    x[:, NOSE] = x[:, NOSE].roll(-4, dims=2)
    eyes = x[:, EYES].clone()
    x[:, EYES] = eyes.roll(8, dims=2) ** 3 + eyes.roll(24, dims=2)
    fine = x.clone()
    for part in OUTLINE:
        fine[:, part] = 0
    # a landmark that is nowhere has no heat to spread, and may be NaN
    return tuple(m.sum(dim=1, keepdim=True).nan_to_num(0).clamp(0, 1) for m in (x, fine))  # type: ignore[return-value]
