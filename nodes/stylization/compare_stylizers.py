"""Compare Stylizers: one picture and one style through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.drawing import from_pillow, labeled_grid, to_pillow
from ..host.feedback import Watch, show
from ..host.images import Picture, from_image, slots, socket, to_image, wire_format
from ..host.memory import MIB, pictures_at_once, piece_memory, pieces
from ..host.networks import on_device
from ..host.peak import Peak
from ..host.sockets import Hosted, StylizerSocket
from ..host.widgets import memory_budget
from .features import STRENGTH_TOOLTIP
from .stylize import LARGEST_SIZE

if TYPE_CHECKING:
    from ...models.stylization.stylizer import Stylizer

MOST_STYLIZERS = 16


@dataclass(frozen=True)
class Trial:
    """What one stylizer made. picture [1, 3, H, W]; memory in bytes, None where it is not measured."""

    title: str
    note: str
    picture: Tensor
    seconds: float
    memory: float | None

    def numbers(self) -> str:
        """Seconds and memory in words."""
        memory = "memory not measured" if self.memory is None else f"{self.memory / MIB:.0f} MiB"
        return f"{self.seconds:.2f} s, {memory}{self.note}"


class CompareStylizers(io.ComfyNode):
    """A photo, a painting and stylizers -> a grid of what they make."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        tooltip = "From Load Stylizer; a socket for the next appears as you connect."
        template = io.Autogrow.TemplatePrefix(
            StylizerSocket.Input("stylizer", tooltip=tooltip), prefix="stylizer", min=1, max=MOST_STYLIZERS
        )
        return io.Schema(
            node_id="StyleAtelierCompareStylizers",
            display_name="Compare Stylizers",
            category="Style Atelier",
            description="Paints one picture in one style with several stylizers and lays the results side by side, with the time "
            "and the memory that each took.",
            search_aliases=[
                "xy plot",
                "style transfer comparison",
                "benchmark",
                "grid",
                "side by side",
                "which stylizer",
                "speed",
            ],
            inputs=[
                io.Image.Input("content", tooltip="The picture to paint anew; of a batch the first."),
                io.Image.Input(
                    "style",
                    tooltip="The picture whose style to take; of a batch the first. Stylizers of one style paint in their own.",
                ),
                io.Autogrow.Input("stylizers", template=template, tooltip=tooltip),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.Int.Input(
                    "size",
                    default=512,
                    min=0,
                    max=LARGEST_SIZE,
                    step=8,
                    tooltip="Shorter side of the results in pixels; 0 keeps the photo's size.",
                ),
                memory_budget(),
            ],
            outputs=[
                io.Image.Output(display_name="grid", tooltip="Photo, style and all results, with name, seconds and peak memory."),
                io.Image.Output(display_name="images", tooltip="The results alone, in the order of the sockets."),
                io.String.Output(display_name="report", tooltip="The numbers as a table, for Preview Any."),
            ],
        )

    @classmethod
    def execute(
        cls,
        content: Tensor,
        style: Tensor,
        stylizers: io.Autogrow.Type,
        strength: float,
        size: int,
        memory_budget: float,
    ) -> io.NodeOutput:
        given: dict[int, Hosted] = slots(stylizers, "stylizer")
        if not given:
            raise ValueError("stylizers holds none: connect at least one Load Stylizer.")
        picture = Picture(from_image(content, "content").rgb[:1]).with_shorter_side(size)
        painting = Picture(from_image(style, "style").rgb[:1])
        watch = Watch(len(given))
        trials = []
        for i, (slot, hosted) in enumerate(given.items()):
            styles = styles_for(hosted.model, painting, socket("stylizer", slot))
            trials.append(trial(hosted, picture, styles, strength, memory_budget, watch.part(i)))
        cells = [picture.rgb, painting.rgb, *(made.picture for made in trials)]
        labels = [("Content", ""), ("Style", ""), *((made.title, made.numbers()) for made in trials)]
        grid = from_pillow(labeled_grid([to_pillow(cell[0]) for cell in cells], labels))
        head = f"{picture.width}x{picture.height}, strength {strength:g}"
        report = "\n".join([head, *(f"{made.title}: {made.numbers()}" for made in trials)])
        show(report)
        wire = wire_format()
        return io.NodeOutput(
            to_image(grid, None, *wire), to_image(torch.cat([made.picture for made in trials]), None, *wire), report
        )


def styles_for(model: Stylizer, painting: Picture, name: str) -> list[Tensor]:
    """The style picture, or none for a stylizer that takes no pictures. Raises ValueError where it cannot do without."""
    if model.style_kind and model.takes_pictures:
        return [painting.rgb]
    if model.needs_style:
        raise ValueError(f"{name} takes no style from a picture ({model.title}): disconnect it.")
    return []


def trial(
    hosted: Hosted, picture: Picture, styles: Sequence[Tensor], strength: float, budget: float, progress: Progress
) -> Trial:
    """One stylizer's turn. Loading its network is not counted."""
    from ...models.stylization.stylizer import StylizeOptions

    model: Stylizer = hosted.model
    largest = max([picture.rgb, *styles], key=lambda x: x.shape[2] * x.shape[3])
    frame = (largest.shape[2], largest.shape[3])
    cost, resident = model.bytes_per_pixel, model.resident_bytes_per_pixel

    def work(together: int, tile: int = 0) -> Trial:
        with on_device(hosted, piece_memory(frame, 1, tile, cost, resident)) as device:
            rgb, given = picture.rgb.to(device), [style.to(device) for style in styles]
            with Peak(device) as peak:
                made = model.stylize(rgb, given, StylizeOptions(strength, tile=tile), progress)
        note = "" if styles else ", in its own style"
        return Trial(model.title, note, made.cpu(), peak.seconds, peak.memory)

    if not model.exact_tiles:
        return pictures_at_once(frame, 1, cost, work)
    return pieces(frame, 1, cost, budget, work, resident)
