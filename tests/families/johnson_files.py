"""Small files of every form of fast neural style in its published names, filled with seeded numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from style_atelier.models.families import johnson
from style_atelier.models.families.johnson.network import JohnsonConfig, TransformerNet

BLOCK = ((12, 3), (12, 3))
CONFIGS: dict[str, JohnsonConfig] = {
    "johnson": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4)),
    "johnson-aleksa": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), range="imagenet"),
    "johnson-rrmina": JohnsonConfig((4, 8, 12), 3, ((6, 1), (6, 3), (12, 1)), (8, 4), transposed=True, tanh=True, range="bgr"),
    "johnson-onnx": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4)),
    "johnson-authors": JohnsonConfig((4, 8, 12), 5, BLOCK, (8, 4), transposed=True, framed=True, tanh=True, range="caffe"),
}


def skeleton(identity: str, config: JohnsonConfig) -> dict[str, Tensor]:
    """Names by which a form counts its blocks and their layers."""
    one, blocks = torch.zeros(1, 1, 1, 1), range(config.blocks)
    if identity == "johnson-rrmina":
        return {f"ResidualBlock.{b}.conv{j + 1}.conv_layer.weight": one for b in blocks for j in range(len(config.block))}
    if identity == "johnson-authors":
        return {f"encoder.{b + 4}.residual.0.0.weight": one for b in blocks}
    if identity == "johnson-onnx":
        return {str(n + 1): one if n % 4 == 0 else torch.zeros(1) for n in range(4 * (2 * config.blocks + 6))}
    return {f"res{b + 1}.conv1.conv2d.weight": one for b in blocks}


KEYS = {
    "johnson": johnson.pytorch_keys,
    "johnson-aleksa": johnson.aleksa_keys,
    "johnson-rrmina": johnson.rrmina_keys,
    "johnson-onnx": johnson.numbered_keys,
    "johnson-authors": johnson.pystiche_keys,
}


def published(identity: str, config: JohnsonConfig | None = None) -> dict[str, Tensor]:
    """A file of this form."""
    config = config or CONFIGS[identity]
    torch.manual_seed(1)
    state = TransformerNet(config).state_dict()
    keys = KEYS[identity](skeleton(identity, config))
    names = johnson.parameters(keys, identity == "johnson-onnx")
    tensors = {key: state[name].clone() for name, key in names.items()}
    for layer, (_, norm) in keys.items():
        if norm and identity == "johnson-authors":
            width = state[f"{layer}.norm.weight"].shape
            tensors |= {f"{norm}.running_mean": torch.randn(width), f"{norm}.running_var": torch.rand(width) + 0.5}
    return tensors
