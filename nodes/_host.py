"""The only place that touches the host's model management, folders, progress and interrupt."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from PIL import Image
from torch import Tensor, nn

from ..models.ops.tiling import tile_for_budget
from ..models.progress import Progress
from ..models.weights.catalogue import FileSpec, load_catalogue
from ..models.weights.download import fetch, settings_from_environment
from ._sockets import Hosted

FOLDER = "style_atelier"
EXTENSIONS = {".safetensors", ".sft", ".pth", ".pt", ".ckpt", ".pkl", ".index", ".model", ".onnx", ".json"}
GIB = 1024**3
MIB = 1024**2
SHARE_OF_FREE_MEMORY = 0.5
LARGEST_PIECE_ON_CPU = 0.75 * GIB
SMALLEST_TILE = 128
PICTURES_AT_ONCE = 8
PREVIEW_SIDE = 512
SECONDS_BETWEEN_REPORTS = 0.2
STEPS = 1000  # of the bar, for each part of the work

log = logging.getLogger("style_atelier")
# Set while the page looks at nodes outside of a run: called by every layer, it raises when the page wants something else.
_glance: ContextVar[Callable[..., None] | None] = ContextVar("glance", default=None)
Result = TypeVar("Result")
_loaded: WeakValueDictionary[tuple[str, ...], Hosted] = WeakValueDictionary()


# Folders


def register_folder() -> None:
    """Add models/style_atelier to the host's model folders, after those of extra_model_paths.yaml."""
    own = str(Path(folder_paths.models_dir, FOLDER))
    known, _ = folder_paths.folder_names_and_paths.get(FOLDER, ([], set()))
    folder_paths.folder_names_and_paths[FOLDER] = ([*known, *([] if own in known else [own])], EXTENSIONS)


def model_files() -> list[str]:
    """The person's files under models/style_atelier, relative and with forward slashes."""
    return [name.replace("\\", "/") for name in folder_paths.get_filename_list(FOLDER)]


def file_stamp(choice: str | None) -> int:
    """When the file of this choice was last changed (ns); 0 for a choice that is no file, or comes over a wire (None)."""
    path = folder_paths.get_full_path(FOLDER, choice) if choice else None
    return Path(path).stat().st_mtime_ns if path else 0


