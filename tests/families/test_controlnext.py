"""ControlNeXt's network and injection against the authors' code, 1e-4, and the injection against its formula."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.families.controlnext import PLACEMENTS, ControlNeXt, ControlNeXtConfig, Variant, injected
from style_atelier.models.families.controlnext.weights import kind_of, model_names
from style_atelier.models.library.registry import recognize

HERE = Path(__file__).parents[1] / "golden"
SHARED = Path(os.environ.get("STYLE_ATELIER_SHARED") or Path(__file__).parents[3] / "shared") / "golden" / "controlnext"
fill = runpy.run_path(str(HERE / "fill.py"))["fill"]


@pytest.mark.parametrize(("name", "variant"), [("sd15", "SD1.5 v1"), ("sdxl", "SDXL")])
@torch.inference_mode()
def test_the_authors_numbers(name: str, variant: Variant) -> None:
    path = SHARED / f"controlnext_{name}.golden.pt"
    if not path.is_file():
        pytest.skip(f"NOT RUN: {path} is not on this machine")
    golden: dict[str, Any] = torch.load(path, weights_only=True)
    meta = json.loads(golden["meta"])
    tensors = {key: torch.zeros(size) for key, size in meta["keys"].items()}
    fill(tensors, meta["seed"], meta["gain"])
    known = recognize(tensors)
    assert known is not None
    assert known.id == "controlnext"
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    control = network(golden["hint"], golden["timestep"])
    assert float((control - golden["control"]).abs().max()) <= 1e-4
    after = injected(golden["hidden"], golden["control"], PLACEMENTS[variant], meta["strength"])
    assert float((after - golden["hidden_after"]).abs().max()) <= 1e-4


@pytest.mark.parametrize("variant", PLACEMENTS)
@pytest.mark.parametrize("formula", ["code", "paper"])
def test_injection_is_its_formula(variant: Variant, formula: Any) -> None:
    """In float64, in the authors' order; half precision keeps its statistics in single."""
    drawn = torch.Generator().manual_seed(0)
    h, control = torch.randn(2, 6, 5, 7, generator=drawn) * 3 + 1, torch.randn(1, 6, 10, 14, generator=drawn)
    placement = PLACEMENTS[variant]
    x, c = h.double(), control.double()
    pooled = F.adaptive_avg_pool2d(c, (5, 7))
    c = pooled if placement.pool_first else c
    dims = (1, 2, 3)
    if formula == "code":
        c = (c - c.mean(dims, True)) * x.std(dims, keepdim=True) / (c.std(dims, keepdim=True) + placement.eps) + x.mean(
            dims, True
        )
    else:
        c = (c - x.mean(dims, True)) / (x.var(dims, keepdim=True) + placement.eps).sqrt()
    expected = x + F.adaptive_avg_pool2d(c, (5, 7)) * 0.8 * placement.scale
    assert float((injected(h, control, placement, 0.8, formula) - expected).abs().max()) < 1e-4
    assert injected(h, control, placement, 0.0, formula) is h
    half = injected((h * 1e-3).half(), control, placement, 0.8, formula)
    assert half.dtype == torch.float16
    assert bool(torch.isfinite(half).all())


def test_sizes() -> None:
    network = ControlNeXt(ControlNeXtConfig(((128, 128, 4), (128, 256, 8)), 320, True, False))
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 96), torch.tensor([500.0])).shape == (1, 320, 8, 12)


def test_unet_weights_are_named_and_told_apart() -> None:
    diffusers = {"down_blocks.0.x.weight": "input_blocks.1.x.weight"}
    base: dict[str, Tensor] = {"diffusion_model.input_blocks.1.x.weight": torch.randn(8, 8)}
    for key in (
        "down_blocks.0.x.weight",
        "unet.down_blocks.0.x.weight",
        "input_blocks.1.x.weight",
        "model.diffusion_model.input_blocks.1.x.weight",
    ):
        named = model_names({key: base["diffusion_model.input_blocks.1.x.weight"] * 1.01}, diffusers)
        assert named.keys() == base.keys()
        assert kind_of(named, base) == "full"
    assert kind_of({key: torch.randn(8, 8) for key in base}, base) == "increments"
