"""Training CAP-VSTNet (Wen et al. 2023, arXiv:2303.17867; linfengWen98/CAP-VSTNet, MIT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...training.draws import Draws
from ...training.losses.features import moments_loss, sum_of
from ...training.losses.pictures import laplacian_slope
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from .network import RGB, Block, BlockConfig, RevConfig, RevResNet, squeeze, unsqueeze

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
SLOPE = "laplacian_slope"  # not a loss: goes back through the picture by itself
AUTHORS = Plan(steps=160000, batch=2, size=256, rate=1e-4, schedule="inverse", decay=5e-5, offset=-1, clip=5.0)
PHOTO_WEIGHTS, ART_WEIGHTS = (1500.0, 10.0), (1.0, 1.0)  # of the Laplacian and the reconstruction
EPS, MOST_EPS = 2e-5, 1e-2  # added to a covariance that has no factor, growing
SHIFT, MOTION, NOISE, BLUR = 10, 8.0, 0.001, 100  # of the false second frame

Pair = tuple[Tensor, Tensor]  # both halves of the features


def change(block: Block, source: Tensor) -> Tensor:
    """F of a block: three convolutions under reflection."""
    *first, last = block.conv.values()
    for conv in first:
        source = F.relu(F.conv2d(F.pad(source, (1, 1, 1, 1), "reflect"), conv.weight, conv.bias, conv.stride))
    return F.conv2d(F.pad(source, (1, 1, 1, 1), "reflect"), last.weight, last.bias, last.stride)


def encode(network: RevResNet, pictures: Tensor) -> Pair:
    """Pictures [B, 3, H, W] as features, with gradients."""
    width = network.config.blocks[0].width
    first = F.pad(pictures, (0, 0, 0, 0, 0, width - pictures.shape[1]))
    second = torch.zeros_like(first)
    for block in network.blocks:
        added = (squeeze(first) if block.stride == 2 else first) + change(block, second)
        first, second = squeeze(second) if block.stride == 2 else second, added
    return first, second


def decode(network: RevResNet, halves: Pair) -> Tensor:
    """Features as pictures [B, 3, H, W], with gradients."""
    first, second = halves
    for block in reversed(network.blocks):
        source = unsqueeze(first) if block.stride == 2 else first
        taken = second - change(block, source)
        first, second = unsqueeze(taken) if block.stride == 2 else taken, source
    return first[:, :RGB]


def rows(network: RevResNet, halves: Pair) -> Tensor:
    """All positions of both halves once the channels are spread, [B, C, N], in double precision."""
    channels = network.config.channels
    spread = [half.permute(0, 2, 3, 1).reshape(len(half), -1, channels) for half in halves]
    return torch.cat(spread, dim=1).transpose(1, 2).double()


def unrows(flat: Tensor, like: Pair) -> Pair:
    """The inverse of `rows`."""
    first, second = flat.transpose(1, 2).to(like[0]).chunk(2, dim=1)
    shape = like[0].permute(0, 2, 3, 1).shape
    return first.reshape(shape).permute(0, 3, 1, 2), second.reshape(shape).permute(0, 3, 1, 2)


def factor(centered: Tensor) -> Tensor:
    """Cholesky factors [B, C, C] of the covariance; where there is none, with as little added as it takes."""
    covariance = centered @ centered.transpose(1, 2) / (centered.shape[2] - 1)
    found, failed = torch.linalg.cholesky_ex(covariance)
    eps = EPS
    while bool(failed.any()) and eps < MOST_EPS:
        more = eps * torch.eye(covariance.shape[1]).to(covariance)
        found, failed = torch.linalg.cholesky_ex(covariance + more * failed.bool()[:, None, None])
        eps *= 4
    return found


def transferred(network: RevResNet, content: Pair, style: Pair) -> Pair:
    """cWCT: the content's features with the style's covariance and mean (section 3.3)."""
    own, wanted = rows(network, content), rows(network, style)
    centered = own - own.mean(dim=2, keepdim=True)
    mean = wanted.mean(dim=2, keepdim=True)
    white = torch.linalg.solve_triangular(factor(centered), centered, upper=False)
    return unrows(factor(wanted - mean) @ white + mean, content)


def warped(pictures: Tensor, flow: Tensor) -> Tensor:
    """Pictures moved by a flow [2, H, W] in pixels, to the nearest pixel, as the authors do."""
    height, width = pictures.shape[2:]
    down, right = torch.meshgrid(torch.arange(height).to(flow), torch.arange(width).to(flow), indexing="ij")
    x = 2 * (right - flow[0]) / max(width - 1, 1) - 1
    y = 2 * (down - flow[1]) / max(height - 1, 1) - 1
    grid = torch.stack([x, y], dim=-1).expand(len(pictures), -1, -1, -1).to(pictures)
    return F.grid_sample(pictures, grid, mode="nearest", padding_mode="border", align_corners=False)


def false_flow(draws: Draws, height: int, width: int) -> Tensor:
    """A smooth motion drawn by chance, [2, H, W] in pixels."""
    field = draws.normal("flow", (max(height // BLUR, 1), max(width // BLUR, 1), 2)).permute(2, 0, 1)[None] * MOTION
    flow = F.interpolate(field, (height, width), mode="bilinear", align_corners=False)[0]
    shift = torch.stack([draws.integers(f"shift {axis}", -SHIFT, SHIFT + 1) for axis in "xy"])
    flow = flow + shift.to(flow)[:, None, None]
    reach = min(BLUR // 2, height - 1, width - 1)
    padded = F.pad(flow[None], (reach,) * 4, mode="reflect")
    return F.avg_pool2d(padded, 2 * reach + 1, 1)[0].float()


def config_of(spread: int) -> RevConfig:
    """The published network: spread 2 for photographs, 1 for art."""
    middle = {2: 16, 1: 64}[spread]
    counts, widths = (10, 10, 10), (16, 64, 256)
    blocks = tuple(
        BlockConfig(width, width // 4, 2 if stage and not i else 1)
        for stage, (count, width) in enumerate(zip(counts, widths, strict=True))
        for i in range(count)
    )
    reductions = tuple(BlockConfig(widths[-1], middle) for _ in range(2))
    return RevConfig(blocks, reductions, spread)


@dataclass
class TrainCAPVSTNet(Recipe):
    """Moments of the style at four taps, the way back to the content, and the photo's matting Laplacian.

    content_weight: of relu4_1's difference, 0 as published. laplacian: weight of the matting Laplacian, 0 leaves it out.
    temporal: weight of the authors' last phase, which keeps a false second frame like the first; 0 leaves it out.
    """

    network: RevResNet
    eye: Eye
    content_weight: float = 0.0
    style_weight: float = 1.0
    laplacian: float = PHOTO_WEIGHTS[0]
    reconstruction: float = PHOTO_WEIGHTS[1]
    temporal: float = 0.0

    def __post_init__(self) -> None:
        self.family = "cap_vstnet"

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        network, content = self.network, batch.content
        own, style = encode(network, content), encode(network, batch.style)
        made = decode(network, transferred(network, own, style))
        seen = self.eye(made, TAPS)
        with torch.no_grad():
            wanted = self.eye(batch.style, TAPS)
        back = decode(network, transferred(network, encode(network, made), own))
        found = {
            "style": sum_of(moments_loss(seen[tap], wanted[tap]) for tap in TAPS),
            "reconstruction": F.l1_loss(back, content),
        }
        total = self.style_weight * found["style"] + self.reconstruction * found["reconstruction"]
        if self.content_weight:
            with torch.no_grad():
                kept = self.eye(content, TAPS[-1:])[TAPS[-1]]
            found["content"] = F.mse_loss(seen[TAPS[-1]], kept)
            total = total + self.content_weight * found["content"]
        if self.temporal:
            flow = false_flow(draws, *content.shape[2:]).to(content.device)
            noise = draws.normal("noise", content.shape).to(content) * NOISE * (1 + float(draws.uniform("noise level")))
            second = decode(network, transferred(network, encode(network, warped(content, flow) + noise), style))
            found["temporal"] = (warped(made, flow) - second).abs().mean()
            total = total + self.temporal * found["temporal"]
        if self.laplacian:
            slope, found["laplacian"], found["clamped"] = laplacian_slope(content, made, self.laplacian)
            found[SLOPE] = (made * slope).sum() / batch.share
        return {**found, TOTAL: total}

    def backward(self, losses: Losses, share: float) -> None:
        slope = losses.pop(SLOPE, None)
        ((losses[TOTAL] + slope if slope is not None else losses[TOTAL]) * share).backward()

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, RevResNet)
        return decode(network, transferred(network, encode(network, content), encode(network, style)))

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        return dict(network.state_dict())
