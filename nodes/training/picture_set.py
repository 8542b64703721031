"""Picture Set: pictures to train on, from a folder, a batch or a list, or a clip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import show, stop_if_asked
from ..host.images import from_image, to_image, wire_format
from ..host.sockets import PicturesSocket, VideoSocket
from ..host.video import clip_of

if TYPE_CHECKING:
    from ...models.training.picture_set import PictureSet as Pictures

NO_FOLDER = "none"
MOST_FOLDERS = 500
MIB = 1024**2


def folders() -> list[str]:
    """Folders under the host's input folder, with forward slashes; hidden ones are left out."""
    root, found = folder_paths.get_input_directory(), []
    for where, names, _ in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if where != root:
            found.append(Path(where).relative_to(root).as_posix())
        if len(found) >= MOST_FOLDERS:
            break
    return [NO_FOLDER, *sorted(found)]


def folder_of(choice: str) -> Path:
    """The folder of a choice. Raises ValueError for one that is not there or leads out of the input folder."""
    root = Path(folder_paths.get_input_directory()).resolve()
    found = (root / choice).resolve()
    if not found.is_relative_to(root) or not found.is_dir():
        raise ValueError(f"folder {choice!r} is not in {root}: put your pictures into a folder there, then press R.")
    return found


class PictureSet(io.ComfyNode):
    """A folder, IMAGEs, a VIDEO -> ATELIER_PICTURES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        share = {"min": 0.05, "max": 1.0, "step": 0.05}
        return io.Schema(
            node_id="StyleAtelierPictureSet",
            display_name="Picture Set",
            category="Style Atelier/training",
            description="Pictures to train on: a folder under ComfyUI's input folder, a batch or list of images, the frames of a "
            "clip, or all of them together. Every step of a training cuts new pieces out of them. One picture is enough for a "
            "style.",
            search_aliases=["dataset", "training images", "image folder", "load images", "crops", "augmentation"],
            is_input_list=True,
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=folders(),
                    default=NO_FOLDER,
                    tooltip="A folder inside ComfyUI's input folder, with all folders in it. Press R to list new ones.",
                ),
                io.Image.Input("images", optional=True, tooltip="Pictures of any sizes: a batch, or a list of a dataset loader."),
                VideoSocket.Input("video", optional=True, tooltip="A clip whose frames are taken as pictures."),
                io.Int.Input(
                    "every", default=12, min=1, max=10000, step=1, tooltip="Of a clip, every so-manieth frame is taken."
                ),
                io.Float.Input(
                    "smallest_cut",
                    default=0.5,
                    **share,
                    tooltip="The smallest piece that is cut out, as a share of the picture's shorter side. Small pieces show "
                    "strokes, large ones the composition.",
                ),
                io.Float.Input(
                    "largest_cut", default=1.0, **share, tooltip="The largest piece, as a share of the picture's shorter side."
                ),
                io.Boolean.Input(
                    "flip", default=True, tooltip="Half of the pieces are mirrored, left to right. Off for writing and faces."
                ),
                io.Float.Input(
                    "color",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="By how much brightness, contrast, saturation and hue vary from piece to piece. Helps where photos "
                    "are few; leave it at 0 for styles, whose colors are to be learned.",
                ),
                io.Int.Input(
                    "memory",
                    default=512,
                    min=16,
                    max=65536,
                    step=16,
                    advanced=True,
                    tooltip="MiB that all pictures may take; they are kept smaller where it takes that.",
                ),
            ],
            outputs=[
                PicturesSocket.Output(display_name="pictures", tooltip="For Train Stylizer."),
                io.Image.Output(display_name="contact_sheet", tooltip="Pieces as a training cuts them out."),
                io.String.Output(display_name="report", tooltip="How many there are, and what could not be read."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: Sequence[str] | str, **others: Any) -> str:
        choice = folder if isinstance(folder, str) else folder[0]
        if choice == NO_FOLDER:
            return ""
        found = sorted(path for path in folder_of(choice).rglob("*") if path.is_file())
        return str([(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in found])

    @classmethod
    def execute(
        cls,
        folder: Sequence[str],
        every: Sequence[int],
        smallest_cut: Sequence[float],
        largest_cut: Sequence[float],
        flip: Sequence[bool],
        color: Sequence[float],
        memory: Sequence[int],
        images: Sequence[Tensor] | None = None,
        video: Sequence[Any] | None = None,
    ) -> io.NodeOutput:
        from ...models.training.picture_set import Cuts, contact_sheet

        if smallest_cut[0] > largest_cut[0]:
            raise ValueError(f"smallest_cut {smallest_cut[0]} is above largest_cut {largest_cut[0]}: exchange them.")
        cuts = Cuts((smallest_cut[0], largest_cut[0]), bool(flip[0]), float(color[0]))
        made = gathered(folder[0], images or (), video or (), every[0], cuts, memory[0] * MIB)
        text = report(made)
        show(text)
        return io.NodeOutput(made, to_image(contact_sheet(made), None, *wire_format()), text)


def gathered(folder: str, images: Sequence[Any], videos: Sequence[Any], every: int, cuts: Any, budget: float) -> Pictures:
    """All pictures of all sources as one set. Raises ValueError, naming the input, where there is none."""
    from ...models.training.picture_set import from_folder, from_tensors

    parts = []
    if folder != NO_FOLDER:
        parts.append(from_folder(folder_of(folder), cuts, budget))
    for number, batch in enumerate(images):
        rgb = from_image(batch, "images").rgb
        names = [f"image {number + 1}.{i + 1}" for i in range(len(rgb))]
        parts.append(from_tensors(rgb, names, cuts, budget))
    for number, video in enumerate(videos):
        frames, names = [], []
        for index, frame in enumerate(clip_of(video, None, 1.0)):
            stop_if_asked()
            if index % every == 0:
                frames.append(from_image(frame.image, "video").rgb[0])
                names.append(f"video {number + 1}, frame {index + 1}")
        parts.append(from_tensors(frames, names, cuts, budget))
    if not parts:
        raise ValueError("there are no pictures: choose a folder, or connect images or a video.")
    made = parts[0]
    for part in parts[1:]:
        made = made.joined(part)
    return made


def report(pictures: Pictures) -> str:
    """How many, and what was left out."""
    lines = [f"{len(pictures)} pictures" if len(pictures) != 1 else "1 picture"]
    lines += [f"left out: {name} ({why})" for name, why in pictures.skipped]
    return "\n".join(lines)
