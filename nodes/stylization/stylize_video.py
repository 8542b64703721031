"""Stylize Video: a clip painted frame by frame, without flicker and in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import (
    STOPPED_CLIP,
    Interrupted,
    Kept,
    Watch,
    asked_to_keep,
    blocker,
    same_inputs,
    show,
    stop_if_asked,
)
from ..host.folders import temporary_file
from ..host.images import from_image, read_weights, to_image, wire_format
from ..host.memory import pictures_at_once, piece_memory, pieces
from ..host.networks import on_device
from ..host.sockets import Hosted, StyleSocket, StylizerSocket, VideoSocket
from ..host.video import Clip, Frame, Writer, clip_of, input_kinds
from ..host.widgets import grown, memory_budget
from .features import STRENGTH_TOOLTIP
from .stylize import KEEP_COLOR_TOOLTIP, LARGEST_SIZE, PRECISION_TOOLTIP, STYLES_TOOLTIP, WEIGHTS_TOOLTIP
from .taken import Styles

if TYPE_CHECKING:
    from ...models.stylization.stylizer import StylizeOptions, Stylizer
    from ...models.video.statistics import Holding

CUTS_TOOLTIP = "How readily a jump in the picture is taken for a cut between scenes: 1 is usual, more finds more, 0 finds none."
SMOOTHING_TOOLTIP = "How much of the frames before stays in the statistics: 0 none, 0.9 about ten frames, 0.98 about fifty."
HOLDINGS: dict[str, Holding] = {"running": "running", "fixed": "fixed", "per scene": "scene"}
NO_IMAGES = "the frames were not kept, to save memory: turn on keep_images in Stylize Video"

_stopped: list[tuple[dict[str, Any], Painting, str]] = []  # the last clip that was stopped: its inputs, itself, its report


def statistics_input() -> io.DynamicCombo.Input:
    """How the content's statistics hold over time, with the settings of each way."""

    def cuts() -> io.Float.Input:
        return io.Float.Input("cut_sensitivity", default=1.0, min=0.0, max=4.0, step=0.05, tooltip=CUTS_TOOLTIP)

    def smoothing() -> io.Float.Input:
        return io.Float.Input("smoothing", default=0.9, min=0.0, max=0.99, step=0.01, tooltip=SMOOTHING_TOOLTIP)

    option = io.DynamicCombo.Option
    return io.DynamicCombo.Input(
        "statistics",
        options=[
            option("automatic", []),
            option("running", [smoothing(), cuts()]),
            option("per scene", [cuts()]),
            option("fixed", []),
            option("every frame", []),
        ],
        tooltip="What keeps colors steady: running lets the statistics of the photo follow slowly, anew at each cut; per scene "
        "takes those of each scene's first frame; fixed those of the clip's first frame; every frame its own, which "
        "flickers. automatic is running, or every frame for stylizers that use no such statistics.",
    )


