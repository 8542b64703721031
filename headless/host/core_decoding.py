"""Pictures decoded as the host decodes them, by FFmpeg's own readers (PyAV): a JPEG's colors differ by up to ten of 255 from
those of Pillow, which enlarges them otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

EIGHT_BITS = ("yuvj420p", "yuvj422p", "yuvj444p", "rgb24", "rgba", "pal8")
ALIGNED = 32  # pixels; the conversion to floats reads beyond a row that is not so long


def decoded(path: str) -> tuple[Tensor, Tensor] | None:
    """IMAGE [B, H, W, 3] and MASK (1 - alpha; zeros of 64x64 where there is no alpha) of a picture's frames.

    None where FFmpeg finds none, as in a moving WebP, or PyAV is missing: Pillow then reads it.
    """
    try:
        import av
    except ImportError:
        return None
    images, alphas = [], []
    try:
        with av.open(path, mode="r") as container:
            for frame in container.decode(video=0) if container.streams.video else ():
                pixels = _pixels(frame)
                if images and images[0].shape[:2] != pixels.shape[:2]:
                    continue
                images.append(pixels[..., :3])
                alphas += [pixels[..., 3]] if pixels.shape[-1] == 4 else []
    except (av.FFmpegError, ValueError, IndexError):
        return None
    if not images:
        return None
    mask = 1 - torch.stack(alphas) if len(alphas) == len(images) else torch.zeros(len(images), 64, 64)
    return torch.stack(images), mask


def _pixels(frame: Any) -> Tensor:
    """[H, W, 3 or 4] in 0..1, the way up it is to be seen."""
    name = frame.format.name
    alpha = name == "pal8" or any(part.is_alpha for part in frame.format.components)
    if name in EIGHT_BITS:
        values = torch.from_numpy(frame.to_ndarray(format="rgba" if alpha else "rgb24")).float() / 255
    else:
        values = torch.from_numpy(_floats(frame, "gbrapf32le" if alpha else "gbrpf32le"))
    return values.rot90(round(frame.rotation // 90), (0, 1)).contiguous() if frame.rotation else values


def _floats(frame: Any, form: str) -> np.ndarray:
    """A frame as floats; one whose rows are not aligned behind borders that repeat its edge, as the host does it."""
    if frame.width % ALIGNED == 0:
        return frame.to_ndarray(format=form)
    import av

    width, height = (-(-side // ALIGNED) * ALIGNED for side in (frame.width, frame.height))
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format.name, time_base=frame.time_base)
    padded = graph.add("pad", f"{width}:{height}:0:0")
    filled = graph.add("fillborders", f"left=0:right={width - frame.width}:top=0:bottom={height - frame.height}:mode=smear")
    sink = graph.add("buffersink")
    source.link_to(padded)
    padded.link_to(filled)
    filled.link_to(sink)
    graph.configure()
    source.push(frame)
    return np.ascontiguousarray(sink.pull().to_ndarray(format=form)[: frame.height, : frame.width])  # type: ignore[union-attr]
