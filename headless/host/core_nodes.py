"""The host's own nodes that the embedded host has."""

from __future__ import annotations

from . import core_drawings, core_images, core_masks, core_text

CORE_NODES = [*core_drawings.NODES, *core_images.NODES, *core_masks.NODES, *core_text.NODES]
