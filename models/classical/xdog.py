"""Lines and tones from differences of Gaussians.

Winnemoeller, Kyprianidis and Olsen 2012 (XDoG: an extended difference-of-Gaussians compendium), equations 4 to 7; the flow-guided form
is Kang, Lee and Chui 2007's with the structure tensor's field, as in Kyprianidis and Doellner 2008; the older form is Winnemoeller,
Olsen and Gooch 2006's.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from .orientation import orientation_of, reach
from .smoothing import gaussian, luma, reach_of
from .streamlines import smooth_across, smooth_along

RATIO = 1.6  # of the two Gaussians: close to the Laplacian of a Gaussian
TRUNCATE = 6.0
ACROSS = 2.45  # where the flow-guided form ends its Gaussians, in deviations


def sharpened(rgb: Tensor, sigma: float, k: float, p: float) -> Tensor:
    """(1 + p) G_sigma - p G_(k sigma) of the luma, [B, 1, H, W]."""
    bright = luma(rgb)
    return (1 + p) * gaussian(bright, sigma, TRUNCATE) - p * gaussian(bright, k * sigma, TRUNCATE)


def soft_threshold(x: Tensor, epsilon: float, phi: float) -> Tensor:
    """1 from epsilon up, below it 1 + tanh(phi (x - epsilon)): the larger phi, the harder."""
    return torch.where(x >= epsilon, torch.ones_like(x), 1 + torch.tanh(phi * (x - epsilon))).clamp(0, 1)


def xdog(rgb: Tensor, sigma: float = 1.4, k: float = RATIO, p: float = 20.0, epsilon: float = 0.6, phi: float = 12.0) -> Tensor:
    """[B, 3, H, W] -> grey [B, 1, H, W]. sigma: of the lines, in pixels; p: how strongly edges are drawn; epsilon: the brightness from
    which the paper stays white; phi: the hardness of the step to black.
    """
    return soft_threshold(sharpened(rgb, sigma, k, p), epsilon, phi)


def flow_xdog(
    rgb: Tensor,
    sigma: float = 1.4,
    k: float = RATIO,
    p: float = 20.0,
    epsilon: float = 0.6,
    phi: float = 12.0,
    sigma_flow: float = 2.3,
    sigma_along: float = 3.0,
    sigma_smooth: float = 1.0,
) -> Tensor:
    """The same along the picture's lines, which become long and clean: differences across them, smoothed along them, and the result
    smoothed along them once more (0 for not).
    """
    field = orientation_of(rgb, sigma_flow).tangent
    narrow, wide = smooth_across(luma(rgb), field, (sigma, k * sigma), ACROSS)
    found = soft_threshold(smooth_along((1 + p) * narrow - p * wide, field, sigma_along), epsilon, phi)
    return smooth_along(found, field, sigma_smooth) if sigma_smooth else found


def dog_lines(rgb: Tensor, sigma: float = 1.4, tau: float = 0.98, phi: float = 200.0) -> Tensor:
    """Lines alone, [B, 1, H, W]: 1 where G_sigma - tau G_(1.6 sigma) is above 0, else 1 + tanh(phi times it)."""
    bright = luma(rgb)
    difference = gaussian(bright, sigma, TRUNCATE) - tau * gaussian(bright, RATIO * sigma, TRUNCATE)
    return torch.where(difference > 0, torch.ones_like(difference), 1 + torch.tanh(phi * difference))


def flow_lines(rgb: Tensor, sigma: float = 1.0, tau: float = 0.99, phi: float = 200.0, sigma_along: float = 3.0) -> Tensor:
    """`dog_lines` along the picture's lines."""
    field = orientation_of(rgb, 2.3).tangent
    narrow, wide = smooth_across(luma(rgb), field, (sigma, RATIO * sigma), ACROSS)
    difference = smooth_along(narrow - tau * wide, field, sigma_along)
    return torch.where(difference > 0, torch.ones_like(difference), 1 + torch.tanh(phi * difference))


def halo(sigma: float, k: float = RATIO) -> int:
    """How far `xdog` reads."""
    return reach_of(max(sigma, k * sigma), TRUNCATE)


def flow_halo(
    sigma: float, k: float = RATIO, sigma_flow: float = 2.3, sigma_along: float = 3.0, sigma_smooth: float = 1.0
) -> int:
    """How far `flow_xdog` reads."""
    walked = reach_of(sigma_along, 2.0) + (reach_of(sigma_smooth, 2.0) if sigma_smooth else 0) + 4
    return ceil(ACROSS * max(sigma, k * sigma)) + walked + reach(sigma_flow)
