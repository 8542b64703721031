"""Fits the built-in stylizer (families/pocket) to folders of photographs and paintings.

The loss is that of AdaIN (arXiv:1703.06868, eq. 11-13) with three changes. Style errors are relative per
layer (so that no layer needs a weight), channel covariances of two layers are matched as well (texture lives in
them), and the content error is taken between instance-normalized features, because AdaIN's own target asks
of the same channels statistics that the style loss already asks for. One sample in eight has itself for its
style and is to come out unchanged, which makes `strength` an honest interpolation (Ghiasi et al. 2017).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...encoders.vgg import VGG
from ...ops.adain import adain_map
from ...ops.moments import Moments, measure
from ...training.pictures import PictureFolder
from ...weights.budget import Budget
from ...weights.torch_file import read_zip
from ...weights.writing import write_over
from .network import Pocket, PocketConfig

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
COVARIANCE_TAPS = ("relu2_1", "relu3_1")
CONTENT_TAPS = ("relu4_1",)


@dataclass(frozen=True)
class TrainingPlan:
    """steps: optimizer steps. styles x contents: pictures per step. sizes: (share of the steps done, content crop).

    style_size: side of the style crops. The weights of the losses are dimensionless (all errors are relative).
    """

    steps: int = 6000
    styles: int = 2
    contents: int = 2
    sizes: tuple[tuple[float, int], ...] = ((0.0, 96), (0.5, 128), (0.85, 192))
    style_size: int = 144
    learning_rate: float = 1e-3
    style_weight: float = 4.0
    covariance_weight: float = 1.0
    content_weight: float = 0.3
    identity_weight: float = 4.0
    ema: float = 0.999
    seed: int = 0
    save_every: int = 250

    def crop_size(self, step: int) -> int:
        """Side of the content crops at this step."""
        return next(size for share, size in reversed(self.sizes) if step >= share * self.steps)


def relative(a: Tensor, b: Tensor) -> Tensor:
    """Squared error of a against b over the squared length of b, per row, averaged over the batch."""
    a, b = a.flatten(1), b.flatten(1)
    return ((a - b).square().sum(1) / b.square().sum(1).clamp_min(1e-8)).mean()


def style_error(made: Moments, style: Moments) -> Tensor:
    """Relative squared errors of channel means and standard deviations (the project's yardstick at one layer)."""
    return relative(made.mean, style.mean) + relative(made.std(), style.std())


def instance_normalized(features: Tensor) -> Tensor:
    """Channels of [B, C, H, W] brought to mean 0 and variance 1 over positions."""
    return F.instance_norm(features, eps=1e-3)


class Losses(nn.Module):
    """The perceptual losses under a frozen VGG, run in bfloat16 (measured: twice as fast on CPU, same training)."""

    def __init__(self, encoder: VGG, plan: TrainingPlan) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False).to(torch.bfloat16)
        self.encoder.to(memory_format=torch.channels_last)
        self.plan = plan

    def features(self, pictures: Tensor, taps: tuple[str, ...]) -> dict[str, Tensor]:
        """VGG features in float32."""
        low = pictures.to(torch.bfloat16, memory_format=torch.channels_last)
        return {tap: f.float() for tap, f in self.encoder(low, taps).items()}

    def style_targets(self, style: Tensor) -> dict[str, Moments]:
        """Moments of the style at every style layer."""
        with torch.no_grad():
            return self.moments(self.features(style, STYLE_TAPS))

    @staticmethod
    def moments(features: dict[str, Tensor]) -> dict[str, Moments]:
        """Moments per tap, with covariances where they are compared."""
        return {tap: measure(f, full=tap in COVARIANCE_TAPS) for tap, f in features.items()}

    def forward(self, made: Tensor, content: Tensor, style: dict[str, Moments]) -> dict[str, Tensor]:
        """The loss terms, unweighted, for pictures `made` [B, 3, H, W]."""
        features = self.features(made, STYLE_TAPS)
        with torch.no_grad():
            wanted = self.features(content, CONTENT_TAPS)
        moments = self.moments(features)
        return {
            "style": sum((style_error(moments[t], style[t]) for t in STYLE_TAPS), made.new_zeros(())),
            "covariance": sum(
                (relative(moments[t].covariance(), style[t].covariance()) for t in COVARIANCE_TAPS),
                made.new_zeros(()),
            ),
            "content": sum(
                (F.mse_loss(instance_normalized(features[t]), instance_normalized(wanted[t])) for t in CONTENT_TAPS),
                made.new_zeros(()),
            ),
        }