class StylizeVideo(io.ComfyNode):
    """VIDEO or IMAGE batch -> the clip in a style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStylizeVideo",
            display_name="Stylize Video",
            category="Style Atelier",
            description="Paints a clip in the style of one or more pictures, frame by frame and without flicker. Clips of any "
            "length: only a few frames are in memory. Sound and frame rate are kept; Keep this takes what is done.",
            search_aliases=[
                *("video style transfer", "stylize frames", "animate style", "rotoscope", "flicker", "temporal consistency"),
                *("vid2vid", "neural style video", "fast neural style video", "film", "视频风格", "动漫"),
            ],
            inputs=[
                StylizerSocket.Input("stylizer", tooltip="From Load Stylizer."),
                VideoSocket.Input("video", optional=True, tooltip="The clip, from Load Video. Or connect images."),
                io.Image.Input("images", optional=True, tooltip="The clip as a batch of pictures, in place of video."),
                grown("styles", io.Image, "style", STYLES_TOOLTIP, optional=False),
                grown(
                    "taken_styles",
                    StyleSocket,
                    "taken_style",
                    "Styles from Encode Style, Load Style or Interpolate Styles, in place of pictures or beside them. Of a "
                    "batch, each frame takes the next.",
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.String.Input("style_weights", default="", tooltip=WEIGHTS_TOOLTIP),
                io.Combo.Input("keep_color", options=["no", "luminance", "coral"], default="no", tooltip=KEEP_COLOR_TOOLTIP),
                statistics_input(),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=LARGEST_SIZE,
                    step=8,
                    tooltip="Shorter side of the result in pixels; 0 keeps the clip's size. Smaller means broader strokes, "
                    "and is faster.",
                ),
                io.Boolean.Input(
                    "keep_images",
                    default=False,
                    tooltip="Also give the frames of a video as images. They all have to be in memory: a minute at 720p takes 16 "
                    "GiB. What came in as images always goes out as images.",
                ),
                io.Float.Input(
                    "frame_rate",
                    default=24.0,
                    min=1.0,
                    max=240.0,
                    step=0.001,
                    advanced=True,
                    tooltip="Frames a second of the video output when the clip came in as images. A video keeps its own.",
                ),
                io.Int.Input(
                    "crf",
                    default=12,
                    min=0,
                    max=40,
                    step=1,
                    advanced=True,
                    tooltip="How much the video output is compressed (H.264): 12 cannot be told from the frames, 23 is usual for "
                    "sharing, 0 loses nothing.",
                ),
                io.Combo.Input("precision", options=["full", "half"], default="full", advanced=True, tooltip=PRECISION_TOOLTIP),
                memory_budget(),
            ],
            outputs=[
                VideoSocket.Output(
                    display_name="video", tooltip="The clip with its sound, for Save Video. Needs ComfyUI: nothing elsewhere."
                ),
                io.Image.Output(display_name="images", tooltip="The frames, where they came in as images or keep_images is on."),
                io.String.Output(display_name="report", tooltip="Frames, seconds, scenes, and whether it was stopped."),
            ],
        )

    @classmethod
    def execute(
        cls,
        stylizer: Hosted,
        styles: io.Autogrow.Type,
        strength: float,
        style_weights: str,
        keep_color: str,
        statistics: io.DynamicCombo.Type,
        size: int,
        keep_images: bool,
        frame_rate: float,
        crf: int,
        precision: str,
        memory_budget: float,
        video: Any = None,
        images: Tensor | None = None,
        taken_styles: io.Autogrow.Type | None = None,
    ) -> io.NodeOutput:
        inputs = {key: value for key, value in locals().items() if key != "cls"}
        from ...models.stylization.stylizer import StylizeOptions
        from ...models.video.statistics import ContentStatistics

        asked = asked_to_keep()
        if asked and _stopped and same_inputs(_stopped[0][0], inputs):
            painting, report = _stopped.pop()[1:]
            return io.NodeOutput(painting.video, painting.pictures, report)
        _stopped.clear()
        model: Stylizer = stylizer.model
        given = Styles.read(model, styles, taken_styles)
        weights = read_weights(style_weights, len(given), "style_weights")
        clip = clip_of(video, images, frame_rate)
        holding = statistics["statistics"]
        if holding == "automatic":
            holding, statistics = ("running" if model.has_statistics else "every frame"), {}
        if holding != "every frame" and not model.has_statistics:
            raise ValueError(f"statistics is {holding} and {model.title} uses none: choose automatic or every frame.")
        options = StylizeOptions(strength, weights)
        model.check(given.part(0, 1, torch.device("cpu"))[0], options)
        cuts = cuts_of(clip, statistics.get("cut_sensitivity", 1.0)) if holding in ("running", "per scene") else []
        if holding in HOLDINGS:
            memory = ContentStatistics(HOLDINGS[holding], cuts, statistics.get("smoothing", 0.9))
            options = replace(options, content_statistics=memory)
        painting = Painting(stylizer, clip, given, options, size, keep_color, precision == "half", keep_images or video is None)
        try:
            painting.run(memory_budget, crf)
        except Interrupted:
            if painting.done:
                _stopped[:] = [(inputs, painting, painting.report(holding, len(cuts) + 1))]
                show(STOPPED_CLIP.format(done=painting.done, frames=clip.frames))
            raise
        except Kept:
            pass  # what is painted so far is the result
        report = painting.report(holding, len(cuts) + 1)
        show(report)
        return io.NodeOutput(painting.video, painting.pictures, report)


def cuts_of(clip: Clip, sensitivity: float) -> list[int]:
    """First frames of all scenes but the first, from a look at the whole clip before it is painted."""
    from ...models.video.scenes import SceneFinder

    if not sensitivity:
        return []
    show("Looking for cuts")
    finder, report = SceneFinder(), Watch().part(0)
    for i, frame in enumerate(clip):
        report(i, max(clip.frames, i + 1))
        finder.add(from_image(frame.image, "images").rgb)
    return finder.cuts(sensitivity)


@dataclass
class Painting:
    """A clip under way. What is done stays done when memory runs out, and when the person presses stop."""

    stylizer: Hosted
    clip: Clip
    styles: Styles
    options: StylizeOptions
    size: int
    keep_color: str
    half: bool
    keep: bool
    done: int = 0
    whole: bool = False
    video: Any = None
    seconds: float = 0.0
    shown: tuple[int, int] = (0, 0)
    _kept: Tensor | None = None
    _waiting: Frame | None = None

    def run(self, budget: float, crf: int) -> None:
        """Paint all frames; what was painted before an interrupt is in `video` and `pictures`."""
        model: Stylizer = self.stylizer.model
        height, width = self.clip.size
        scale = self.size / min(height, width) if self.size else 1.0
        self.shown = (max(1, round(height * scale)), max(1, round(width * scale)))
        pictures = [(p.height, p.width) for p in self.styles.pictures]
        frame = max([self.shown, *pictures], key=lambda s: s[0] * s[1])
        kinds = input_kinds()
        path = None if kinds is None else temporary_file(".mp4")
        writer = None if path is None else Writer(path, self.clip, self.shown, crf)
        frames, began = iter(self.clip), time.monotonic()
        cost, resident = model.bytes_per_pixel, model.resident_bytes_per_pixel

        def work(together: int, tile: int = 0) -> None:
            with on_device(self.stylizer, piece_memory(frame, 1, tile, cost, resident)) as device:
                self._paint(frames, writer, device, tile)

        try:
            if model.exact_tiles:
                pieces(frame, 1, cost, budget, work, resident)
            else:
                pictures_at_once(frame, 1, cost, work)
        except Exception:
            self.done = 0
            raise
        finally:
            self.seconds = time.monotonic() - began
            if writer is not None and path is not None and kinds is not None:
                writer.close()
                if self.done:
                    self.video = kinds.VideoFromFile(str(path))
                else:
                    path.unlink()

    def _paint(self, frames: Iterator[Frame], writer: Writer | None, device: torch.device, tile: int) -> None:
        """The frames that are still to be painted. A frame counts as done when it is written."""
        from ...models.ops.color import keep_color as recolor

        model: Stylizer = self.stylizer.model
        watch = Watch(max(self.clip.frames, self.done + 1))
        styles = self.styles.taken(model, device, tile)
        while True:
            self._waiting = self._waiting or next(frames, None)
            if self._waiting is None:
                self.whole = True
                return
            stop_if_asked()
            picture = from_image(self._waiting.image, "images").resized(*self.shown)
            rgb, (given, _) = picture.rgb.to(device), styles.part(self.done, self.done + 1, device)
            memory = self.options.content_statistics
            tried = None if memory is None else memory.copy()
            options = replace(self.options, tile=tile, half=self.half and device.type != "cpu", content_statistics=tried)
            made = model.stylize(rgb, given, options, watch.part(min(self.done, watch.parts - 1)))
            if self.keep_color != "no":
                made = recolor(made, rgb, self.keep_color)  # type: ignore[arg-type]
            image = to_image(made, picture.alpha, *wire_format())
            if writer is not None:
                writer.add(image, self._waiting)
            if self.keep:
                self._keep(image)
            self.options = replace(self.options, content_statistics=tried)
            self.done, self._waiting = self.done + 1, None
            if asked_to_keep():
                raise Kept

    def _keep(self, image: Tensor) -> None:
        """Put a frame beside those before; their place is made once, as large as the clip should be."""
        if self._kept is None:
            self._kept = image.new_empty((self.clip.frames, *image.shape[1:]))
        if self.done == len(self._kept):
            self._kept = torch.cat([self._kept, torch.empty_like(self._kept)])
        self._kept[self.done] = image[0]

    @property
    def pictures(self) -> Any:
        """The frames as IMAGE, or what blocks the nodes that would want them."""
        return blocker(NO_IMAGES) if self._kept is None else self._kept[: self.done]

    def report(self, holding: str, scenes: int) -> str:
        """What was done, in a line or two."""
        height, width = self.shown
        text = f"{self.done} frames of {width}x{height} at {float(self.clip.rate):g} a second"
        text += f" in {self.seconds:.1f} s ({self.done / max(self.seconds, 1e-6):.2f} frames a second)\nstatistics: {holding}"
        text += f", {scenes} scenes" if scenes > 1 else ""
        if not self.whole:
            text += f"\nstopped after {self.done} of about {self.clip.frames} frames; the rest is missing"
        return text
