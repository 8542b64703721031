"""The activations of translators and stylizers, applied in place."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Activation = Literal["none", "relu", "leaky", "tanh", "sigmoid"]
SLOPE = 0.2


def activate(x: Tensor, kind: Activation) -> Tensor:
    """x with the activation, in place. leaky: LeakyReLU of slope 0.2."""
    if kind == "relu":
        return x.relu_()
    if kind == "leaky":
        return F.leaky_relu_(x, SLOPE)
    if kind == "sigmoid":
        return x.sigmoid_()
    return x.tanh_() if kind == "tanh" else x
