"""What a network's layers are carried out on: `Whole` pictures or `Tiled` ones, with the fast convolutions under both.

whole, tiled, planes: the two canvases and the maps of the second. norm, regions, statistics: scales and shifts, by region or held
over a clip. activation, convolution: layers' parts. beat: progress from layer to layer.
"""

from __future__ import annotations

from typing import Any

Canvas = Any  # Whole or Tiled; maps are Tensors or Planes
