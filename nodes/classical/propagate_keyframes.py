"""Propagate Keyframes: a whole clip painted from one or several painted frames."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
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
from ..host.images import Picture, from_image, from_mask, read_numbers, slots, take, to_image, wire_format
from ..host.networks import compute_device
from ..host.sockets import VideoSocket
from ..host.video import Clip, Frame, Writer, clip_of, input_kinds
from ..host.widgets import grown
from .batches import CATEGORY, least_side, mask_input, patch_input, seed_input, size_input, uniformity_input
from .stylize_by_example import weight_input

if TYPE_CHECKING:
    from ...models.classical.keyframes import KeyframeSettings

NO_IMAGES = "the frames were not kept, to save memory: turn on keep_images in Propagate Keyframes"

_stopped: list[tuple[dict[str, Any], Propagating, str]] = []  # the last clip that was stopped: its inputs, itself, its report


class PropagateKeyframes(io.ComfyNode):
    """VIDEO or IMAGE batch, and painted frames of it -> the clip painted."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierPropagateKeyframes",
            display_name="Propagate Keyframes",
            category=CATEGORY,
            description="Paint one frame of a clip, or a few, by any means; this paints all others like them. Between two "
            "painted frames it works from both. Sound and frame rate are kept; if you press stop, so is what is done. No "
            "network needed.",
            search_aliases=[
                "ebsynth",
                "ezsynth",
                "stylizing video by example",
                "keyframe",
                "rotoscope",
                "painted animation",
                "vid2vid",
            ],
            inputs=[
                VideoSocket.Input("video", optional=True, tooltip="The clip, from Load Video. Or connect images."),
                io.Image.Input("images", optional=True, tooltip="The clip as a batch of pictures, in place of video."),
                grown(
                    "painted",
                    io.Image,
                    "painted",
                    "Frames of the clip, painted over. They keep the shapes of the frame; they are resized to the clip.",
                    least=1,
                    most=32,
                ),
                io.String.Input(
                    "frames",
                    default="",
                    tooltip="Which frames were painted, such as 0, 24, 47; the clip begins with 0. Leave empty for the first, "
                    "or with several for frames evenly spread from the first to the last.",
                ),
                weight_input("image_weight", 6.0, "How much the colors of a frame decide which patch goes where."),
                weight_input(
                    "position_weight", 2.0, "How much the motion of the clip decides: patches stay with what they were on."
                ),
                weight_input("edge_weight", 1.0, "How much edges decide.", advanced=True),
                weight_input(
                    "previous_weight",
                    2.0,
                    "How much the frame painted before decides, moved along: more is calmer, and drifts more.",
                    advanced=True,
                ),
                patch_input(),
                uniformity_input(),
                io.Boolean.Input(
                    "polish",
                    default=False,
                    tooltip="Go over each frame once more with patches of 3x3: sharper, and takes a third longer.",
                ),
                io.Float.Input(
                    "cut_sensitivity",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.05,
                    advanced=True,
                    tooltip="How readily a jump in the picture is taken for a cut, across which two painted frames are not "
                    "mixed: 1 is usual, more finds more, 0 finds none.",
                ),
                size_input(),
                io.Boolean.Input(
                    "keep_images",
                    default=False,
                    tooltip="Also give the frames of a video as images. They all have to be in memory: a minute at 720p takes "
                    "16 GiB. What came in as images always goes out as images.",
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
                mask_input(),
                seed_input(),
            ],
            outputs=[
                VideoSocket.Output(
                    display_name="video", tooltip="The clip with its sound, for Save Video. Needs ComfyUI: nothing elsewhere."
                ),
                io.Image.Output(display_name="images", tooltip="The frames, where they came in as images or keep_images is on."),
                io.String.Output(display_name="report", tooltip="Frames, seconds, painted frames, and whether it was stopped."),
            ],
        )

    @classmethod
    def execute(
        cls,
        painted: io.Autogrow.Type,
        frames: str,
        image_weight: float,
        position_weight: float,
        edge_weight: float,
        previous_weight: float,
        patch: int,
        uniformity: float,
        polish: bool,
        cut_sensitivity: float,
        size: int,
        keep_images: bool,
        frame_rate: float,
        crf: int,
        seed: int,
        video: Any = None,
        images: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        inputs = {key: value for key, value in locals().items() if key != "cls"}
        from ...models.classical.keyframes import KeyframeSettings
        from ...models.classical.patch_synthesis import PatchSettings

        asked = asked_to_keep()
        if asked and _stopped and same_inputs(_stopped[0][0], inputs):
            work, report = _stopped.pop()[1:]
            return io.NodeOutput(work.video, work.pictures, report)
        _stopped.clear()
        clip = clip_of(video, images, frame_rate)
        shown = shown_size(clip, size)
        if min(shown) < least_side(patch):
            raise ValueError(
                f"the clip is {shown[1]}x{shown[0]} pixels and too small for patches of {patch}: choose a larger size."
            )
        pictures = pictures_of(painted, shown)
        first_alone = len(pictures) == 1 and not frames.strip()
        count, cuts = (clip.frames, []) if first_alone else looked_over(clip, cut_sensitivity)
        keys = dict(zip(numbers_of(frames, len(pictures), count), pictures, strict=True))
        settings = KeyframeSettings(
            image_weight,
            position_weight,
            edge_weight,
            previous_weight,
            patches=PatchSettings(uniformity=uniformity, patch=patch, polish=polish, seed=seed),
        )
        where = None if mask is None else from_mask(mask, "mask", clip.frames if images is not None else 1)
        work = Propagating(clip, shown, keys, settings, cuts, where, keep_images or video is None)
        try:
            work.run(crf)
        except Interrupted:
            if work.done:
                _stopped[:] = [(inputs, work, work.report(True))]
                show(STOPPED_CLIP.format(done=work.done, frames=clip.frames))
            raise
        except Kept:
            kept = True  # what is painted so far is the result
        else:
            kept = False
        report = work.report(kept)
        show(report)
        return io.NodeOutput(work.video, work.pictures, report)


def shown_size(clip: Clip, size: int) -> tuple[int, int]:
    """Height and width of the result."""
    height, width = clip.size
    scale = size / min(height, width) if size else 1.0
    return max(1, round(height * scale)), max(1, round(width * scale))


def looked_over(clip: Clip, sensitivity: float) -> tuple[int, list[int]]:
    """How many frames the clip really has, and the first frames of its scenes but the first's."""
    from ...models.video.scenes import SceneFinder

    show("looking for cuts")
    finder, count = SceneFinder(), 0
    for frame in clip:
        stop_if_asked()
        finder.add(from_image(frame.image, "images").rgb)
        count += 1
    return count, finder.cuts(sensitivity) if sensitivity else []


def pictures_of(painted: io.Autogrow.Type, size: tuple[int, int]) -> list[Tensor]:
    """Painted frames [1, 3, H, W], of batches one after another, at the clip's size."""
    pictures = []
    for number, image in slots(painted, "painted").items():
        pictures += from_image(image, f"painted{number}").resized(*size).rgb.split(1)
    if not pictures:
        raise ValueError("painted is not connected: connect at least one painted frame of the clip.")
    return pictures


def numbers_of(frames: str, pictures: int, count: int) -> list[int]:
    """Which frames were painted, of a clip of `count`. Raises ValueError with one sentence."""
    last = max(count - 1, 0) if pictures > 1 else 0
    given = read_numbers(frames, "frames") or tuple(last * number / max(pictures - 1, 1) for number in range(pictures))
    numbers = [round(number) for number in given]
    if len(numbers) != pictures:
        raise ValueError(
            f"frames names {len(numbers)} frames and {pictures} are painted: write one number for each painted frame."
        )
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise ValueError(f"frames {frames!r} must be different numbers from 0 up: the clip begins with 0.")
    if max(numbers) >= count:
        raise ValueError(f"frames names frame {max(numbers)} and the clip ends with {count - 1}: write smaller numbers.")
    return numbers


@dataclass
class Propagating:
    """A clip under way. What is done stays done when the person presses stop."""

    clip: Clip
    size: tuple[int, int]
    keys: dict[int, Tensor]
    settings: KeyframeSettings
    cuts: list[int]
    mask: Tensor | None
    keep: bool
    done: int = 0
    video: Any = None
    seconds: float = 0.0
    kept: list[Tensor] = field(default_factory=list)

    def run(self, crf: int) -> None:
        """Paint all frames; what was painted before an interrupt is in `video` and `pictures`."""
        kinds = input_kinds()
        path = None if kinds is None else temporary_file(".mp4")
        writer = None if path is None else Writer(path, self.clip, self.size, crf)
        began = time.monotonic()
        try:
            self._paint(writer)
        finally:
            self.seconds = time.monotonic() - began
            if writer is not None and path is not None and kinds is not None:
                writer.close()
                if self.done:
                    self.video = kinds.VideoFromFile(str(path))
                else:
                    path.unlink()

    def _paint(self, writer: Writer | None) -> None:
        """Frame by frame. The clip is read a second time in step with what is made, so that nothing has to wait in memory."""
        from ...models.classical.keyframes import paint_clip
        from ...models.ops.masks import limited
        from ...models.video.frame_store import FrameStore

        made = paint_clip(
            (self._read(frame).rgb.to(compute_device()) for frame in self.clip),
            self.keys,
            self.settings,
            lambda: FrameStore(temporary_file(".frames")),
            self.cuts,
            self.clip.frames,
            Watch().part(0),
        )
        for painted, frame in zip(made, self.clip, strict=False):
            picture = self._read(frame)
            where = None if self.mask is None else take(self.mask, self.done, self.done + 1)
            image = to_image(limited(painted.cpu(), picture.rgb, where), picture.alpha, *wire_format())
            if writer is not None:
                writer.add(image, frame)
            if self.keep:
                self.kept.append(image)
            self.done += 1
            if asked_to_keep():
                raise Kept

    def _read(self, frame: Frame) -> Picture:
        return from_image(frame.image, "images").resized(*self.size)

    @property
    def pictures(self) -> Any:
        """The frames as IMAGE, or what blocks the nodes that would want them."""
        return torch.cat(self.kept) if self.kept else blocker(NO_IMAGES)

    def report(self, stopped: bool) -> str:
        """What was done, in a line or two."""
        height, width = self.size
        text = f"{self.done} frames of {width}x{height} at {float(self.clip.rate):g} a second"
        text += f" in {self.seconds:.1f} s ({self.done / max(self.seconds, 1e-6):.2f} frames a second)"
        text += f"\npainted frames: {', '.join(map(str, sorted(self.keys)))}"
        if stopped:
            text += f"\nstopped after {self.done} of about {self.clip.frames} frames; the rest is missing"
        return text
