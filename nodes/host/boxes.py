"""The host's bounding boxes, in the several forms that its nodes give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...models.ops.crops import Box


def read_boxes(given: Any, name: str, pictures: int) -> list[Box | None]:
    """The largest box for each picture, None where a picture has none.

    One box (x, y, width, height in pixels) is for every picture, a list of boxes for the first, a list of lists has the boxes of
    each. Raises ValueError with one sentence for anything else, or when there is no box at all.
    """
    if isinstance(given, Mapping):
        frames: Sequence[Any] = [[given]] * pictures
    elif isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(box, Mapping) for box in given):
        frames = [list(given)] * pictures
    else:
        frames = given
    if not isinstance(frames, Sequence) or isinstance(frames, str) or not all(isinstance(f, Sequence) for f in frames):
        raise ValueError(f"{name} holds no boxes (it is {type(given).__name__}): connect a bboxes output to it.")
    if len(frames) == 1:
        frames = [frames[0]] * pictures
    if len(frames) != pictures:
        raise ValueError(f"{name} has boxes for {len(frames)} pictures and image has {pictures}: detect on the same batch.")
    found = [max((read_box(box, name) for box in frame), key=lambda b: b[2] * b[3], default=None) for frame in frames]
    if not any(found):
        raise ValueError(f"{name} is empty: nothing was found in the picture; lower the detector's threshold or use a mask.")
    return found


def read_box(box: Any, name: str) -> Box:
    """x, y, width and height of one box. Raises ValueError with one sentence."""
    try:
        left, top, width, height = (float(box[key]) for key in ("x", "y", "width", "height"))
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{name} holds something that is no box with x, y, width and height: connect a bboxes output.") from None
    if width < 1 or height < 1:
        raise ValueError(f"{name} holds a box of {width:g}x{height:g} pixels: it must be at least 1 by 1.")
    return left, top, width, height
