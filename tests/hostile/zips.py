"""Zip archives byte by byte, so that each of their fields can lie."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Part:
    """A member, with what its local header and its directory entry say when that is not the truth."""

    name: str
    content: bytes
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    listed: bool = True
    written: bool = True
    gap: bytes = b""


def archive(
    parts: list[Part], comment: bytes = b"", end: dict[str, Any] | None = None, before_end: bytes = b"", start: bytes = b""
) -> bytes:
    """The archive of these parts. end: what the end record says instead; before_end: bytes between directory and end."""
    out, directory, count = start, b"", 0
    for part in parts:
        facts: dict[str, Any] = {
            "name": part.name.encode(),
            "crc": zlib.crc32(part.content),
            "size": len(part.content),
            "packed": len(part.content),
            "method": 0,
            "flags": 0,
            "extra": b"",
        }
        at = len(out)
        if part.written:
            here = facts | part.local
            numbers = (20, here["flags"], here["method"], 0, 33, here["crc"], here["packed"], here["size"])
            out += struct.pack("<4s5H3I2H", b"PK\x03\x04", *numbers, len(here["name"]), len(here["extra"]))
            out += here["name"] + here["extra"] + part.content + part.gap
        if part.listed:
            there = {"at": at, "comment": b""} | facts | part.central
            numbers = (20, 20, there["flags"], there["method"], 0, 33, there["crc"], there["packed"], there["size"])
            lengths = (len(there["name"]), len(there["extra"]), len(there["comment"]))
            directory += struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *numbers, *lengths, 0, 0, 0, there["at"])
            directory += there["name"] + there["extra"] + there["comment"]
            count += 1
    said = {"count": count, "here": count, "size": len(directory), "at": len(out), "disk": 0} | (end or {})
    counts = (said["disk"], said["disk"], said["here"], said["count"])
    record = struct.pack("<4s4H2IH", b"PK\x05\x06", *counts, said["size"], said["at"], len(comment))
    return out + directory + before_end + record + comment


class Storage:
    """Stands in a pickle for a storage that lies elsewhere in the archive."""

    def __init__(self, kind: str = "FloatStorage", key: str = "0", count: int = 4) -> None:
        self.id = ("storage", getattr(torch, kind), key, "cpu", count)


class Writer(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.id if isinstance(obj, Storage) else None


class Rebuilt:
    """A tensor as torch.save writes it, with whatever offset, size and stride."""

    def __init__(
        self, storage: Storage, size: Any = (4,), stride: Any = (1,), offset: Any = 0, function: str = "_rebuild_tensor_v2"
    ) -> None:
        self.how = getattr(torch._utils, function), (storage, offset, size, stride, False, {})

    def __reduce__(self) -> Any:
        return self.how


def index(content: Any) -> bytes:
    """A data.pkl."""
    buffer = io.BytesIO()
    Writer(buffer, 2).dump(content)
    return buffer.getvalue()


def parts(content: Any = None, storages: dict[str, bytes] | None = None) -> list[Part]:
    """The members of a sound checkpoint of one tensor, or of `content`."""
    content = {"w": Rebuilt(Storage())} if content is None else content
    storages = {"0": struct.pack("<4f", 1, 2, 3, 4)} if storages is None else storages
    made = [Part("archive/data.pkl", index(content)), Part("archive/version", b"3\n")]
    return [*made, *(Part(f"archive/data/{key}", data) for key, data in storages.items())]
