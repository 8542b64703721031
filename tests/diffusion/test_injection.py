"""StyleID's attention against the authors' numbers, and what masks, weights and strengths mean."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.diffusion.blocks import in_words, map_size, read_blocks
from style_atelier.models.diffusion.injection import Injection, attention, initial
from style_atelier.models.diffusion.schedule import ddim_timesteps
from style_atelier.models.diffusion.trajectory import invert, lost, revert

GOLDEN = Path(__file__).parents[1] / "golden"
fill = runpy.run_path(str(GOLDEN / "fill.py"))["fill"]
SIZE = (4, 4)


def attend(heads: int) -> Any:
    def work(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        split = [x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
        return F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)

    return work


def rows(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def test_the_authors_numbers() -> None:
    golden = torch.load(GOLDEN / "diffusion" / "styleid_attention.golden.pt", weights_only=True)
    meta = json.loads(golden["meta"])
    tensors = {name: torch.zeros(size) for name, size in meta["keys"].items()}
    fill(tensors, meta["seed"], meta["gain"])
    weights = {name.split("attn1.")[1]: tensor for name, tensor in tensors.items()}
    whole = torch.cat([golden["content"], golden["style"], golden["x"]])
    q, k, v = (whole @ weights[f"to_{name}.weight"].T for name in "qkv")

    def out(x: Tensor) -> Tensor:
        return x @ weights["to_out.0.weight"].T + weights["to_out.0.bias"]

    plain = out(attend(meta["heads"])(q, k, v))
    assert float((plain[2:] - golden["plain"]).abs().max()) <= 1e-5
    for name, wanted in golden.items():
        if name.startswith("out_"):
            gamma, temperature = (float(part) for part in name.split("_")[1:])
            made = out(attention(q, k, v, attend(meta["heads"]), 1, SIZE, Injection(gamma, temperature)))
            assert float((made[2:] - wanted).abs().max()) <= 1e-5, name
            assert torch.allclose(made[:2], plain[:2], atol=1e-6)


def test_strength_zero_is_no_injection() -> None:
    q, k, v = (rows(6, 16, 8, seed=i) for i in range(3))
    assert torch.equal(attention(q, k, v, attend(2), 2, SIZE, Injection(strength=0)), attend(2)(q, k, v))


def test_half_a_strength_is_half_way() -> None:
    q, k, v = (rows(3, 16, 8, seed=i) for i in range(3))
    whole, none = (attention(q, k, v, attend(2), 1, SIZE, Injection(strength=s)) for s in (1.0, 0.0))
    half = attention(q, k, v, attend(2), 1, SIZE, Injection(strength=0.5))
    torch.testing.assert_close(half, (whole + none) / 2)


def test_two_styles_are_weighed_and_masked() -> None:
    q, k, v = (rows(8, 16, 8, seed=i) for i in range(3))  # content, two styles, picture; two of each
    alone = []
    for style in (2, 4):
        chosen = [*range(2), style, style + 1, 6, 7]
        alone.append(attention(q[chosen], k[chosen], v[chosen], attend(2), 2, SIZE, Injection())[-2:])
    both = attention(q, k, v, attend(2), 2, SIZE, Injection(weights=(3.0, 1.0)))
    torch.testing.assert_close(both[-2:], 0.75 * alone[0] + 0.25 * alone[1])
    left = torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1
    apart = attention(q, k, v, attend(2), 2, SIZE, Injection(weights=(1.0, 1.0), masks=(left, 1 - left)))[-2:]
    flat = left.flatten(2).transpose(1, 2)
    torch.testing.assert_close(apart, flat * alone[0] + (1 - flat) * alone[1])
    one = attention(
        q[[0, 1, 2, 3, 6, 7]], k[[0, 1, 2, 3, 6, 7]], v[[0, 1, 2, 3, 6, 7]], attend(2), 2, SIZE, Injection(masks=(left,))
    )
    plain = attend(2)(q, k, v)[-2:]
    torch.testing.assert_close(one[-2:], flat * alone[0] + (1 - flat) * plain)


def test_the_beginning_has_the_styles_moments() -> None:
    content, style = rows(2, 4, 8, 8) * 2 + 1, rows(1, 4, 8, 8, seed=1) * 0.5 - 1
    made = initial(content, [style], Injection())
    torch.testing.assert_close(made.mean((2, 3)), style.mean((2, 3)).expand(2, -1))
    torch.testing.assert_close(made.std((2, 3)), style.std((2, 3)).expand(2, -1))
    torch.testing.assert_close(initial(content, [style], Injection(strength=0)), content)
    left = torch.zeros(1, 1, 8, 8)
    left[..., :4] = 1
    inside = initial(content, [style], Injection(masks=(left,)))
    torch.testing.assert_close(inside[..., 4:], content[..., 4:])
    torch.testing.assert_close(inside[..., :4].mean((2, 3)), style.mean((2, 3)).expand(2, -1))


def test_there_and_back() -> None:
    """A model that knows the picture's distribution brings it back, the better the more steps."""
    latents = rows(2, 4, 8, 8)
    sigmas = torch.linspace(0.03, 15, 1000)
    errors = []
    for steps in (10, 50):
        up = sigmas[[*ddim_timesteps(steps), 999]]
        points, end = invert(lambda x, sigma: x / (1 + sigma**2), latents, up)
        assert points.shape == (steps, 2, 4, 8, 8)
        errors.append(lost(revert(lambda x, sigma: x / (1 + sigma**2), end, up.flip(0)), latents))
    assert errors[1] < errors[0]


def test_blocks_are_read() -> None:
    present = [("input", 1), ("input", 2), ("middle", 0), *(("output", n) for n in range(3, 12))]
    assert read_blocks("output 6-8, middle", present, ()) == (("output", 6), ("output", 7), ("output", 8), ("middle", 0))
    assert read_blocks(" ", present, present[:1]) == (("input", 1),)
    assert in_words(present) == "input 1-2, middle, output 3-11"
    for wrong, words in (("outer 3", "write blocks such as"), ("output 0", "has no attention")):
        with pytest.raises(ValueError, match=words):
            read_blocks(wrong, present, ())


def test_map_sizes() -> None:
    assert map_size(15, 9, 8 * 5) == (8, 5)
    assert map_size(64, 64, 64) == (8, 8)
    with pytest.raises(ValueError, match="another size"):
        map_size(16, 16, 60)
