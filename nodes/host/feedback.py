"""What the person sees of work under way, and how it hears that it is to stop."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import Any

import comfy.model_management as mm
import comfy.utils
from PIL import Image
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...models.progress import Progress
from ...models.weights.words import shown

PREVIEW_SIDE = 512
SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_BETWEEN_LOOKS = 0.05
STEPS = 1000  # of the bar, for each part of the work
STEEPEST = 256  # the longer side of a preview over the shorter one
LONGEST_LINE = 400
MIB = 1024**2

log = logging.getLogger("style_atelier")
# Set while the page looks at nodes outside of a run: called by every layer, it raises when the page wants something else.
_glance: ContextVar[Callable[..., None] | None] = ContextVar("glance", default=None)
Interrupted = mm.InterruptProcessingException  # what `stop_if_asked` raises
STOPPED_CLIP = "Stopped after {done} of about {frames} frames. Keep this takes the clip as far as it is; Run begins anew."
_keep: str | None = None  # the node whose "Keep this" was pressed


class Kept(BaseException):
    """The person takes what there is for the result. Not an Exception, so that nothing on the way takes it for a fault."""


def keep(node: str | None) -> None:
    """The person pressed "Keep this" on a node, by its number on the page; None takes it back."""
    global _keep
    _keep = node


def asked_to_keep() -> bool:
    """Whether "Keep this" was pressed on the node that runs; asked once, it is answered."""
    if _keep is None or running_node().rpartition(":")[2] != _keep:
        return False
    keep(None)
    return True


def same_inputs(before: Any, now: Any) -> bool:
    """Whether a node is given the same again: the host hands on the very objects that it has kept."""
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(same_inputs(before[key], now[key]) for key in before)
    return before is now or (isinstance(before, (int, float, str)) and before == now)


def running_node() -> str:
    """The number of the node that runs, with those of the subgraphs around it before it; empty without a server."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return str(getattr(server, "last_node_id", None) or "")


@contextmanager
def glancing(wanted: Callable[..., None]) -> Iterator[None]:
    """For a look outside of a run: nothing is shown on nodes, and `wanted` raises at a layer when the result is not any more."""
    token = _glance.set(wanted)
    try:
        yield
    finally:
        _glance.reset(token)


def stop_if_asked(*_: object) -> None:
    """Raise the host's interrupt when the person pressed stop."""
    mm.throw_exception_if_processing_interrupted()


def every_layer() -> Callable[..., None]:
    """What each layer calls before it works; it raises when the person pressed stop, or the page wants something else."""
    return _glance.get() or stop_if_asked


class Interruptible(TorchFunctionMode):
    """Within it every call into PyTorch looks for the person's stop now and then: for work that is no network's."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = time.monotonic()
        self._look = every_layer()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        now = time.monotonic()
        if now - self._looked > SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._look()
        return func(*args, **(kwargs or {}))


def blocker(reason: str) -> Any:
    """In place of an output's value: nodes that need it do not run, and the person reads why. None on the embedded host."""
    blocks = sys.modules.get("comfy_execution.graph_utils")
    return None if blocks is None else blocks.ExecutionBlocker(reason)


def show(text: str) -> None:
    """Write a line on the node that runs (and in the log); without a server, only in the log."""
    if _glance.get():
        return
    text = shown(text, LONGEST_LINE)
    log.info("Style Atelier: %s", text)
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is not None and server.last_node_id is not None:
        server.send_progress_text(text, server.last_node_id)


def warn_of_compiling() -> None:
    """Say on the node what compiling costs where it brings little."""
    if mm.get_torch_device().type == "cpu":
        show("torch_compile: on a processor compiling takes minutes for each size and gains little; off is quicker here.")


class Bar:
    """The node's bar. All that goes to the host is made sound here: an error in its sender would end the host's process."""

    def __init__(self, total: int) -> None:
        self.bar = comfy.utils.ProgressBar(max(total, 1))

    def move(self, done: float, total: float, preview: Tensor | None = None) -> None:
        """Show that `done` of `total` is done, with a preview [1, C, h, w] in 0..1, or none."""
        total = max(int(total), 1) if isfinite(total) else 1
        done = min(max(int(done), 0), total) if isfinite(done) else 0
        self.bar.update_absolute(done, total, None if preview is None else preview_for_host(preview))


def preview_for_host(preview: Tensor) -> tuple[str, Image.Image, int] | None:
    """A preview as the host takes it; None for what is no picture."""
    try:
        return ("JPEG", preview_picture(preview), PREVIEW_SIDE)
    except (ValueError, TypeError, RuntimeError, IndexError, MemoryError):
        log.warning("A preview of the shape %s cannot be shown.", tuple(preview.shape))
        return None


class Watch:
    """Progress over `parts` parts of work; hand `part(i)` to the i-th. keepable: it raises Kept when the person asks for that."""

    def __init__(self, parts: int = 1, keepable: bool = False) -> None:
        self.parts, self.keepable = parts, keepable
        self.bar = Bar(parts * STEPS)
        self.previewed = 0.0

    def part(self, index: int) -> Progress:
        """The progress callback of one part: moves the bar, shows a preview now and then, raises on interrupt."""

        def report(done: int, total: int, preview: Tensor | None = None) -> None:
            wanted = _glance.get()
            if wanted:
                return wanted()
            mm.throw_exception_if_processing_interrupted()
            if self.keepable and asked_to_keep():
                raise Kept
            finished = index == self.parts - 1 and done == total
            due = finished or time.monotonic() - self.previewed > SECONDS_BETWEEN_REPORTS
            if preview is not None and due:
                self.previewed = time.monotonic()
            self.bar.move(index * STEPS + done * STEPS / max(total, 1), self.parts * STEPS, preview if due else None)

        return report


def preview_picture(preview: Tensor) -> Image.Image:
    """A preview [1, C, h, w] in 0..1, small already, as an RGB picture whose sides the host can fit into a square.

    The host scales the longer side to 512 and rounds the other: of a picture a thousand times as wide as high nothing would stay.
    """
    pixels = preview[0, :3].detach().float().nan_to_num(0).clamp(0, 1).mul(255).byte()
    pixels = pixels if len(pixels) == 3 else pixels[:1].expand(3, -1, -1)
    picture = Image.fromarray(pixels.movedim(0, -1).contiguous().cpu().numpy())
    width, height = picture.size
    least = -(-max(width, height) // STEEPEST)
    return picture.resize((max(width, least), max(height, least))) if min(width, height) < least else picture


def fetch_progress(what: str) -> Callable[[int, int | None], None]:
    """Progress of `what` ("downloading NAME") on the node: a bar, and a line with the amount. Raises on interrupt."""
    bar = Bar(1)
    last_time, last_amount = 0.0, -1

    def report(done: int, total: int | None) -> None:
        nonlocal last_time, last_amount
        wanted = _glance.get()
        if wanted:
            return wanted()
        mm.throw_exception_if_processing_interrupted()
        if total:
            bar.move(done, total)
        if time.monotonic() - last_time > SECONDS_BETWEEN_REPORTS and done != last_amount:
            last_time, last_amount = time.monotonic(), done
            show(f"{what}: {done / MIB:.1f}{f' of {total / MIB:.1f}' if total else ''} MiB")

    return report
