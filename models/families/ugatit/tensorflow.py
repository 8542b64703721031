"""The official TensorFlow checkpoint of U-GAT-IT (taki0112/UGATIT, MIT) under the names of the PyTorch code."""

from __future__ import annotations

from math import isqrt

from torch import Tensor

from ...architecture import Tensors, shape
from .network import UGATITConfig

# The authors call generators by the domain they make.
GENERATORS = {"genA2B": "generator_B/", "genB2A": "generator_A/"}
# AdaLIN's rho is read as clip(rho - 0.1, 0, 1): "smoothing", on in the published runs.
SMOOTHING = 0.1


def is_tensorflow(tensors: Tensors) -> bool:
    """Variables of a TensorFlow U-GAT-IT generator."""
    return any(
        f"{start}CAM_logit/kernel" in tensors and f"{start}MLP/gamma/dense/kernel" in tensors for start in GENERATORS.values()
    )


def generator_config(tensors: Tensors, start: str) -> UGATITConfig:
    """Widths and depth of one generator."""
    width = shape(tensors, f"{start}conv/conv2d/kernel")[3]
    blocks = len({k.split("/")[1] for k in tensors if k.startswith(f"{start}resblock_")})
    flat = shape(tensors, f"{start}MLP/linear_0/dense/kernel")[0]
    return UGATITConfig(width, blocks, 0 if flat == 4 * width else 4 * isqrt(flat // (4 * width)), tensorflow=True)


def configure(tensors: Tensors) -> tuple[tuple[str, UGATITConfig], ...]:
    """(name, configuration) of the generators that are there."""
    return tuple((n, generator_config(tensors, s)) for n, s in GENERATORS.items() if f"{s}CAM_logit/kernel" in tensors)


def rename(tensors: Tensors, config: tuple[tuple[str, UGATITConfig], ...]) -> dict[str, Tensor]:
    """Every generator under `genA2B.` or `genB2A.`: kernels [h, w, in, out] turned, dense ones transposed."""
    renamed: dict[str, Tensor] = {}
    for name, own in config:
        renamed |= {f"{name}.{k}": t for k, t in _generator(tensors, GENERATORS[name], own).items()}
    return renamed


def _generator(tensors: Tensors, start: str, config: UGATITConfig) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}

    def conv(to: str, scope: str) -> None:
        out[f"{to}.weight"] = tensors[f"{start}{scope}/conv2d/kernel"].permute(3, 2, 0, 1).contiguous()
        out[f"{to}.bias"] = tensors[f"{start}{scope}/conv2d/bias"]

    def norm(to: str, scope: str) -> None:
        out[f"{to}.weight"], out[f"{to}.bias"] = tensors[f"{start}{scope}/gamma"], tensors[f"{start}{scope}/beta"]

    def dense(to: str, scope: str) -> None:
        out[f"{to}.weight"] = tensors[f"{start}MLP/{scope}/dense/kernel"].T.contiguous()
        out[f"{to}.bias"] = tensors[f"{start}MLP/{scope}/dense/bias"]

    def column(v: Tensor) -> Tensor:
        return v[None, :, None, None]

    conv("DownBlock.1", "conv")
    norm("DownBlock.2", "ins_norm")
    for i, place in enumerate((5, 9)):
        conv(f"DownBlock.{place}", f"conv_{i}")
        norm(f"DownBlock.{place + 1}", f"ins_norm_{i}")
    for i in range(config.blocks):
        for res, place in (("res1", 1), ("res2", 5)):
            to, scope = f"DownBlock.{12 + i}.conv_block", f"resblock_{i}/{res}"
            conv(f"{to}.{place}", f"{scope}/conv_0")
            norm(f"{to}.{place + 1}", f"{scope}/instance_norm")
    for to in ("gap_fc", "gmp_fc"):  # one layer serves both
        out[f"{to}.weight"], out[f"{to}.bias"] = tensors[f"{start}CAM_logit/kernel"].T, tensors[f"{start}CAM_logit/bias"]
    conv("conv1x1", "conv_1x1")
    for to, scope in (("FC.0", "linear_0"), ("FC.2", "linear_1"), ("gamma", "gamma"), ("beta", "beta")):
        dense(to, scope)
    if config.size:
        side, deep = config.size // 4, 4 * config.width
        flat = out["FC.0.weight"].view(-1, side, side, deep)  # TensorFlow flattens H, W, C
        out["FC.0.weight"] = flat.permute(0, 3, 1, 2).reshape(-1, deep * side * side)
    for i in range(config.blocks):
        for number in (1, 2):
            scope = f"adaptive_resblock{i}/res{number}"
            conv(f"UpBlock1_{i + 1}.conv{number}", f"{scope}/conv_0")
            rho = tensors[f"{start}{scope}/instance_layer_norm/rho"]
            out[f"UpBlock1_{i + 1}.norm{number}.rho"] = column((rho - SMOOTHING).clamp(0, 1))
    for i, place in enumerate((2, 7)):
        conv(f"UpBlock2.{place}", f"up_conv_{i}")
        for part in ("rho", "gamma", "beta"):
            out[f"UpBlock2.{place + 1}.{part}"] = column(tensors[f"{start}layer_ins_norm_{i}/{part}"])
    conv("UpBlock2.11", "G_logit")
    return out
