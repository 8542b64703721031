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
    "johnson-batch": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), batch=True),
    "johnson-abhiskk": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), range="bgr", eps=1e-9),
    "johnson-yakhyo": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), carried=2.0),
    "johnson-eriklindernoren": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), range="imagenet"),
    "johnson-lengstrom": JohnsonConfig((4, 8, 12), 3, BLOCK, (8, 4), transposed=True, tanh=True, eps=1e-3, same=True),
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
    if identity == "johnson-eriklindernoren":
        return {f"model.{b + 3}.block.0.block.1.weight": one for b in blocks}
    if identity == "johnson-onnx":
        return {str(n + 1): one if n % 4 == 0 else torch.zeros(1) for n in range(4 * (2 * config.blocks + 6))}
    return {f"res{b + 1}.conv1.conv2d.weight": one for b in blocks}


KEYS = {
    "johnson": johnson.pytorch_keys,
    "johnson-batch": johnson.batch_keys,
    "johnson-abhiskk": johnson.pytorch_keys,
    "johnson-yakhyo": johnson.yakhyo_keys,
    "johnson-eriklindernoren": johnson.erik_keys,
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
    if identity == "johnson-lengstrom":
        return variables(config, state)
    keys = KEYS[identity](skeleton(identity, config))
    affine = "scale and shift" if identity == "johnson-abhiskk" else "weight and bias"
    names = johnson.parameters(keys, identity == "johnson-onnx", affine)  # type: ignore[arg-type]
    tensors = {key: state[name].clone() for name, key in names.items()}
    for layer, (_, norm) in keys.items():
        if norm and identity in ("johnson-authors", "johnson-batch"):
            width = state[f"{layer}.norm.weight"].shape
            tensors |= {f"{norm}.running_mean": torch.randn(width), f"{norm}.running_var": torch.rand(width) + 0.5}
    return tensors


def variables(config: JohnsonConfig, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """lengstrom's: kernel, shift and scale of every layer, numbered."""
    blocks = [f"blocks.{b}.{j}" for b in range(config.blocks) for j in (0, 1)]
    numbered: list[Tensor] = []
    for layer in ["down.0", "down.1", "down.2", *blocks, "up.0", "up.1", "out"]:
        conv, norm = ("out", "last") if layer == "out" else (f"{layer}.conv", f"{layer}.norm")
        kernel = state[f"{conv}.weight"][:, :, 1:, 1:] if layer.startswith("up") else state[f"{conv}.weight"]
        numbered += [kernel.permute(2, 3, 1, 0).contiguous(), state[f"{norm}.bias"], state[f"{norm}.weight"]]
    return {f"Variable_{i}" if i else "Variable": tensor for i, tensor in enumerate(numbered)}
