"""The settings of all filters, as inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

if TYPE_CHECKING:
    from ...models.classical.filters import Filter

FILTER_TOOLTIP = (
    "anisotropic kuwahara paints with a brush that follows the picture's lines; oil and watercolor are paint; cartoon, xdog, "
    "pencil, hatching and stipple draw; halftone prints; low poly and mosaic are made of pieces; line integral lets colors flow."
)
LOOK_TOOLTIP = "Settings that go well together; custom shows them all."
UNITS = "in thousandths of the picture's longer side"
SETTINGS: dict[str, tuple[float, float, float, str]] = {  # least, most, step, tooltip
    "radius": (1.0, 40.0, 0.5, f"How far the brush reaches, {UNITS}: larger is broader and flatter."),
    "roundness": (0.1, 10.0, 0.1, "1 lets the brush be four times as long as wide along edges; large values keep it round."),
    "sharpness": (1.0, 32.0, 0.5, "How firmly the calmest side of a pixel wins: higher makes crisper borders."),
    "smoothness": (0.5, 20.0, 0.5, f"How far directions are smoothed, {UNITS}: higher makes longer, calmer lines."),
    "levels": (2, 64, 1, "Steps of brightness that are told apart: fewer makes larger dabs."),
    "flow": (0.0, 3.0, 0.05, "How unevenly the pigment flows over the paper."),
    "edges": (0.0, 3.0, 0.05, "How much pigment gathers at the borders of washes."),
    "paper": (0.0, 2.0, 0.01, "How much the paper's grain shows."),
    "wobble": (0.0, 6.0, 0.1, "How far outlines stray."),
    "wash": (0.0, 1.0, 0.01, "How much water lightens everything."),
    "smoothing": (0, 12, 1, "How often areas are smoothed before they are flattened."),
    "steps": (0, 24, 1, "Steps of brightness; 0 keeps shades as they are."),
    "lines": (0.0, 1.0, 0.01, "How black outlines are; 0 draws none."),
    "line_width": (0.1, 6.0, 0.05, f"Width of lines, {UNITS}."),
    "saturation": (0.0, 3.0, 0.05, "Times the colors of the photograph."),
    "sigma": (0.3, 8.0, 0.1, f"Width of the lines that are found, {UNITS}."),
    "edge_strength": (0.0, 100.0, 1.0, "How strongly edges are drawn; 0 gives a plain threshold."),
    "threshold": (0.0, 1.0, 0.01, "From which brightness on the paper stays white."),
    "hardness": (0.01, 100.0, 0.1, "How hard black meets white: 1 is like charcoal, 50 like a woodcut."),
    "color": (0.0, 1.0, 0.01, "How much of the photograph's color is kept; 0 is black and white."),
    "strokes": (0.0, 4.0, 0.05, "How strong outlines are."),
    "shading": (0.0, 2.0, 0.05, "How strong the tone within outlines is."),
    "length": (1.0, 200.0, 1.0, f"How long strokes are, {UNITS}."),
    "cell": (1.0, 60.0, 0.5, f"Distance of the dots, {UNITS}."),
    "angle": (-90.0, 90.0, 1.0, "Of the lines or of the one screen, in degrees."),
    "relief": (0.0, 2.0, 0.05, "How strong the traces of the brush are."),
    "dots": (10, 200000, 100, "How many dots."),
    "dot_size": (0.1, 3.0, 0.05, "1 gives all dots together as much ink as the picture is dark."),
    "contrast": (0.3, 5.0, 0.1, "How much denser dots are where it is dark."),
    "rounds": (0, 100, 1, "How often dots are moved to spread evenly."),
    "spacing": (1.0, 40.0, 0.1, f"Distance of the lines, {UNITS}."),
    "layers": (1, 4, 1, "How many layers of lines lie over each other in the dark."),
    "points": (10, 50000, 10, "How many corners; there are about twice as many triangles."),
    "detail": (0.0, 1.0, 0.01, "How much denser corners are at edges; 0 spreads them evenly."),
    "stone": (2.0, 80.0, 0.5, f"Side of a stone, {UNITS}."),
    "gap": (0.0, 0.6, 0.01, "Between stones, of a stone's side."),
}
SWITCHES = {
    "exact": "Weights for every pixel's own direction, as published: several times as slow, and hardly to be seen.",
    "along_lines": "Follow the picture's lines, which become long and clean.",
    "dark": "Tones of a dark drawing instead of a light one.",
    "pure_inks": "Ideal inks instead of those of a press.",
    "straight": "Parallel lines at an angle instead of lines along the forms.",
    "colored": "In the picture's colors instead of black.",
}
INKS = ("color", "black")


def setting(name: str, default: Any) -> io.Input:
    """One of them, with the filter's own default."""
    if name in SWITCHES:
        return io.Boolean.Input(name, default=default, tooltip=SWITCHES[name])
    if name == "inks":
        return io.Combo.Input(name, options=list(INKS), default=default, tooltip="color prints with four inks, black with one.")
    least, most, step, tooltip = SETTINGS[name]
    kind: Callable[..., io.Input] = io.Int.Input if isinstance(default, int) else io.Float.Input
    return kind(name, default=default, min=least, max=most, step=step, tooltip=tooltip)


def look_input(kind: type[Filter]) -> io.DynamicCombo.Input:
    """A filter's looks, and its settings under "custom"."""
    looks = [io.DynamicCombo.Option(name, []) for name in kind.looks]
    own = [setting(field.name, field.default) for field in fields(kind)]
    return io.DynamicCombo.Input("look", options=[*looks, io.DynamicCombo.Option("custom", own)], tooltip=LOOK_TOOLTIP)


def filter_input() -> io.DynamicCombo.Input:
    """All filters."""
    from ...models.classical.drawn_filters import FILTERS

    options = [io.DynamicCombo.Option(name, [look_input(kind)]) for name, kind in FILTERS.items()]
    return io.DynamicCombo.Input("filter", options=options, tooltip=FILTER_TOOLTIP)


def chosen(given: io.DynamicCombo.Type) -> Filter:
    """The filter of an input's value. Raises ValueError for names that are none."""
    from ...models.classical.drawn_filters import FILTERS

    name, look = given["filter"], given.get("look", {})
    if name not in FILTERS:
        raise ValueError(f"filter {name!r} is none of this node's: choose one of {', '.join(FILTERS)}")
    settings = {key: value for key, value in look.items() if key != "look"}
    return FILTERS[name].look(look.get("look", next(iter(FILTERS[name].looks))), **settings)
