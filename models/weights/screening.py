"""Looks at a checkpoint's first and last bytes before anything reads it: what form it has."""

from __future__ import annotations

import enum
import os
from pathlib import Path

from .errors import CheckpointError
from .files import open_plain
from .onnx import looks_like_onnx
from .outsiders import outsider
from .tf_v1 import is_v1
from .tfjs import is_tfjs
from .torch_file import LEGACY_START
from .transfer import looks_like_html

LONGEST_START = 512
LONGEST_END = 8


class Form(enum.Enum):
    """How a checkpoint is stored."""

    SAFETENSORS = "safetensors"
    ZIP = "zip"
    LEGACY = "legacy"
    PICKLE = "pickle"
    ONNX = "onnx"
    TFJS = "tfjs"
    TENSORFLOW_V1 = "tensorflow v1"


def screen(path: Path) -> Form:
    """The form of the file at `path`, told by its contents; CheckpointError when it has none."""
    try:
        with open_plain(path) as file:
            start = file.read(LONGEST_START)
            file.seek(max(os.fstat(file.fileno()).st_size - LONGEST_END, 0))
            end = file.read(LONGEST_END)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not start:
        raise CheckpointError(f"{path} is empty; download it again.")
    if looks_like_html(start):
        raise CheckpointError(f"{path} is a web page, not weights; download the file itself, not the page that shows it.")
    if start.startswith(b"version https://git-lfs") or b"/annex/objects/" in start:
        raise CheckpointError(
            f"{path} only points to the weights (a Git LFS or annex pointer); fetch the file that it stands for."
        )
    form = _exact_form(start)
    what = None if form else outsider(path, start)
    form = form or (None if what else _likely_form(path, start, end))
    if form is None:
        raise CheckpointError(
            f"{path} is neither safetensors nor a checkpoint of PyTorch, TensorFlow or ONNX"
            + (f", but {what}" if what else "; choose a file of weights.")
        )
    return form


def _exact_form(start: bytes) -> Form | None:
    if start[:4] == b"PK\x03\x04":
        return Form.ZIP
    if start.startswith(LEGACY_START):
        return Form.LEGACY
    if start[8:9] == b"{":
        return Form.SAFETENSORS
    return Form.PICKLE if start[:1] == b"\x80" else None


def _likely_form(path: Path, start: bytes, end: bytes) -> Form | None:
    """Forms of which the first bytes say less: files of other programs are told apart before."""
    if looks_like_onnx(start):
        return Form.ONNX
    if start[:1] == b"{" and is_tfjs(path):
        return Form.TFJS
    return Form.TENSORFLOW_V1 if is_v1(end) else None
