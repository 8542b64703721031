"""The host's own picture nodes that our workflows use: same ids, inputs and outputs as in ComfyUI 0.33."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from ...models.weights.files import inside
from ...models.weights.writing import write_new
from . import folders
from . import node_io as io
from .core_decoding import decoded
from .provenance import texts

LARGEST = 16384
FILTERS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]


def pictures_in(folder: str) -> list[str]:
    """Names of the pictures in a folder, sorted."""
    return sorted(p.name for p in Path(folder).iterdir() if p.suffix.lower() in folders.EXTENSIONS)


def read_picture(path: str) -> tuple[Tensor, Tensor]:
    """IMAGE [B, H, W, 3] and MASK (1 - alpha; zeros of 64x64 where there is no alpha) of a picture's frames."""
    found = decoded(path)
    if found is not None:
        return found
    images, masks = [], []
    with Image.open(path) as opened:
        for frame in ImageSequence.Iterator(opened):
            turned = ImageOps.exif_transpose(frame)
            if turned.mode.startswith("I"):  # 16 bits of gray
                turned = Image.fromarray((np.asarray(turned, dtype=np.float32) / 257).clip(0, 255).astype(np.uint8))
            if "transparency" in turned.info:
                turned = turned.convert("RGBA")
            pixels = torch.from_numpy(np.asarray(turned.convert("RGB"), dtype=np.float32) / 255)
            if images and images[0].shape != pixels.shape:
                continue
            images.append(pixels)
            alpha = "A" in turned.getbands()
            masks.append(
                1 - torch.from_numpy(np.asarray(turned.getchannel("A"), dtype=np.float32) / 255) if alpha else torch.zeros(64, 64)
            )
    return torch.stack(images), torch.stack(masks)


def checksum(name: str) -> str:
    """Changes when the file does."""
    return hashlib.sha256(Path(folders.get_annotated_filepath(name)).read_bytes()).hexdigest()


def present(name: str) -> bool | str:
    """True, or what is wrong with the choice."""
    return True if folders.exists_annotated_filepath(name) else f"Invalid image file: {name}"


class LoadImage(io.ComfyNode):
    """A picture of the input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImage",
            display_name="Load Image",
            category="image",
            inputs=[io.Combo.Input("image", options=pictures_in(folders.get_input_directory()))],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def validate_inputs(cls, image: str) -> bool | str:
        return present(image)

    @classmethod
    def fingerprint_inputs(cls, image: str) -> str:
        return checksum(image)

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        return io.NodeOutput(*read_picture(folders.get_annotated_filepath(image)))


def save_each(folder: str, prefix: str, suffix: str, kind: str, writes: Iterable[Callable[[str], None]]) -> list[dict[str, str]]:
    """PREFIX_00001_SUFFIX and so on, each whole or not at all, counting on from what is there -> as the page is told of them.

    prefix may name a sub-folder, never one outside of `folder`.
    """
    root = Path(folder).resolve()
    try:
        path = inside(root, prefix)
    except ValueError as error:
        raise ValueError(f"filename_prefix leaves the output folder or is no name ({error})") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    pattern = re.escape(path.name) + r"_(\d{1,9})_" + re.escape(suffix)
    counter = max((int(m.group(1)) for p in path.parent.iterdir() if (m := re.fullmatch(pattern, p.name))), default=0)
    subfolder, made = str(path.parent.relative_to(root)).replace(".", "", 1), []
    for write in writes:
        written = write_new((path.with_name(f"{path.name}_{number:05}_{suffix}") for number in count(counter + 1)), write)
        counter = int(written.stem.rstrip("_").rpartition("_")[2])
        made.append({"filename": written.name, "subfolder": subfolder, "type": kind})
    return made


def saved(images: Tensor, folder: str, prefix: str, kind: str, compress: int) -> list[dict[str, str]]:
    """Write a batch as PREFIX_00001_.png and so on, with the workflow that made it."""
    said = PngInfo()
    for name, text in texts().items():
        said.add_text(name, text)

    def write(image: Tensor, name: str) -> None:
        pixels = image.float().clamp(0, 1).mul(255).cpu().numpy().astype(np.uint8)
        Image.fromarray(pixels).save(name, "PNG", compress_level=compress, pnginfo=said)

    return save_each(folder, prefix, ".png", kind, (partial(write, image) for image in images))


class SaveImage(io.ComfyNode):
    """Writes pictures to the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            inputs=[io.Image.Input("images"), io.String.Input("filename_prefix", default="ComfyUI")],
            outputs=[io.Image.Output(display_name="images")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: Tensor, filename_prefix: str = "ComfyUI") -> io.NodeOutput:
        shown = saved(images, folders.get_output_directory(), filename_prefix, "output", 4)
        return io.NodeOutput(images, ui={"images": shown})


