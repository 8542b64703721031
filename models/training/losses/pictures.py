"""Losses on pictures themselves: total variation, and the matting Laplacian of a photograph."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 1  # of the Laplacian's windows, which are 3x3
WINDOW = (2 * REACH + 1) ** 2
LAPLACIAN_EPS = 1e-7  # CAP-VSTNet's
LARGEST_SLOPE = 0.05  # likewise


def total_variation(pictures: Tensor) -> Tensor:
    """Half the mean squared difference of neighbors, down and across, as magenta has it."""
    rows, columns = pictures[:, :, 1:] - pictures[:, :, :-1], pictures[..., 1:] - pictures[..., :-1]
    return (rows.square().mean() + columns.square().mean()) / 2


def _boxes(x: Tensor) -> Tensor:
    """Means of all 3x3 windows that lie inside."""
    return F.avg_pool2d(x, 2 * REACH + 1, 1)


def _gathered(x: Tensor) -> Tensor:
    """For every position the sum of what the windows that hold it have."""
    return F.avg_pool2d(F.pad(x, (2 * REACH,) * 4), 2 * REACH + 1, 1) * WINDOW


def laplacian_times(photo: Tensor, picture: Tensor) -> Tensor:
    """L y: the matting Laplacian (Levin et al. 2008, equation 12) of photo [B, 3, H, W] times every channel of picture.

    From the moments of the 3x3 windows: L y gathers what is left of y once an affine function of the photo's colors has been
    fitted in each window, so no matrix is ever made. In double precision.
    """
    photo, y = photo.detach().double(), picture.double()
    middle = photo.mean(dim=(2, 3), keepdim=True)
    photo = photo - middle  # keeps the differences of squares below exact
    mean, mean_y = _boxes(photo), _boxes(y)
    colors = photo.shape[1]
    both = _boxes((photo[:, :, None] * photo[:, None]).flatten(1, 2)).unflatten(1, (colors, colors))
    covariance = both - mean[:, :, None] * mean[:, None]
    covariance = covariance.permute(0, 3, 4, 1, 2) + LAPLACIAN_EPS / WINDOW * torch.eye(colors).to(covariance)
    with_y = _boxes((photo[:, :, None] * y[:, None]).flatten(1, 2)).unflatten(1, (colors, y.shape[1]))
    with_y = (with_y - mean[:, :, None] * mean_y[:, None]).permute(0, 3, 4, 1, 2)
    slope = torch.linalg.solve(covariance, with_y).permute(0, 3, 4, 1, 2)  # [B, colors, channels, h, w]
    offset = mean_y - (slope * mean[:, :, None]).sum(dim=1)
    count = _gathered(torch.ones_like(mean_y[:, :1]))
    slopes = _gathered(slope.flatten(1, 2)).unflatten(1, (colors, y.shape[1]))
    return count * y - _gathered(offset) - (photo[:, :, None] * slopes).sum(dim=1)


def laplacian_slope(photo: Tensor, picture: Tensor, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """CAP-VSTNet's way to keep a photograph's structure (arXiv:2303.17867, equation 7, as its code has it).

    -> (weight * 2 L y / (H W) clamped to +-0.05, to go back through the picture; the loss y^T L y / (H W), mean of the batch;
    the share of the slope that the clamp changed).
    """
    height, width = picture.shape[2:]
    with torch.no_grad():
        product = laplacian_times(photo, picture)
        loss = (product * picture).sum(dim=(1, 2, 3)).mean() / (height * width)
        slope = 2 * weight / (height * width) * product
        clamped = slope.clamp(-LARGEST_SLOPE, LARGEST_SLOPE)
        return clamped.to(picture), loss, (clamped != slope).double().mean()
