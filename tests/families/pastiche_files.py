"""Small files of magenta's networks in their published names, filled with seeded numbers: CIN, Ghiasi's transformers and
predictors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from style_atelier.models.families import cin, ghiasi
from style_atelier.models.families.cin.network import PasticheConfig, PasticheNet
from style_atelier.models.families.ghiasi.predictors import LAST_BLOCK, inception_layers, mobile_layers

STYLES, VECTOR = 3, 5
NET = PasticheConfig((4, 6, 8), (6, 4), 2)
CIN = cin.CINConfig(NET, STYLES)


def noise(*shape: int, scale: float = 0.3) -> Tensor:
    return torch.randn(shape) * scale


def kernels(net: PasticheNet, separable: bool) -> dict[str, Tensor]:
    """Convolutions in TensorFlow's layout."""
    found, inputs = {}, 3
    for name, width in net.widths().items():
        side = 9 if name in ("contract/conv1", "expand/conv3/conv") else 3
        start = ghiasi.published(name, separable)
        if separable and not name.startswith("contract"):
            found[f"{start}/depthwise_weights"] = noise(side, side, inputs, 1)
            found[f"{start}/pointwise_weights"] = noise(1, 1, inputs, width)
        else:
            found[f"{start}/weights"] = noise(side, side, inputs, width)
        inputs = width
    return found


def multi_style() -> dict[str, Tensor]:
    torch.manual_seed(2)
    net = PasticheNet(NET)
    tables = {
        f"{cin.ROOT}{name}{cin.NORM}/{what}": 1 + noise(STYLES, width) if what == "gamma" else noise(STYLES, width)
        for name, width in net.widths().items()
        for what in ("gamma", "beta")
    }
    return kernels(net, False) | tables


def norm(name: str, width: int, constant: bool) -> dict[str, Tensor]:
    """A batch normalization's numbers; TensorFlow.js keeps a gamma of ones as a constant."""
    values = {"beta": noise(width), "moving_mean": noise(width), "moving_variance": torch.rand(width) + 0.5}
    values |= {"Const": torch.ones(width)} if constant else {}
    return {f"{name}/BatchNorm/{what}": value for what, value in values.items()}


def transformer(separable: bool, zeros: bool) -> dict[str, Tensor]:
    torch.manual_seed(3)
    net = PasticheNet(PasticheConfig(NET.widths, NET.expand, NET.blocks, separable, zeros, styled_contract=False))
    found = kernels(net, separable)
    for name in ("contract/conv1", "contract/conv2", "contract/conv3"):
        found |= norm(cin.ROOT + name, net.widths()[name], zeros)
    for name, width in net.styled.items():
        for what in ("Conv", "Conv_1"):
            found[ghiasi.params(name, f"{what}/weights")] = noise(1, 1, VECTOR, width)
            found[ghiasi.params(name, f"{what}/biases")] = noise(width) + (what == "Conv_1")
    return found


def mobile() -> dict[str, Tensor]:
    torch.manual_seed(4)
    found, width = {}, 3
    for name in mobile_layers():
        number = int(name.split("_")[-1].split("/")[0]) if "conv_" in name and "/expanded" in name else 0
        narrow = 4 + 2 * (number > LAST_BLOCK // 2)
        if name.endswith("/depthwise"):
            found[f"{name}/depthwise_weights"] = noise(3, 3, width, 1)
        else:
            side = 3 if name == "MobilenetV2/Conv" else 1
            out = 8 if name.endswith(("/expand", "Conv_1")) else narrow
            found[f"{name}/weights"] = noise(side, side, width, out, scale=0.6)
            width = out
        found |= norm(name, width, False)
    return found | {"mobilenet_conv/Conv/weights": noise(1, 1, width, VECTOR), "mobilenet_conv/Conv/biases": noise(VECTOR)}


def inception() -> dict[str, Tensor]:
    """Each layer makes 2 channels."""
    torch.manual_seed(5)
    found: dict[str, Tensor] = {}
    deep = {"Mixed_5b": 2, "Mixed_6a": 8, "Mixed_6b": 12}  # what comes in: one layer's, four branches', two and what they had
    for name in inception_layers():
        block, last = name.split("/")[1], name.rsplit("/", 1)[1]
        first = "Branch" not in name or not any(k.startswith(name.rsplit("/", 1)[0] + "/") for k in found)
        inputs = 3 if last == "Conv2d_1a_3x3" else deep.get(block, 8) if "Mixed" in name and first else 2
        rows, columns = (int(n) for n in last.split("_")[-1].split("x"))
        if block == "Mixed_6a" and last == "Conv2d_1a_1x1":
            rows = columns = 3
        found[f"{name}/weights"] = noise(rows, columns, inputs, 2, scale=0.5)
        found |= norm(name, 2, True)
    return found | {"Conv/weights": noise(1, 1, 8, VECTOR), "Conv/biases": noise(VECTOR)}


FILES = {
    "cin": multi_style,
    "ghiasi": lambda: transformer(True, True) | mobile(),
    "ghiasi-mobilenet": mobile,
    "ghiasi-inception": inception,
}
