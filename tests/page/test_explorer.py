"""What the explorer keeps between two pictures."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from style_atelier.models.generation.latents import Latents
from style_atelier.tests.pack import Pack


def test_long_walks_are_not_hoarded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    _explorer = importlib.import_module("style_atelier.nodes.page.explorer")
    w = Latents(torch.zeros(1, 4, 8), torch.zeros(8), "some", (1, 2), "")
    one = w.values.nbytes
    monkeypatch.setattr(_explorer, "KEPT_BYTES", 10 * one)
    explorer = _explorer.Explorer()

    def swept(steps: int, name: str) -> Latents:
        inputs: dict[str, Any] = {"w": w, "psi": 0.0, "psi_end": 1.0, "steps": steps, "layers": "all"}
        return explorer._kept_or_executed(name, pack.nodes["StyleAtelierTruncateW"], inputs)[0]

    stop = swept(3, "used every time")
    for number in range(8):
        swept(4, str(number))
        assert swept(3, "used every time") is stop
        assert sum(map(_explorer.size_of, explorer._kept.values())) <= 10 * one
    assert len(swept(40, "longer than all that is kept")) == 40
    assert len(explorer._kept) == 1