class PreviewImage(io.ComfyNode):
    """Writes pictures to the temporary folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewImage",
            display_name="Preview Image",
            category="image",
            inputs=[io.Image.Input("images")],
            outputs=[io.Image.Output(display_name="images")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: Tensor) -> io.NodeOutput:
        shown = saved(images, folders.get_temp_directory(), "ComfyUI_temp", "temp", 1)
        return io.NodeOutput(images, ui={"images": shown})


def resized(images: Tensor, width: int, height: int, method: str, crop: str) -> Tensor:
    """[B, H, W, C] at another size; crop "center" first cuts to the new proportions."""
    x = images.movedim(-1, 1)
    if crop == "center":
        h, w = x.shape[-2:]
        if w / h > width / height:
            cut = round((w - w * (width / height) / (w / h)) / 2)
            x = x[..., cut : w - cut]
        else:
            cut = round((h - h * (w / h) / (width / height)) / 2)
            x = x[..., cut : h - cut, :]
    if method == "lanczos":
        frames = [Image.fromarray((f.clamp(0, 1) * 255).movedim(0, -1).byte().numpy()) for f in x]
        arrays = [np.asarray(f.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float32) / 255 for f in frames]
        return torch.from_numpy(np.stack(arrays))
    return F.interpolate(x, size=(height, width), mode=method).movedim(1, -1)


def batched(images: list[Tensor]) -> Tensor:
    """One batch: later pictures take the size of the first, missing alpha is opaque."""
    channels = max(i.shape[-1] for i in images)
    alike = [F.pad(i, (0, channels - i.shape[-1]), value=1.0) for i in images]
    height, width = alike[0].shape[1:3]
    return torch.cat([i if i.shape[1:3] == (height, width) else resized(i, width, height, "bilinear", "center") for i in alike])


class ImageBatch(io.ComfyNode):
    """Two pictures as a batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageBatch",
            display_name="Batch Images (DEPRECATED)",
            category="image/batch",
            inputs=[io.Image.Input("image1"), io.Image.Input("image2")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image1: Tensor, image2: Tensor) -> io.NodeOutput:
        return io.NodeOutput(batched([image1, image2]))


class BatchImagesNode(io.ComfyNode):
    """Any number of pictures as a batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=1, max=50)
        return io.Schema(
            node_id="BatchImagesNode",
            display_name="Batch Images",
            category="image/batch",
            inputs=[io.Autogrow.Input("images", template=template)],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, images: dict[str, Tensor]) -> io.NodeOutput:
        return io.NodeOutput(batched(list(images.values())))


class ImageScale(io.ComfyNode):
    """A picture at another size; a side of 0 follows the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageScale",
            display_name="Upscale Image",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("upscale_method", options=FILTERS),
                io.Int.Input("width", default=512, min=0, max=LARGEST, step=1),
                io.Int.Input("height", default=512, min=0, max=LARGEST, step=1),
                io.Combo.Input("crop", options=["disabled", "center"]),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, upscale_method: str, width: int, height: int, crop: str) -> io.NodeOutput:
        if not (width or height):
            return io.NodeOutput(image)
        width = width or max(1, round(image.shape[2] * height / image.shape[1]))
        height = height or max(1, round(image.shape[1] * width / image.shape[2]))
        return io.NodeOutput(resized(image, width, height, upscale_method, crop))


NODES: list[Any] = [LoadImage, SaveImage, PreviewImage, ImageBatch, BatchImagesNode, ImageScale]
