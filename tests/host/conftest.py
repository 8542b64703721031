"""One real ComfyUI for the whole session."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from style_atelier.tests.host.comfy import Comfy, find_comfyui


@pytest.fixture(scope="session")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    """A running host with the pack and no way to download; skips loudly where there is no ComfyUI."""
    comfyui = find_comfyui()
    if comfyui is None:
        reason = "SKIPPED: no ComfyUI found (set COMFYUI_PATH); nothing was checked in the real host."
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    host = Comfy(comfyui, tmp_path_factory.mktemp("comfy"))
    yield host
    host.stop()
