"""Looks at a checkpoint's outside before anything reads it: what form it has, and whether its sizes are possible."""

from __future__ import annotations

import enum
import json
import zipfile
from io import BytesIO
from pathlib import Path
from pickletools import genops
from typing import BinaryIO

from .errors import CheckpointError
from .onnx import looks_like_onnx
from .tf_v1 import is_v1
from .tfjs import is_tfjs
from .transfer import looks_like_html

LARGEST_HEADER = 100_000_000
LARGEST_INDEX = 16 << 20
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PICKLES_BEFORE_TENSORS = 5
INTEGERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4")
# Of these modules torch.load itself admits the few names that are data.
HARMLESS_MODULES = (
    "collections",
    "torch",
    "torch.storage",
    "torch.nn.parameter",
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "_codecs",
)
SETTINGS = ("argparse", "Namespace")
PLAIN_TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state")


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
    """The form of the file at `path`, told by its contents; CheckpointError when it has none or its stated sizes cannot be."""
    try:
        with path.open("rb") as file:
            return _screen(path, file, path.stat().st_size)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error


def _screen(path: Path, file: BinaryIO, size: int) -> Form:
    start = file.read(512)
    if not start:
        raise CheckpointError(f"{path} is empty; download it again.")
    if looks_like_html(start):
        raise CheckpointError(f"{path} is a web page, not weights; download the file itself, not the page that shows it.")
    if start.startswith(b"version https://git-lfs") or b"/annex/objects/" in start:
        raise CheckpointError(
            f"{path} only points to the weights (a Git LFS or annex pointer); fetch the file that it stands for."
        )
    if start[:4] == b"PK\x03\x04":
        _check_zip(path, size)
        return Form.ZIP
    if start.startswith(LEGACY_MAGIC):
        _check_legacy(path, file, size)
        return Form.LEGACY
    if start[8:9] == b"{":
        _check_header(path, file, int.from_bytes(start[:8], "little"), size)
        return Form.SAFETENSORS
    if start[:1] == b"\x80":
        return Form.PICKLE
    if looks_like_onnx(start):
        return Form.ONNX
    if is_tfjs(path):
        return Form.TFJS
    if is_v1(path):
        return Form.TENSORFLOW_V1
    raise CheckpointError(
        f"{path} is neither safetensors nor a checkpoint of PyTorch, TensorFlow or ONNX; choose a file of weights."
    )


def _check_header(path: Path, file: BinaryIO, length: int, size: int) -> None:
    if length > min(LARGEST_HEADER, size - 8):
        raise CheckpointError(f"{path} is cut short or damaged: its header claims {length:,} bytes; download it again.")
    file.seek(8)
    try:
        header = json.loads(file.read(length))
        ends = [int(row["data_offsets"][1]) for name, row in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its header is no list of tensors; download it again.") from error
    if max(ends, default=0) != size - 8 - length:
        raise CheckpointError(
            f"{path} is cut short or damaged: its tensors need {max(ends, default=0) + 8 + length:,} bytes, it has {size:,}."
        )


def _check_zip(path: Path, size: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members, size)
            with archive.open(next(member for member in members if _inner_name(member) == "data.pkl")) as index:
                check_index(path, BytesIO(index.read()), size)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path} is cut short or damaged ({error}); download it again.") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo], size: int) -> None:
    names = [_inner_name(member) for member in members]
    if "constants.pkl" in names:
        raise CheckpointError(
            f"{path} is a TorchScript program, and no code from a checkpoint is ever run; choose a file of tensors."
        )
    if names.count("data.pkl") != 1:
        raise CheckpointError(f"{path} is a zip file but no PyTorch checkpoint; unpack it and choose the file of weights in it.")
    # PyTorch stores without compression: anything else can be a few bytes that unpack to a full memory.
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > size or members[names.index("data.pkl")].file_size > LARGEST_INDEX:
        raise CheckpointError(
            f"{path} would unpack to more than it is (compressed or overlapping parts) and is refused; download it again."
        )


def _inner_name(member: zipfile.ZipInfo) -> str:
    return member.filename.partition("/")[2]


def _check_legacy(path: Path, file: BinaryIO, size: int) -> None:
    file.seek(0)
    # Magic number, protocol, system, the object itself, the list of storages: the data comes after these.
    for _ in range(PICKLES_BEFORE_TENSORS):
        check_index(path, file, size)


def check_index(path: Path, file: BinaryIO, size: int) -> None:
    """Read one pickle's instructions without following them: what it would make, and how long its storages claim to be."""
    number = 0
    words: list[str] = []
    try:
        for operation, argument, _position in genops(file):
            if operation.name in INTEGERS:
                number = int(argument or 0)
            elif isinstance(argument, str) and operation.name != "GLOBAL":
                words.append(argument)
            elif operation.name in ("GLOBAL", "STACK_GLOBAL"):
                # The names of a STACK_GLOBAL may also come out of the memo: then torch.load, which follows it, decides.
                _check_wanted(path, *(argument.split(" ", 1) if argument else words[-2:]))
            elif operation.name == "BINPERSID" and not 0 <= number <= size:
                raise CheckpointError(
                    f"{path} claims a tensor of {number:,} elements, more than the file has bytes; download it again."
                )
    except (ValueError, EOFError, OverflowError, MemoryError, AttributeError) as error:
        raise CheckpointError(f"{path} is cut short or damaged ({str(error)[:120]}); download it again.") from error


def _check_wanted(path: Path, module: str = "", name: str = "") -> None:
    if module in HARMLESS_MODULES or (module, name) == SETTINGS or (module == "torch._utils" and name in PLAIN_TENSORS):
        return
    raise CheckpointError(
        f"{path} holds more than plain tensors ({module}.{name}) and is refused, for no code from a checkpoint is ever run; "
        "choose a file of tensors."
    )
