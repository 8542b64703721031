"""Styles at the door of a node: pictures and what was taken from pictures before, checked and cut into parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..host.images import Picture, from_image, slots, socket, take

if TYPE_CHECKING:
    from ...models.stylization.style import Style
    from ...models.stylization.stylizer import Stylizer


def from_style(value: Any, name: str, model: Stylizer | None = None) -> Style:
    """Check an ATELIER_STYLE of the input `name`, and whether a stylizer takes it. Raises ValueError with one sentence."""
    from ...models.stylization.style import Style

    if not isinstance(value, Style):
        raise ValueError(f"{name} is not a style (it is {type(value).__name__}): connect a style output to it.")
    if model is not None and model.style_kind and value.kind != model.style_kind:
        raise ValueError(
            f"{name} is a style of {value.kind} and {model.title} takes {model.style_kind}: take it with this stylizer, in "
            "Encode Style."
        )
    return value


@dataclass(frozen=True)
class Styles:
    """Checked styles in order: pictures by their socket's number, then those taken before. names: of their sockets.

    masks: where the style of each is taken from, None for the whole picture; empty where there are none at all.
    """

    items: tuple[Picture | Style, ...]
    names: tuple[str, ...]
    masks: tuple[Tensor | None, ...] = ()

    @classmethod
    def read(cls, model: Stylizer, pictures: Mapping[str, Any] | None, taken: Mapping[str, Any] | None) -> Styles:
        """Check the sockets "style 1" ... and "taken style 1" ... for a stylizer. Raises ValueError with one sentence."""
        found: dict[str, Picture | Style] = {}
        for slot, image in slots(pictures, "style").items():
            name = socket("style", slot)
            found[name] = from_image(image, name)
        for slot, value in slots(taken, "taken_style").items():
            name = socket("taken_style", slot)
            found[name] = from_style(value, name, model)
        if not found and model.needs_style:
            raise ValueError(
                "styles holds no picture: connect at least one, or a style of Encode Style or Load Style to taken_styles."
            )
        return cls(tuple(found.values()), tuple(found))

    def named(self, prefix: str) -> dict[int, str]:
        """{slot: name} of the sockets of one Autogrow input that are connected."""
        words = socket(prefix, 0).removesuffix("1")
        return {int(name.removeprefix(words)) - 1: name for name in self.names if name.startswith(words)}

    @classmethod
    def of_pictures(cls, pictures: Mapping[str, Any] | None) -> Styles:
        """Check the sockets "style 1" ... of a method that takes nothing but pictures. Raises ValueError with one sentence."""
        named = {socket("style", slot): image for slot, image in slots(pictures, "style").items()}
        found = {name: from_image(image, name) for name, image in named.items()}
        if not found:
            raise ValueError("styles holds no picture: connect at least one.")
        return cls(tuple(found.values()), tuple(found))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Those that are pictures."""
        return tuple(item for item in self.items if isinstance(item, Picture))

    @property
    def batch(self) -> int:
        """The longest batch, 1 where there are no styles."""
        return max((item.batch for item in self.items), default=1)

    def part(self, start: int, stop: int, device: torch.device) -> tuple[list[Tensor | Style], tuple[Tensor | None, ...]]:
        """What makes the results start to stop, on a device: styles and masks."""
        from ...models.stylization.style import Style

        styles: list[Tensor | Style] = []
        for item in self.items:
            if isinstance(item, Style):
                styles.append((item if item.batch == 1 else item.take(start, stop)).to(device))
            else:
                styles.append(take(item.rgb, start, stop).to(device))
        return styles, tuple(None if mask is None else take(mask, start, stop).to(device) for mask in self.masks)

    def taken(self, model: Stylizer, device: torch.device, tile: int) -> Styles:
        """The same with what the stylizer takes from the pictures in their place, on a device, once for many contents."""
        if not model.style_kind:
            return self
        items: list[Picture | Style] = []
        for index, item in enumerate(self.items):
            if isinstance(item, Picture):
                mask = self.masks[index] if index < len(self.masks) else None
                item = model.style_of(item.rgb.to(device), None if mask is None else mask.to(device), tile)
            items.append(item.to(device))
        return Styles(tuple(items), self.names)
