"""What DEADiff adds to SD1.5 for one of its two words: a Q-Former that asks a picture for its style or its content, a
projection, and keys and values of the answer for every cross attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Word = Literal["style", "content"]
Place = tuple[str, int]  # a block of the UNet: ("input", 1)
WORDS: tuple[Word, ...] = ("style", "content")
# The five coarsest of the sixteen layers take the content's tokens, the others the style's.
CONTENT_PLACES: frozenset[Place] = frozenset({("input", 7), ("input", 8), ("middle", 0), ("output", 3), ("output", 4)})
TEXT_LENGTH = 3  # the word between its two marks
EPS, VISION_EPS = 1e-12, 1e-5


@dataclass(frozen=True)
class DEADiffConfig:
    """width, layers, heads, hidden: of the Q-Former. vision: width of the picture encoder. queries: tokens it gives.
    projection: hidden width behind it. joint: (block, channels) of every cross attention, in the UNet's order.
    """

    word: Word
    width: int
    layers: int
    heads: int
    hidden: int
    vision: int
    queries: int
    projection: int
    joint: tuple[tuple[Place, int], ...]


class Attention(nn.Module):
    """Post-norm attention as in BERT: the norm of what was asked plus the answer."""

    def __init__(self, width: int, source: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.dense = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(source, width), nn.Linear(source, width)
        self.norm = nn.LayerNorm(width, EPS)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """x [B, N, width], source [B, M, its width] -> [B, N, width]."""
        q, k, v = (
            y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (self.query(x), self.key(source), self.value(source))
        )
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.norm(x + self.dense(found))


class FeedForward(nn.Module):
    """Two linear layers with GELU between them, post-norm."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, EPS)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, width] -> [B, N, width]."""
        return self.norm(x + self.narrow(F.gelu(self.wide(x))))


class Layer(nn.Module):
    """Queries and the word attend to each other, queries to the picture. text: whether the word is read by a further layer."""

    def __init__(self, config: DEADiffConfig, text: bool) -> None:
        super().__init__()
        self.both = Attention(config.width, config.width, config.heads)
        self.picture = Attention(config.width, config.vision, config.heads)
        self.queries = FeedForward(config.width, config.hidden)
        self.text = FeedForward(config.width, config.hidden) if text else None

    def forward(self, x: Tensor, picture: Tensor, count: int) -> Tensor:
        """x [B, queries + word, width], the first `count` of it queries."""
        x = self.both(x, x)
        queries = self.queries(self.picture(x[:, :count], picture))
        return queries if self.text is None else torch.cat([queries, self.text(x[:, count:])], dim=1)


class DEADiff(nn.Module):
    """Pictures as CLIP ViT-L/14 sees them (penultimate layer, [B, 257, 1024]) -> tokens [B, 16, 768] for the UNet."""

    def __init__(self, config: DEADiffConfig) -> None:
        super().__init__()
        self.config = config
        self.query_tokens = nn.Parameter(torch.zeros(1, config.queries, config.width))
        self.text_rows = nn.Parameter(torch.zeros(TEXT_LENGTH, config.width))  # of the word, positions added
        self.ln_vision = nn.LayerNorm(config.vision, VISION_EPS)
        self.norm = nn.LayerNorm(config.width, EPS)
        self.layers = nn.ModuleList(Layer(config, i < config.layers - 1) for i in range(config.layers))
        self.projection_norm = nn.LayerNorm(config.width, EPS)
        self.dense1 = nn.Linear(config.width, config.projection)
        self.dense2 = nn.Linear(config.projection, config.width)
        self.i_to_k = nn.ModuleDict({key(p): nn.Linear(config.width, channels, bias=False) for p, channels in config.joint})
        self.i_to_v = nn.ModuleDict({key(p): nn.Linear(config.width, channels, bias=False) for p, channels in config.joint})

    def ask(self, picture: Tensor) -> Tensor:
        """What the queries bring back of a picture [B, N, vision] behind `ln_vision`, [B, queries, width]."""
        count, batch = self.config.queries, len(picture)
        x = self.norm(torch.cat([self.query_tokens, self.text_rows[None]], dim=1)).expand(batch, -1, -1)
        for layer in self.layers:
            x = layer(x, picture, count)
        return x

    def project(self, tokens: Tensor) -> Tensor:
        """[B, queries, width] -> the same, for the UNet."""
        wide = self.dense1(self.projection_norm(tokens))
        return tokens + self.dense2(wide * torch.sigmoid(1.702 * wide))

    def forward(self, seen: Tensor) -> Tensor:
        """seen [B, N, vision], the penultimate hidden states of CLIP's vision model -> tokens [B, queries, width]."""
        return self.project(self.ask(self.ln_vision(seen)))

    def keys_values(self, tokens: Tensor) -> dict[Place, tuple[Tensor, Tensor] | None]:
        """Keys and values [1, queries, channels] of every cross attention; None where the layer takes the other word's.

        tokens: [B, queries, width]; several pictures count as their mean.
        """
        mean = tokens.mean(0, keepdim=True)
        return {
            place: (self.i_to_k[key(place)](mean), self.i_to_v[key(place)](mean)) if self.takes(place) else None
            for place, _ in self.config.joint
        }

    def takes(self, place: Place) -> bool:
        """Whether a layer takes this word's tokens; for it the others have zeros."""
        return (place in CONTENT_PLACES) == (self.config.word == "content")


def key(place: Place) -> str:
    """A block's name in a module dict."""
    return f"{place[0]}_{place[1]}"
