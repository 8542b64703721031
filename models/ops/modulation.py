"""Convolutions whose input channels are scaled by a style, and whose results are brought back to unit variance.

StyleGAN2 (Karras et al. 2019, arXiv:1912.04958, section 2.2), equations 1 and 3:

    w'[o, i, k]  = s[i] w[o, i, k]
    w''[o, i, k] = w'[o, i, k] / sqrt(sum over i, k of w'[o, i, k]^2 + 1e-8)

Both factors are per channel, so they can be taken into the kernel or into the maps before and after it. What is smaller is
scaled: wide kernels of small maps are shared by a whole batch, narrow kernels of large maps are made for each picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .fir import smooth
from .winograd import STEP, winograd, winograd_taps

EPS = 1e-8
WIDE, MANY = 64, 900  # channels and positions from which Winograd's form pays


def sum_of_squares(weight: Tensor) -> Tensor:
    """[O, I, k, k] -> [O, I], from which `demodulation` needs no kernel."""
    return weight.square().sum(dim=(2, 3))


def demodulation(style: Tensor, squares: Tensor) -> Tensor:
    """Styles [B, I] and `sum_of_squares` [O, I] -> the factor of every result [B, O]."""
    return (style.square() @ squares.t() + EPS).rsqrt()


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    noise: Tensor | None = None,
    padding: int = 0,
    up_filter: Tensor | None = None,
    taps: list[Tensor] | None = None,
) -> Tensor:
    """conv(x * style) * scale + noise + bias -> a new tensor [B, O, H', W'].

    x [B or 1, I, H, W], weight [O, I, k, k], style [B, I], scale [B, O], bias [O], noise that spreads over [B, 1, H', W'].
    up_filter: [4, 4] for a transposed convolution of stride 2 of a 3x3 kernel that is smoothed by it, to twice the size.
    taps: `winograd_taps` of the weight, where they were made before.
    """
    batch, tracked = style.shape[0], torch.is_grad_enabled() and (style.requires_grad or x.requires_grad)
    if weight.numel() <= x[0].numel() and not tracked:
        pictures = x if len(x) == batch else x.expand(batch, -1, -1, -1)
        made = [
            _for_one(pictures[i : i + 1], weight, style[i], None if scale is None else scale[i], bias, padding, up_filter)
            for i in range(batch)
        ]
        y = made[0] if batch == 1 else torch.cat(made)
        return y if noise is None else y.add_(noise)
    y = x * style[:, :, None, None]
    y = _convolve(y, weight, None, padding, taps) if up_filter is None else _enlarge(y, weight, None, up_filter)
    shift = None if bias is None else bias[:, None, None]
    if noise is not None:
        shift = noise if shift is None else noise + shift
    if scale is not None:
        factor = scale[:, :, None, None]
        return y * factor if shift is None else torch.addcmul(shift.to(y), y, factor)
    return y if shift is None else y + shift


def _for_one(
    x: Tensor, weight: Tensor, style: Tensor, scale: Tensor | None, bias: Tensor | None, padding: int, up_filter: Tensor | None
) -> Tensor:
    """The same for one picture [1, I, H, W] with its own kernel: style [I], scale [O]."""
    own = weight * style[:, None, None]
    if scale is not None:
        own *= scale[:, None, None, None]
    if up_filter is not None:
        return _enlarge(x, own, bias, up_filter)
    return _convolve(x, own, bias, padding, None)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, taps: list[Tensor] | None) -> Tensor:
    if not winograd_suits(x, weight) or (torch.is_grad_enabled() and x.requires_grad):
        return F.conv2d(x, weight, bias, padding=padding)
    width = x.shape[3] + 2 * padding - 2
    surplus = -width % STEP
    padded = F.pad(x, (padding, padding + surplus, padding, padding))
    return winograd(padded, taps or winograd_taps(weight), bias)[..., :width]


def winograd_suits(x: Tensor, weight: Tensor) -> bool:
    """Whether Winograd's form of a 3x3 convolution is faster here: on the processor, where no library does it by itself."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and weight.shape[-1] == 3
    return fits and min(weight.shape[:2]) >= WIDE and x.shape[2] * x.shape[3] >= MANY


def _enlarge(x: Tensor, weight: Tensor, bias: Tensor | None, up_filter: Tensor) -> Tensor:
    """Transposed convolution of stride 2 and its smoothing: [B, I, H, W] -> [B, O, 2H, 2W]."""
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return smooth(y, up_filter, 4.0, bias)