def train_builtin(
    content: PictureFolder,
    style: PictureFolder,
    encoder: VGG,
    checkpoint: Path,
    plan: TrainingPlan | None = None,
    config: PocketConfig | None = None,
    report: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> Pocket:
    """Train, or go on from `checkpoint` when it exists, and return the averaged network (EMA of the weights).

    The checkpoint (a .pt of tensors and numbers) is written whole every `plan.save_every` steps, so a stopped
    training loses at most that many. A seed gives the same network on the same machine with the same thread count.
    """
    plan = plan or TrainingPlan()
    torch.manual_seed(plan.seed)
    network = Pocket(config).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99))
    first = 0
    if checkpoint.exists():
        state = read_zip(checkpoint, Budget(checkpoint.stat().st_size))
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    losses = Losses(encoder, plan)
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * schedule(step, plan.steps)
        terms = training_step(network, losses, *draw(content, style, plan, step), plan)
        optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()
        nn.utils.clip_grad_norm_(network.parameters(), 20.0)
        optimizer.step()
        decay = min(plan.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        report(step + 1, {name: float(value.detach()) for name, value in terms.items()})
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            state = {"network": network.state_dict(), "average": average.state_dict()}
            save_whole({**state, "optimizer": optimizer.state_dict(), "step": step + 1}, checkpoint)
    return average


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: 100 steps of warm-up, then half a cosine down to 2 percent."""
    warm = min(1.0, (step + 1) / 100)
    return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def draw(content: PictureFolder, style: PictureFolder, plan: TrainingPlan, step: int) -> tuple[Tensor, Tensor]:
    """Content crops [styles * contents, 3, h, h] and style crops [styles, 3, S, S] of this step (its own seed)."""
    rng = np.random.default_rng((plan.seed, step))
    size = plan.crop_size(step)
    pictures = content.batch(rng, plan.styles * plan.contents, size, (size, 2 * size + 128))
    return pictures, style.batch(rng, plan.styles, plan.style_size, (192, 288))


def training_step(network: Pocket, losses: Losses, content: Tensor, style: Tensor, plan: TrainingPlan) -> dict[str, Tensor]:
    """One batch through the network: each style on its contents, and one content on itself."""
    content = content.contiguous(memory_format=torch.channels_last)
    style = style.contiguous(memory_format=torch.channels_last)
    owner = torch.arange(plan.styles).repeat_interleave(plan.contents)
    with torch.autocast(content.device.type, dtype=torch.bfloat16):
        features = network.encode(content)
        own = [measure(f.float()) for f in features]
        styles = [measure(f.float()) for f in network.encode(style)]
        chosen = [m.select(owner) for m in styles]
        made = recombine(network, features, own, chosen)
        first = torch.tensor([0])
        alone = [m.select(first) for m in own]
        same = recombine(network, [f[:1] for f in features], alone, alone)
    targets = {tap: m.select(owner) for tap, m in losses.style_targets(style).items()}
    terms = losses(made.float(), content, targets)
    terms["identity"] = F.mse_loss(same.float(), content[:1])
    terms["range"] = F.relu((made.float() - 0.5).abs() - 0.5).mean()
    terms["total"] = (
        plan.style_weight * terms["style"]
        + plan.covariance_weight * terms["covariance"]
        + plan.content_weight * terms["content"]
        + plan.identity_weight * terms["identity"]
        + terms["range"]
    )
    return terms


def recombine(network: Pocket, features: list[Tensor], own: list[Moments], style: list[Moments]) -> Tensor:
    """Decode features under the statistics of `style`."""
    moved = [adain_map(c, s)(f) for f, c, s in zip(features, own, style, strict=True)]
    return network.decode(moved, network.split(network.code(style)[:, :, None, None]))


def save_whole(state: dict[str, object], path: Path) -> None:
    """Write to a temporary name in the same folder, then move."""
    write_over(path, lambda name: torch.save(state, name))
