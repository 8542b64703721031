"""Which way a picture's lines run: the structure tensor, its direction, and how sure it is of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .smoothing import gaussian, reach_of, sobel

TENSOR_SIGMA = 2.0
FLAT = 1e-12  # of an eigenvalue's square root: where there is no slope there is no direction


@dataclass(frozen=True)
class Orientation:
    """tangent [B, 2, H, W]: unit vectors (right, down) along the lines, zero where there are none; a vector and its negative mean the
    same. anisotropy [B, 1, H, W]: 0 where all directions are equal, 1 on a straight edge.
    """

    tangent: Tensor
    anisotropy: Tensor


def structure_tensor(rgb: Tensor, sigma: float = TENSOR_SIGMA) -> Tensor:
    """[B, C, H, W] -> [B, 3, H, W]: E, F, G, the products of slopes (Sobel / 4) xx, xy, yy, summed over channels and smoothed.

    Kyprianidis and Kang 2009 (Image and Video Abstraction by Anisotropic Kuwahara Filtering), section 3.1.
    """
    right, down = (slope / 4 for slope in sobel(rgb))
    products = [(a * b).sum(1, keepdim=True) for a, b in ((right, right), (right, down), (down, down))]
    return gaussian(torch.cat(products, 1), sigma)


def orientation(tensor: Tensor) -> Orientation:
    """A structure tensor [B, 3, H, W] -> direction of its smaller eigenvalue, and anisotropy (l1 - l2) / (l1 + l2)."""
    e, f, g = tensor.split(1, 1)
    root = ((e - g).square() + 4 * f.square()).sqrt()
    largest = (e + g + root) / 2
    # Of two forms of the eigenvector the longer one is exact: (l1 - E, -F) and (F, l1 - G) up to sign are parallel.
    first, second = torch.cat([largest - e, -f], 1), torch.cat([-f, largest - g], 1)
    vector = torch.where(e < g, first, second)
    length = vector.square().sum(1, keepdim=True).sqrt()
    tangent = torch.where(length > FLAT, vector / length.clamp_min(FLAT), torch.zeros_like(vector))
    anisotropy = torch.where(e + g > FLAT, root / (e + g).clamp_min(FLAT), torch.zeros_like(root))
    return Orientation(tangent, anisotropy.clamp(0, 1))


def orientation_of(rgb: Tensor, sigma: float = TENSOR_SIGMA) -> Orientation:
    """The direction of a picture's own lines."""
    return orientation(structure_tensor(rgb, sigma))


def from_angles(angles: Tensor) -> Orientation:
    """A map [B, 1, H, W] of angles as grey, 0 to 1 for 0 to 180 degrees counted from the right downwards; sure everywhere."""
    turned = angles * torch.pi
    return Orientation(torch.cat([turned.cos(), turned.sin()], 1), torch.ones_like(angles))


def reach(sigma: float = TENSOR_SIGMA) -> int:
    """How far from a pixel its direction reads."""
    return reach_of(sigma) + 1
