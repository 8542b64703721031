"""Patch synthesis against EbSynth's own CPU build, and quilting against NumPy, in one process on one thread.

    python benchmarks/classical_patches.py --clip FILE [--ebsynth LIBRARY] [--quilting DIR] [--runs 3] [--width 384] [--side 128]

--clip: a video of which frame 10 is painted from frame 0. --ebsynth: jamriska/ebsynth as a shared library, built by
`g++ -shared -fPIC -O3 -march=native -DNDEBUG -std=c++11 -Iinclude src/ebsynth.cpp src/ebsynth_cpu.cpp src/ebsynth_nocuda.cpp`.
--quilting: a checkout of rohitrango/Image-Quilting-for-Texture-Synthesis, imported as it is (cv2 and matplotlib, which it does
not call here, are empty modules). Frame 0 is painted by texture transfer. Both sides of the first get the same guides (frame 6,
position 2), their defaults, and one energy is computed of both results, from the places they took: differences and uniformity.
Times are processor time, medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.classical.guides import positions  # noqa: E402
from style_atelier.models.classical.patch_synthesis import Guide, PatchSettings, synthesize, whole_numbers  # noqa: E402
from style_atelier.models.classical.quilting import QuiltSettings, TransferSettings, quilt, transfer_texture  # noqa: E402
from style_atelier.models.video.flow import optical_flow, warp  # noqa: E402

FRAMES = 10
WEIGHTS = (6.0, 2.0)
UNIFORMITY = 3500.0
PATCH = 5
ROUNDS, SEARCHES = 6, 4
BLOCK = 36
TOLERANCE = 0.1
LEVELS = 32


def frames(path: Path, width: int) -> list[Tensor]:
    """The first frames of a clip, [1, 3, H, W] in 0..1."""
    av: Any = importlib.import_module("av")
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_image()
            picture = picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
            found.append(torch.from_numpy(np.array(picture)).movedim(-1, 0)[None].float() / 255)
            if len(found) > FRAMES:
                break
    return found


def sample(name: str, side: int) -> Tensor:
    """A piece of one of the pack's samples."""
    picture = Image.open(ROOT / "samples" / name).convert("RGB")
    return torch.from_numpy(np.array(picture)).movedim(-1, 0)[None, :, 200 : 200 + side, 200 : 200 + side].float() / 255


def energy(style: Tensor, guides: list[Guide], made: Tensor, index: Tensor) -> tuple[float, float]:
    """Of a result [1, 3, H, W] and the places [H, W] it took: mean difference and mean uniformity of its patches."""
    sides = [[style * (1 / 3) ** 0.5], [made * (1 / 3) ** 0.5]]
    for guide in guides:
        scale = (guide.weight / guide.source.shape[1]) ** 0.5
        for side, x in zip(sides, (guide.source, guide.target), strict=True):
            side.append(whole_numbers(x) / 255 * scale)
    source, target = (255 * torch.cat(side, dim=1) for side in sides)
    reach, (height, width), across = PATCH // 2, index.shape, style.shape[3]
    target = F.pad(target, (reach,) * 4, mode="replicate")[0]
    difference = torch.zeros(height, width, dtype=torch.float64)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            there = source[0].flatten(1)[:, (index + down * across + right).flatten()].view(-1, height, width)
            here = target[:, reach + down : reach + down + height, reach + right : reach + right + width]
            difference += (there - here).double().square().sum(0)
    places = style.shape[2] * across
    used = torch.bincount(index.flatten(), minlength=places).view(1, 1, *style.shape[2:]).double()
    ones = torch.ones(1, 1, PATCH, PATCH, dtype=torch.float64)
    omega = F.conv2d(F.conv2d(used, ones, padding=reach), ones, padding=reach).flatten() / PATCH**4 * places / index.numel()
    return float(difference.mean()), UNIFORMITY * float(omega[index.flatten()].mean())


