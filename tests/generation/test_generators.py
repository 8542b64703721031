"""What every generator promises, on small ones with seeded numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from style_atelier.models.families.stylegan2 import GeneratorConfig, SynthesisConfig
from style_atelier.models.generation.generator import Placement, in_range
from style_atelier.models.generation.mapping import MappingConfig
from style_atelier.models.generation.noise import Noise
from style_atelier.tests.families.generator_files import CONFIGS, MAPPING, generator

KINDS = tuple(CONFIGS)


def close(a: Tensor, b: Tensor, tolerance: float = 2e-5) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_the_authors(kind: str) -> None:
    made = generator(kind)
    expected = np.concatenate([np.random.RandomState(seed).randn(1, made.latent) for seed in (85, 265)])
    close(made.latents([85, 265]), torch.from_numpy(expected).float(), 0)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_batch(kind: str) -> None:
    made = generator(kind)
    ws = made.map(made.latents(range(5)))
    together = made.paint(ws, Noise("none"))
    assert together.shape == (5, 3, made.resolution, made.resolution)
    close(torch.cat([made.paint(ws[i : i + 1], Noise("none")) for i in range(5)]), together)
    noisy = made.paint(ws, Noise("random", range(5)))
    close(torch.cat([made.paint(ws[i : i + 1], Noise("random", (i,))) for i in range(5)]), noisy)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_noise(kind: str) -> None:
    made = generator(kind)
    ws = made.map(made.latents([1, 2]))
    const, again, none = (made.paint(ws, Noise(mode)) for mode in ("const", "const", "none"))
    close(const, again, 0)
    one, two = (made.paint(ws, Noise("random", (seed,))) for seed in (1, 2))
    assert made.noisy == bool((one - two).abs().max() > 1e-4) == bool((const - none).abs().max() > 1e-4)
    close(made.paint(ws, Noise("random", (1,))), one, 0)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_truncation(kind: str) -> None:
    made = generator(kind)
    ws = made.map(made.latents([3, 4]))
    close(made.truncate(ws, 0), made.average.expand_as(ws))
    close(made.truncate(ws, 1), ws, 0)
    cut = made.truncate(ws, 0.5, 2)
    close(cut[:, 2:], ws[:, 2:], 0)
    close(cut[:, :2], (ws[:, :2] + made.average) / 2)
    close(made.truncate(ws, -1), 2 * made.average - ws)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_hangs_on_its_row(kind: str) -> None:
    """A change of one row changes the picture, and only rows that drive a layer do; groups part the rows."""
    made = generator(kind)
    driven = {layer.row for layer in made.styled_layers()} | ({0} if kind == "stylegan3" else set())
    ws = made.map(made.latents([7]))
    with torch.inference_mode():
        base = made.paint(ws, Noise("none"))
        for row in range(made.rows):
            moved = ws.clone()
            moved[:, row] += 0.5
            assert bool((made.paint(moved, Noise("none")) - base).abs().max() > 1e-5) == (row in driven), row
    groups = [list(made.rows_of(group)) for group in ("coarse", "middle", "fine")]
    assert [row for group in groups for row in group] == list(range(made.rows))
    assert all(layer.matrix.shape[1] == made.style for layer in made.styled_layers())


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_w_and_agree_with_the_fast_way(kind: str) -> None:
    made = generator(kind)
    with torch.inference_mode():
        fast = made.paint(made.map(made.latents([1, 2])), Noise())
    ws = made.map(made.latents([1, 2])).requires_grad_()
    slow = made.paint(ws, Noise())
    close(slow.detach(), fast.clone())
    slow.square().sum().backward()
    assert ws.grad is not None
    assert bool(torch.isfinite(ws.grad).all())
    assert float(ws.grad.abs().max()) > 0


def test_gradients_are_those_of_differences() -> None:
    made = generator("stylegan2")
    made.module.double()
    ws = made.map(made.latents([1]).double()).requires_grad_()
    direction = torch.randn(ws.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def value(at: Tensor) -> Tensor:
        return (made.module.get_submodule("synthesis")(at, Noise("none")).double() * weights).sum()

    value(ws).backward()
    assert ws.grad is not None
    step = 1e-3
    with torch.no_grad():
        difference = (value(ws + step * direction) - value(ws - step * direction)) / (2 * step)
    assert abs(float(difference - (ws.grad * direction).sum())) < 0.02 * abs(float(difference)) + 1e-3


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_a_preview_is_small_and_alike(kind: str) -> None:
    made = generator(kind)
    ws = made.map(made.latents([5]), None, 0.5)
    small = made.preview(ws, 16)
    assert small.shape == (1, 3, 16, 16)
    assert 0 <= float(small.min()) <= float(small.max()) <= 1
    if kind not in ("stylegan2", "styleformer-gan"):  # those stop early, which is another picture with numbers by chance
        whole = in_range(made.paint(ws, Noise()))
        close(small, torch.nn.functional.interpolate(whole, (16, 16), mode="area"))


@torch.inference_mode()
def test_a_placement_moves_the_picture() -> None:
    """By a whole number of pixels the middle is the same picture, moved; a full turn changes nothing."""
    made = generator("stylegan3")
    ws = made.map(made.latents([5]))
    still, moved = (made.paint(ws, Noise(), at) for at in (None, Placement(8 / 32, 0, 0)))
    inside = slice(12, 20)
    change = (moved[..., inside, 16:24] - still[..., inside, 8:16]).abs().mean()
    assert change < 0.35 * (moved[..., inside, 8:16] - still[..., inside, 8:16]).abs().mean()
    close(made.paint(ws, Noise(), Placement(0, 0, 360)), still, 1e-3)


def test_classes() -> None:
    config = GeneratorConfig(MappingConfig(12, 3, 16, 16, (16, 16)), SynthesisConfig(16, (8, 8, 6, 4)))
    made = generator("stylegan2", config)
    label = made.classes(2, 4)
    assert label is not None
    assert label.tolist() == [[0, 0, 1]] * 4
    one, other = (made.map(made.latents([1]), made.classes(c, 1)) for c in (0, 1))
    assert float((one - other).abs().max()) > 1e-5
    with pytest.raises(ValueError, match=r"class_label is -1 and .* classes 0 to 2"):
        made.classes(-1, 1)
    assert generator("stylegan2").classes(-1, 1) is None
    with pytest.raises(ValueError, match="has no classes: set it to -1"):
        generator("stylegan2").classes(0, 1)


@pytest.mark.parametrize("form", ["skip", "resnet", "orig"])
def test_wide_and_narrow_layers_agree(form: Any) -> None:
    """Kernels that are shared, those made for each picture, and Winograd's are one convolution: float64 has the plain one."""
    config = GeneratorConfig(MAPPING, SynthesisConfig(16, (80, 80, 80, 72, 64), form=form, clamp=256))
    made = generator("stylegan2", config)
    with torch.inference_mode():
        ws = made.map(made.latents([1, 2, 3]))
        fast = made.paint(ws, Noise())
    made.module.double()
    plain = made.paint(ws.clone().double().requires_grad_(), Noise()).detach()
    close(fast.clone(), plain.float(), 1e-4)


