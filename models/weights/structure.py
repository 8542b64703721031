"""Whether what a server sent can be the file at all: the look inside where no published hash tells."""

from __future__ import annotations

from pathlib import Path

from .errors import CheckpointError
from .files import open_plain

LONGEST_START = 512
ZIP, SAFETENSORS, PICKLE = b"PK\x03\x04", b"{", b"\x80"


def check_structure(path: Path, name: str) -> None:
    """CheckpointError for a file that is empty, a text, or an archive that is not whole. name: the one that it is to get.

    What is no form of checkpoint that is known passes: the caller knows more of what it should be.
    """
    with open_plain(path) as file:
        start = file.read(LONGEST_START)
    if not start:
        raise CheckpointError(f"{name} is empty; download it again.")
    if _is_text(start) and not name.endswith((".json", ".txt")):
        raise CheckpointError(f"{name} is a text and no weights; download it again.")
    if start.startswith((ZIP, PICKLE)) or start[8:9] == SAFETENSORS or name.endswith(".onnx"):
        try:
            from .readers import read_checkpoint
        except ImportError:  # the Python that prefetches may be without torch
            return
        read_checkpoint(path)


def _is_text(start: bytes) -> bool:
    """Whether the file begins with nothing but letters: an error in JSON, a notice, a list."""
    try:
        text = start.decode("utf-8", "ignore" if len(start) == LONGEST_START else "strict")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(letter.isprintable() or letter in "\r\n\t\ufeff" for letter in text)