def ebsynth(library: Any, style: Tensor, guides: list[Guide], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Its picture and the places it took."""
    bytes_of = lambda x: np.ascontiguousarray(whole_numbers(x)[0].movedim(0, -1).byte().numpy())  # noqa: E731
    weights = [guide.weight / guide.source.shape[1] for guide in guides for _ in range(guide.source.shape[1])]
    height, width = size
    levels = next(n for n in range(LEVELS, 0, -1) if min(*style.shape[2:], *size) * 2.0 ** -(n - 1) >= 2 * PATCH + 1)
    arrays = [
        bytes_of(style),
        bytes_of(torch.cat([guide.source for guide in guides], dim=1)),
        bytes_of(torch.cat([guide.target for guide in guides], dim=1)),
        np.zeros((height, width, 2), np.int32),
        np.zeros((height, width, 3), np.uint8),
    ]
    paint, source, target, places, made = (array.ctypes.data_as(ctypes.c_void_p) for array in arrays)
    each = ctypes.c_int * levels
    library.ebsynthRun(
        *(1, 3, len(weights), style.shape[3], style.shape[2], paint, source, width, height, target, None),
        *((ctypes.c_float * 3)(*[1 / 3] * 3), (ctypes.c_float * len(weights))(*weights), ctypes.c_float(UNIFORMITY), PATCH, 1),
        *(levels, each(*[ROUNDS] * levels), each(*[SEARCHES] * levels), each(*[0] * levels), 0, places, made),
    )
    where = torch.from_numpy(arrays[3]).long()
    picture = torch.from_numpy(arrays[4]).movedim(-1, 0)[None].float() / 255
    return picture, where[..., 1] * style.shape[3] + where[..., 0]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, and what was made."""
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], runs: int) -> tuple[Any, Any]:
    """Interleaved runs; prints a row and gives back the last results."""
    times: tuple[list[float], list[float]] = ([], [])
    made: list[Any] = [None, None]
    for _ in range(runs):
        for side, work in enumerate((ours, theirs)):
            seconds, made[side] = timed(work)
            times[side].append(seconds)
    mine, other = (statistics.median(each) for each in times)
    print(json.dumps({"case": name, "ours_s": round(mine, 2), "theirs_s": round(other, 2), "ratio": round(other / mine, 2)}))
    return made[0], made[1]


def against_ebsynth(options: argparse.Namespace) -> None:
    """One frame with the same guides."""
    clip = frames(options.clip, options.width)
    painted = transfer_texture(sample("painting.jpg", 320), clip[0], TransferSettings(block=12, detail=2.0))
    home = place = positions(*clip[0].shape[2:])
    for now, before in zip(clip[1:], clip, strict=False):
        place = warp(place, optical_flow(now, before))
    guides = [Guide(clip[0], clip[FRAMES], WEIGHTS[0]), Guide(home, place, WEIGHTS[1])]
    size = (clip[0].shape[2], clip[0].shape[3])
    library = ctypes.CDLL(str(options.ebsynth))
    ours, theirs = compare(
        f"frame {options.width}",
        lambda: synthesize(painted, guides, size, PatchSettings(uniformity=UNIFORMITY)),
        lambda: ebsynth(library, painted, guides, size),
        options.runs,
    )
    for side, made, index in (("ours", ours.picture, ours.index), ("theirs", *theirs)):
        parts = energy(painted, guides, made, index)
        print(
            json.dumps({"energy": side, "difference": round(parts[0]), "uniformity": round(parts[1]), "sum": round(sum(parts))})
        )


def against_numpy(options: argparse.Namespace) -> None:
    """Quilting with the same block, overlap and tolerance."""
    for name in ("cv2", "matplotlib"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["matplotlib"].pyplot = sys.modules.setdefault("matplotlib.pyplot", types.ModuleType("pyplot"))  # type: ignore[attr-defined]
    np.float = float  # type: ignore[attr-defined]  # today's NumPy lacks what it calls
    sys.path.insert(0, str(options.quilting))
    peer: Any = importlib.import_module("utils.generate")
    texture = sample("painting.jpg", options.side)
    image, size = texture[0].movedim(0, -1).double().numpy(), 2 * options.side
    compare(
        f"quilting {options.side} to {size}",
        lambda: quilt(texture, (size, size), QuiltSettings(BLOCK, tolerance=TOLERANCE)),
        lambda: peer.generateTextureMap(image, BLOCK, BLOCK // 6, size, size, TOLERANCE),
        options.runs,
    )


def main() -> None:
    """Everything whose other side is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--ebsynth", type=Path)
    parser.add_argument("--quilting", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.ebsynth and options.clip:
        against_ebsynth(options)
    if options.quilting:
        against_numpy(options)


if __name__ == "__main__":
    main()
