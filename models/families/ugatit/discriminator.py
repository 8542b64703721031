"""U-GAT-IT's discriminators, local (5 layers) and global (7), spectral norm folded in (Miyato et al. 2018, arXiv:1802.05957)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2


@dataclass(frozen=True)
class DiscriminatorConfig:
    """widths: output channels of the convolutions before the attention."""

    widths: tuple[int, ...]
    inputs: int = 3


class Discriminator(nn.Module):
    """[B, 3, H, W] in -1..1 -> how real each patch looks [B, 1, h, w], the class activation map's logits [B, 2], its heat."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        layers, channels = {}, config.inputs
        for number, width in enumerate(config.widths):
            last = number == len(config.widths) - 1
            layers[str(1 + 3 * number)] = nn.Conv2d(channels, width, 4, stride=1 if last else 2)
            channels = width
        self.model = nn.ModuleDict(layers)
        self.gap_fc, self.gmp_fc = nn.Linear(channels, 1, bias=False), nn.Linear(channels, 1, bias=False)
        # the authors' code multiplies the map with these weights as they are before spectral normalization
        self.gap_scale, self.gmp_scale = (nn.Parameter(torch.zeros(1, channels)) for _ in range(2))
        self.conv1x1 = nn.Conv2d(2 * channels, channels, 1)
        self.conv = nn.Conv2d(channels, 1, 4, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        for layer in self.model.values():
            x = F.leaky_relu(layer(F.pad(x, (1, 1, 1, 1), mode="reflect")), SLOPE)
        logits = torch.cat([self.gap_fc(x.mean(dim=(2, 3))), self.gmp_fc(x.amax(dim=(2, 3)))], dim=1)
        x = torch.cat([x * scale[:, :, None, None] for scale in (self.gap_scale, self.gmp_scale)], dim=1)
        x = F.leaky_relu(self.conv1x1(x), SLOPE)
        return self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")), logits, x.sum(dim=1, keepdim=True)


def without_spectral_norm(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """`weight_orig`, `weight_u`, `weight_v` -> `weight` = orig / (u . W v); the attention's weights also as they were."""
    plain = {k: t for k, t in tensors.items() if not k.endswith(("weight_orig", "weight_u", "weight_v"))}
    for key in [k for k in tensors if k.endswith("weight_orig")]:
        name, weight = key.removesuffix("_orig"), tensors[key]
        sigma = torch.dot(tensors[f"{name}_u"], weight.flatten(1) @ tensors[f"{name}_v"])
        plain[name] = weight / sigma
        layer = name.split(".")[0]
        if layer in ("gap_fc", "gmp_fc"):
            plain[layer.replace("_fc", "_scale")] = weight
    return plain