def temporary_file(suffix: str) -> Path:
    """A new empty file in the host's temporary folder, which the host empties when it starts and ends."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(suffix, "style_atelier_", folder)
    os.close(descriptor)
    return Path(name)


class Locator:
    """Finds and downloads files for models.library, and remembers which it gave out."""

    def __init__(self) -> None:
        self.files: list[tuple[Path, int]] = []

    def file(self, name: str) -> Path:
        """A file of the person's under a models/style_atelier folder. Raises ValueError when it is not there."""
        folders = [Path(folder).resolve() for folder in folder_paths.get_folder_paths(FOLDER)]
        for folder in folders:
            path = (folder / name).resolve()
            if path.is_relative_to(folder) and path.is_file():
                return self.remember(path)
        raise ValueError(
            f"There is no file {name!r} under {folders[0]} (links that lead out of it are not followed): put it there, or "
            "choose another entry of the list."
        )

    def fetch(self, spec: FileSpec) -> Path:
        """A published file, downloaded to the first models/style_atelier folder unless one of them has it."""
        folders = [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
        present = next((folder for folder in folders if (folder / spec.path).is_file()), None)
        progress = fetch_progress(f"{'downloading' if present is None else 'checking'} {spec.path}")
        return self.remember(fetch(spec, present or folders[0], load_catalogue().hosts, settings_from_environment(), progress))

    def find(self, spec: FileSpec) -> Path | None:
        """A published file that one of the models/style_atelier folders has already, or None."""
        places = (Path(folder) / spec.path for folder in folder_paths.get_folder_paths(FOLDER))
        present = next((path for path in places if path.is_file()), None)
        return None if present is None else self.remember(present)

    def remember(self, path: Path) -> Path:
        """Note the file's time, so that a changed file is read again."""
        self.files.append((path, path.stat().st_mtime_ns))
        return path


# Networks


def load(kind: str, choice: str, loader: Callable[[str, Locator], Any]) -> Hosted:
    """The model of this choice under the host's memory manager; read once while anything still uses it."""
    found = _loaded.get((kind, choice))
    if found is not None and all(path.is_file() and path.stat().st_mtime_ns == then for path, then in found.files):
        return found
    locator = Locator()
    model = loader(choice, locator)
    hosted = Hosted(model, patcher_for(model.module), tuple(locator.files))
    _loaded[kind, choice] = hosted
    return hosted


def patcher_for(module: nn.Module) -> Any:
    """The host's patcher around a network. Looked up at call time: the host replaces the class on some machines."""
    patcher = comfy.model_patcher.CoreModelPatcher
    return patcher(module, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device())


@contextmanager
def on_device(hosted: Hosted, memory: float) -> Iterator[torch.device]:
    """The network on its device with `memory` bytes free beside it; every layer looks for the person's interrupt.

    For a look at the page's wish, every layer asks whether it is still wanted instead.
    """
    mm.load_models_gpu([hosted.patcher], memory_required=memory, force_full_load=True)
    hosted.model.module.to(hosted.patcher.load_device)  # where the host saves graphics memory it leaves plain layers behind
    leaves = [m for m in hosted.model.module.modules() if next(m.children(), None) is None]
    hooks = [leaf.register_forward_pre_hook(_glance.get() or stop_if_asked) for leaf in leaves]
    try:
        yield hosted.patcher.load_device
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def glancing(wanted: Callable[..., None]) -> Iterator[None]:
    """For a look outside of a run: nothing is shown on nodes, and `wanted` raises at a layer when the result is not any more."""
    token = _glance.set(wanted)
    try:
        yield
    finally:
        _glance.reset(token)


Interrupted = mm.InterruptProcessingException  # what `stop_if_asked` raises


def compute_device() -> torch.device:
    """Where the host computes."""
    return mm.get_torch_device()


def free_memory() -> float:
    """Bytes that are free there."""
    return mm.get_free_memory(mm.get_torch_device())


def stop_if_asked(*_: object) -> None:
    """Raise the host's interrupt when the person pressed stop."""
    mm.throw_exception_if_processing_interrupted()


def to_wire(x: Tensor) -> Tensor:
    """A tensor on the device and in the dtype in which results travel between nodes."""
    return x.to(mm.intermediate_device())


def wire_format() -> tuple[torch.device, torch.dtype]:
    """Device and dtype of an IMAGE between nodes."""
    return mm.intermediate_device(), mm.intermediate_dtype()


def compute(work: Callable[[torch.device], Result], memory: float) -> Result:
    """Do work that needs no network on the graphics card, or without it when it does not fit there."""
    device = mm.get_torch_device()
    mm.free_memory(memory, device)
    try:
        return work(device)
    except Exception as error:
        raise_unless_out_of_memory(error)
    mm.soft_empty_cache()
    return work(torch.device("cpu"))


# Memory


def pieces(
    size: tuple[int, int],
    batch: int,
    bytes_per_pixel: float,
    budget: float,
    work: Callable[[int, int], Result],
    resident: float = 0.0,
) -> Result:
    """Call work(pictures at once, side of tiles or 0) so that it stays in the budget; smaller when memory runs out.

    size: height and width of the largest picture. budget: GiB, 0 for a share of what is free. resident: bytes per pixel of the
    whole picture that tiles cannot save. The plan is shown on the node.
    """
    height, width = size
    limit = budget * GIB or automatic_budget(mm.get_torch_device())
    together = int(min(max(limit // (bytes_per_pixel * height * width), 1), PICTURES_AT_ONCE, batch))
    tile = tile_for_budget(height, width, 1, bytes_per_pixel, int(limit))
    if tile and resident:
        tile = tile_for_budget(height, width, 1, bytes_per_pixel, int(max(limit - resident * height * width, 0)))
    while True:
        show(describe(size, together, tile, bytes_per_pixel, resident))
        try:
            return work(together, tile)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if 0 < tile <= SMALLEST_TILE:
            raise ValueError(
                f"There is not enough memory for a picture of {width}x{height} pixels even in the smallest tiles: "
                "make the picture smaller, or close what else uses the memory."
            )
        together, tile = 1, max(SMALLEST_TILE, (tile or max(height, width)) // 2 // 32 * 32)
        mm.soft_empty_cache()
        log.warning("Out of memory: trying again with tiles of %d px.", tile)


def smaller_tiles(longest: int, tile: int, work: Callable[[int], Result]) -> Result:
    """Call work(side of tiles, 0 for the whole picture of that longer side); again with smaller ones when memory runs out."""
    while True:
        try:
            return work(tile)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if 0 < tile <= SMALLEST_TILE:
            raise ValueError(
                "There is not enough memory for this picture even in the smallest tiles: make it smaller, or close what else "
                "uses the memory."
            )
        tile = max(SMALLEST_TILE, (tile or longest) // 2 // 32 * 32)
        mm.soft_empty_cache()
        log.warning("Out of memory: trying again with tiles of %d px.", tile)


def pictures_at_once(size: tuple[int, int], batch: int, bytes_per_pixel: float, work: Callable[[int], Result]) -> Result:
    """`pieces` for networks that make whole pictures of one size: never tiles, fewer at once when memory runs out."""
    height, width = size
    limit = automatic_budget(mm.get_torch_device())
    together = int(min(max(limit // (bytes_per_pixel * height * width), 1), PICTURES_AT_ONCE, batch))
    while True:
        show(describe(size, together, 0, bytes_per_pixel))
        try:
            return work(together)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if together == 1:
            raise ValueError(
                f"There is not enough memory for one picture of {width}x{height} pixels: close what else uses the memory."
            )
        together = max(together // 2, 1)
        mm.soft_empty_cache()


def automatic_budget(device: torch.device) -> float:
    """Bytes that one piece of work may take when the person sets no limit."""
    free = mm.get_free_memory(device) * SHARE_OF_FREE_MEMORY
    # On the processor one layer over a whole large picture would keep a person who presses stop waiting for seconds.
    return min(free, LARGEST_PIECE_ON_CPU) if device.type == "cpu" else free


def piece_memory(size: tuple[int, int], together: int, tile: int, bytes_per_pixel: float, resident: float = 0.0) -> float:
    """Bytes that one piece of work takes. resident: bytes per pixel of the whole picture that tiles cannot save."""
    height, width = size
    if not tile:
        return together * bytes_per_pixel * height * width
    return together * bytes_per_pixel * min(height, tile) * min(width, tile) + resident * height * width


def describe(size: tuple[int, int], together: int, tile: int, bytes_per_pixel: float, resident: float = 0.0) -> str:
    """The plan in words: "6 tiles of 1024 px, about 1.9 GiB"."""
    height, width = size
    memory = piece_memory(size, together, tile, bytes_per_pixel, resident)
    amount = f"about {memory / GIB:.1f} GiB" if memory >= 0.1 * GIB else f"about {max(memory / MIB, 1):.0f} MiB"
    if tile:
        return f"{-(-height // tile) * -(-width // tile)} tiles of {tile} px, {amount}"
    return f"{together} pictures at a time, {amount}" if together > 1 else f"the whole picture at once, {amount}"


def raise_unless_out_of_memory(error: Exception) -> None:
    """Pass on every error but a lack of memory, of the graphics card or of the computer."""
    if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
        mm.raise_non_oom(error)


# What the person sees


def blocker(reason: str) -> Any:
    """In place of an output's value: nodes that need it do not run, and the person reads why. None on the embedded host."""
    blocks = sys.modules.get("comfy_execution.graph_utils")
    return None if blocks is None else blocks.ExecutionBlocker(reason)


def show(text: str) -> None:
    """Write a line on the node that runs (and in the log); without a server, only in the log."""
    if _glance.get():
        return
    log.info(text)
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is not None and server.last_node_id is not None:
        server.send_progress_text(text, server.last_node_id)


class Watch:
    """Progress over `parts` parts of work; hand `part(i)` to the i-th."""

    def __init__(self, parts: int = 1) -> None:
        self.parts = parts
        self.bar = comfy.utils.ProgressBar(parts * STEPS)
        self.previewed = 0.0

    def part(self, index: int) -> Progress:
        """The progress callback of one part: moves the bar, shows a preview now and then, raises on interrupt."""

        def report(done: int, total: int, preview: Tensor | None = None) -> None:
            wanted = _glance.get()
            if wanted:
                return wanted()
            mm.throw_exception_if_processing_interrupted()
            finished = index == self.parts - 1 and done == total
            due = finished or time.monotonic() - self.previewed > SECONDS_BETWEEN_REPORTS
            picture = None
            if preview is not None and due:
                self.previewed = time.monotonic()
                picture = ("JPEG", preview_picture(preview), PREVIEW_SIDE)
            self.bar.update_absolute(index * STEPS + done * STEPS // total, self.parts * STEPS, picture)

        return report


def preview_picture(preview: Tensor) -> Image.Image:
    """A preview [1, 3, h, w] in 0..1, small already, as the host takes it."""
    pixels = preview[0].detach().float().mul(255).byte()
    return Image.fromarray(pixels.movedim(0, -1).contiguous().cpu().numpy())


def fetch_progress(what: str) -> Callable[[int, int | None], None]:
    """Progress of `what` ("downloading NAME") on the node: a bar, and a line with the amount. Raises on interrupt."""
    bar = comfy.utils.ProgressBar(1)
    last_time, last_amount = 0.0, -1

    def report(done: int, total: int | None) -> None:
        nonlocal last_time, last_amount
        wanted = _glance.get()
        if wanted:
            return wanted()
        mm.throw_exception_if_processing_interrupted()
        if total:
            bar.update_absolute(done, total)
        if time.monotonic() - last_time > SECONDS_BETWEEN_REPORTS and done != last_amount:
            last_time, last_amount = time.monotonic(), done
            show(f"{what}: {done / MIB:.1f}{f' of {total / MIB:.1f}' if total else ''} MiB")

    return report
