"""Inputs that nodes of several shelves have alike."""

from __future__ import annotations

from comfy_api.latest import io

from .saved import Saved

MOST_FRAMES = 4096
BUDGET_TOOLTIP = (
    "How much memory the work may take, in GiB. Larger pictures are worked in "
    "tiles, with the same result. 0 takes half of what is free, and at most 0.75 GiB on the processor."
)


def grown(
    id: str, kind: type[io.ComfyTypeIO], item: str, tooltip: str, least: int = 0, most: int = 8, optional: bool = True
) -> io.Autogrow.Input:
    """An input that grows a socket at a time."""
    template = io.Autogrow.TemplatePrefix(kind.Input(item, tooltip=tooltip), prefix=item, min=least, max=most)
    return io.Autogrow.Input(id, template=template, optional=optional and not least, tooltip=tooltip)


def proportions(id: str = "weights", of: str = "") -> io.String.Input:
    """How much of each thing to mix. of: "style", where the tooltip is to name it."""
    each = f"each {of}" if of else "each"
    return io.String.Input(
        id,
        default="",
        tooltip=f"How much of {each}, such as 2, 1. Only the proportions count. Leave empty for equal parts.",
    )


def memory_budget(tooltip: str = BUDGET_TOOLTIP) -> io.Float.Input:
    """Memory in GiB, 0 for a share of what is free."""
    return io.Float.Input("memory_budget", default=0.0, min=0.0, max=256.0, step=0.25, advanced=True, tooltip=tooltip)


def walk_frames(of: str) -> io.Int.Input:
    """Steps of a walk through things of a kind."""
    tooltip = f"How many {of} to make, from the first stop to the last."
    return io.Int.Input("frames", default=24, min=2, max=MOST_FRAMES, step=1, tooltip=tooltip)


def walk_loop() -> io.Boolean.Input:
    """Whether a walk leads back to its start."""
    return io.Boolean.Input("loop", default=False, tooltip="Walk back to the first stop, so that the animation can repeat.")


def saved_name(default: str, example: str) -> io.String.Input:
    """The name to save under."""
    return io.String.Input(
        "name",
        default=default,
        tooltip=f"Name of the file, also with folders as in {example}. A number is added; nothing is overwritten.",
    )


def saved_choice(saved: Saved) -> io.Combo.Input:
    """One of the saved files, the last of the list until another is chosen."""
    choices = saved.choices()
    return io.Combo.Input(
        "name",
        options=choices,
        default=choices[-1],
        tooltip=f"A file of output/{saved.name}. Press R to list new ones.",
    )