@pytest.mark.parametrize("kind", ["stylegan2", "stylegan3"])
@torch.inference_mode()
def test_half_precision_is_near(kind: str) -> None:
    """Large styles and weights do not overflow, because both are normalized first."""
    config = CONFIGS[kind]
    if kind == "stylegan2":
        config = replace(config, synthesis=replace(config.synthesis, half_from=16, clamp=256.0))
    made = generator(kind, config)
    with torch.no_grad():
        for name, tensor in made.module.named_parameters():
            if kind == "stylegan2" and name.endswith(("conv0.weight", "conv1.weight", "affine.weight")):
                tensor.mul_(300)
    ws = made.map(made.latents([1, 2]))
    full = made.paint(ws, Noise("none"))
    half = made.paint(ws, Noise("none"), half=True)
    assert half.dtype == torch.float32
    assert 0 < float((half - full).abs().max()) <= 0.02 * float(full.abs().max())


@pytest.mark.slow
@torch.inference_mode()
def test_a_compiled_generator_paints_the_same() -> None:
    made = generator("stylegan2")
    ws = made.map(made.latents([1]))
    try:
        compiled = made.compiled().paint(ws, Noise("none"))
    except Exception as error:
        pytest.skip(f"NOT RUN: PyTorch cannot compile on this machine ({str(error)[:80]})")
    close(compiled, made.paint(ws, Noise("none")), 1e-4)
