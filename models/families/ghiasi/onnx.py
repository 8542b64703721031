"""The same networks as ONNX files, converted from TensorFlow Lite: kernels turned, batch normalizations folded into biases."""

from __future__ import annotations

import torch
from torch import Tensor

from ...architecture import Tensors

BIAS, DEPTHWISE_BIAS = "/Conv2D_bias", "/depthwise_bias"
FOLDED_ROOTS = ("transformer/contract/", "MobilenetV2/")


def published(tensors: Tensors, eps: float) -> Tensors:
    """Magenta's names and layout, with batch normalizations that do nothing but add the bias; other files as they are.

    eps: of those normalizations.
    """
    if not any(key.endswith(BIAS) for key in tensors):
        return tensors
    made: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if key.endswith("/depthwise_weights") and tensor.dim() == 4:
            made[key] = tensor.permute(2, 3, 0, 1)
        elif key.endswith("weights") and tensor.dim() == 4:
            made[key] = tensor.permute(2, 3, 1, 0)
        elif key.endswith((BIAS, DEPTHWISE_BIAS)):
            layer = key.removesuffix(BIAS).removesuffix(DEPTHWISE_BIAS)
            if layer.startswith(FOLDED_ROOTS):
                norm = f"{layer}/BatchNorm"
                zeros = torch.zeros_like(tensor)
                made |= {f"{norm}/beta": tensor, f"{norm}/moving_mean": zeros, f"{norm}/moving_variance": zeros + (1 - eps)}
            else:
                made[f"{layer}/biases"] = tensor
    return made
