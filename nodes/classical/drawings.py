"""Drawings on the host's SVG wire."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from comfy_api.latest import io


def as_svg(texts: Sequence[str]) -> Any:
    """Files' texts as the host's SVG."""
    return io.SVG.Type([BytesIO(text.encode("utf-8")) for text in texts])
