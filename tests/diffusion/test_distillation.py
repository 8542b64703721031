"""Attention Distillation's losses and gradients against the authors' numbers, and its steps on an attention of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.diffusion.distillation import (
    Attention,
    AttentionObjective,
    DistillSettings,
    content_loss,
    distill,
    shifted,
    style_loss,
    timesteps,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion" / "attention_distillation.golden.pt"


def test_the_authors_numbers() -> None:
    golden = torch.load(GOLDEN, weights_only=True)
    for name, scale in (("plain", 1.0), ("scaled", 1.3)):
        leaves = {key: golden[key].clone().requires_grad_() for key in ("q0", "q1", "out0", "out1")}
        style, content = torch.zeros(()), torch.zeros(())
        for i in range(2):
            style = style + style_loss(leaves[f"q{i}"], leaves[f"out{i}"], golden[f"ks{i}"], golden[f"vs{i}"], scale)
            content = content + content_loss(leaves[f"q{i}"], golden[f"qc{i}"])
        torch.testing.assert_close(style.detach(), golden[f"{name}_style"], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(content.detach(), golden[f"{name}_content"], atol=1e-5, rtol=1e-5)
        (style + 0.25 * content).backward()
        for key, leaf in leaves.items():
            assert leaf.grad is not None
            torch.testing.assert_close(leaf.grad, golden[f"{name}_grad_{key}"], atol=1e-7, rtol=1e-4)


def look(latent: Tensor, timestep: int) -> list[Attention]:
    """One attention of one head over the latent's own channels."""
    rows = latent.flatten(2).transpose(1, 2)[:, None]
    out = torch.nn.functional.scaled_dot_product_attention(rows, rows, rows)
    return [Attention(rows, rows, rows, out)]


def latents(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def test_the_loss_falls_and_the_content_holds() -> None:
    start, style = latents(1, 4, 6, 6), latents(1, 4, 7, 5, seed=1) * 0.3 + 1
    settings = DistillSettings(steps=60)
    free, losses = distill(look, start, AttentionObjective((style,)), settings)
    assert losses[-1] < 0.5 * losses[0]
    held, _ = distill(look, start, AttentionObjective((style,), start, content_weight=5.0), settings)
    assert float((held - start).abs().mean()) < 0.5 * float((free - start).abs().mean())


def test_the_same_seed_gives_the_same() -> None:
    wanted = AttentionObjective((latents(1, 4, 6, 6, seed=1),))
    settings = DistillSettings(steps=5, tileable=True, seed=3)
    first, second = (distill(look, latents(1, 4, 6, 6), wanted, settings)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_what_progress_raises_leaves() -> None:
    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(look, latents(1, 4, 4, 4), AttentionObjective((latents(1, 4, 4, 4),)), DistillSettings(steps=3), stop)


def test_a_shift_loses_nothing() -> None:
    x = latents(1, 4, 5, 6)
    moved = shifted(x, torch.Generator().manual_seed(1))
    assert not torch.equal(moved, x)
    assert torch.equal(moved.flatten().sort().values, x.flatten().sort().values)


def test_timesteps_fall_from_the_noisiest() -> None:
    assert timesteps(200)[:3] == [999, 994, 989]
    assert timesteps(200)[-1] == 4
    assert timesteps(1) == [999]
