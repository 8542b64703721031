"""What checks of diffusion nodes have in common, run by the host's own Python: goldens on tiny models, weights, conditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from style_atelier.tests.golden.fill import fill
from style_atelier.tests.host.tiny_models import DEEP_SD15, model

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion"


def golden(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    found = torch.load(GOLDEN / f"{name}.golden.pt", weights_only=True)
    return found, json.loads(found["meta"])


def filled(meta: dict[str, Any]) -> tuple[Any, dict[str, Tensor]]:
    """A tiny SD1.5 with the golden's weights, made in inference mode as the host's loader makes them; all of its tensors."""
    tensors = {name: torch.zeros(size) for name, size in meta["keys"].items()}
    fill(tensors, meta["seed"], meta["gain"])
    patcher = model("SD15", DEEP_SD15)
    own = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if ".i_to_" not in name}
    assert not patcher.model.load_state_dict(own, strict=False).unexpected_keys
    assert next(patcher.model.parameters()).is_inference()
    return patcher, tensors


def weights_now(patcher: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in patcher.model.state_dict().items()}


def unchanged(before: dict[str, Tensor], patcher: Any) -> bool:
    now = patcher.model.state_dict()
    return now.keys() == before.keys() and all(torch.equal(now[name], tensor) for name, tensor in before.items())


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def condition(kind: str, seed: int = 1) -> list[Any]:
    facts = {"pooled_output": drawn(1, 1280, seed=seed)} if kind == "SDXL" else {}
    return [[drawn(1, 7, 32, seed=seed), facts]]


def latent(seed: int, *size: int) -> dict[str, Tensor]:
    return {"samples": drawn(*(size or (1, 4, 16, 16)), seed=seed)}


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())
