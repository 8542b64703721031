"""Attention-weighted means and deviations (Liu et al. 2021, arXiv:2108.03647, equations 3 to 7).

For every position of the content: the mean and standard deviation of the style's values over all its positions, weighted by how
alike the keys are. The matrix of all weights, positions of the content times positions of the style, is never made. By softmax
it is made and used up block by block inside PyTorch's attention. By cosine it is a product of low rank, so that the style comes
down to a table as large as its channels.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Attention

COSINE_EPS = 1e-5  # the authors', on lengths and on sums
ALIGNED = 8  # columns, which memory-efficient attention on graphics cards asks for

Parts = dict[str, Tensor]


class Form(Protocol):
    """A way of weighing. Positions are rows: keys [N, K], values [N, C]."""

    def take(self, keys: Tensor, values: Tensor) -> Parts:
        """What is kept of a style: normalized keys and relu values of its positions -> tensors without a batch."""
        ...

    def ready(self, parts: Parts) -> Any:
        """The same as `look` needs it, made once for a picture."""
        ...

    def query(self, keys: Tensor) -> Tensor:
        """Normalized keys of the content as `look` needs them."""
        ...

    def look(self, query: Tensor, style: Any) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the style's values for every position of the query, both [N, C]."""
        ...


class Prepared:
    """A style's keys, values and squares side by side, all of one width: PyTorch's blockwise attention asks for that."""

    def __init__(self, parts: Parts, width: int) -> None:
        keys, values = parts["keys"], parts["values"]
        # a variance is the mean of squares less the square of the mean: exact only while the mean is small beside the deviation
        self.center = values.mean(dim=0)
        away = values - self.center
        self.channels = values.shape[1]
        self.keys = keys.new_zeros(1, 1, len(keys), width)
        self.keys[0, 0, :, : keys.shape[1]] = keys
        self.values = keys.new_zeros(1, 1, len(keys), width)
        self.values[0, 0, :, : self.channels] = away
        torch.square(away, out=self.values[0, 0, :, self.channels : 2 * self.channels])


class Softmax(nn.Module):
    """softmax(f(content)^T g(style)), without the usual scaling.

    Both projections are multiplied into one beforehand, so that the content's keys are used as they are: f(c).g(s) =
    c.(F^T (G s + g)) + f.(G s + g). The last term depends on the style's position alone and is one more column of its keys.
    """

    key: Tensor
    offset: Tensor

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        f, g = (layer.weight[:, :, 0, 0].double() for layer in (attention.f, attention.g))
        f_bias, g_bias = (_bias(layer).double() for layer in (attention.f, attention.g))
        with_column = torch.cat([f, f_bias[:, None]], dim=1)
        self.register_buffer("key", (g.T @ with_column).float())
        self.register_buffer("offset", (g_bias @ with_column).float())
        self.h = attention.h
        keys, values = attention.config.keys, attention.config.values
        self.width = -(-max(keys + 1, 2 * values) // ALIGNED) * ALIGNED

    def take(self, keys: Tensor, values: Tensor) -> Parts:
        """keys [N, K + 1], values [N, C]."""
        return {"keys": torch.addmm(self.offset, keys, self.key), "values": _projected(values, self.h)}

    def ready(self, parts: Parts) -> Prepared:
        return Prepared(parts, self.width)

    def query(self, keys: Tensor) -> Tensor:
        wide = keys.new_zeros(1, 1, len(keys), self.width)
        wide[0, 0, :, : keys.shape[1]] = keys
        wide[0, 0, :, keys.shape[1]] = 1
        return wide

    def look(self, query: Tensor, style: Prepared) -> tuple[Tensor, Tensor]:
        found = F.scaled_dot_product_attention(query, style.keys, style.values, scale=1.0)[0, 0]
        mean, square = found[:, : style.channels], found[:, style.channels : 2 * style.channels]
        return mean + style.center, _deviation(mean, square)


class Cosine(nn.Module):
    """1 + cos(f(content), g(style)) over its sum, as in the network for video: it changes less from frame to frame.

    Never negative, so the authors' ReLU changes nothing, and linear in the style's unit keys: a table of the sums of their
    products with 1, the values and their squares gives all means at once (Katharopoulos et al. 2020, arXiv:2006.16236).
    """

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.f, self.g, self.h = attention.f, attention.g, attention.h

    def take(self, keys: Tensor, values: Tensor) -> Parts:
        """table [1 + K, 1 + 2 C]: averages over positions of (1, unit keys) times (1, values, squares), values less their mean.

        center [1, C]: that mean. count [1, 1]: of positions.
        """
        values = _projected(values, self.h)
        center = values.mean(dim=0, keepdim=True)
        away = values - center
        unit = _with_one(_unit(_projected(keys, self.g)))
        table = unit.T @ torch.cat([_with_one(away), away.square()], dim=1) / len(keys)
        return {"table": table, "center": center, "count": table.new_full((1, 1), float(len(keys)))}

    def ready(self, parts: Parts) -> Parts:
        return parts

    def query(self, keys: Tensor) -> Tensor:
        return _with_one(_unit(_projected(keys, self.f)))

    def look(self, query: Tensor, style: Parts) -> tuple[Tensor, Tensor]:
        found = query @ style["table"]
        total = found[:, :1] + COSINE_EPS / style["count"]
        mean, square = (found[:, 1:] / total).chunk(2, dim=1)
        return mean + style["center"], _deviation(mean, square)


def _projected(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A 1x1 convolution of positions as rows."""
    return torch.addmm(_bias(layer), x, layer.weight[:, :, 0, 0].T)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _unit(x: Tensor) -> Tensor:
    return x / (x.norm(dim=1, keepdim=True) + COSINE_EPS)


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x.new_ones(len(x), 1), x], dim=1)


def _deviation(mean: Tensor, square: Tensor) -> Tensor:
    """Of a variance that rounding may leave a little under 0."""
    return (square - mean.square()).relu_().sqrt_()
