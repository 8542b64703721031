"""Archives that two readers of zip files would read in two ways are refused, whatever either of them would find."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from style_atelier.models.weights.readers import read_checkpoint
from style_atelier.tests.hostile.harness import fault
from style_atelier.tests.hostile.zips import Part, Rebuilt, Storage, archive, parts

GOOD = parts()


def with_part(position: int, **changes: Any) -> list[Part]:
    made = parts()
    for key, value in changes.items():
        setattr(made[position], key, value)
    return made


class Runs:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.canary}'",)


def two_directories(first: list[Part], second: list[Part]) -> bytes:
    """Two archives in one file: the directory before the end is the second's, the stated offset leads to the first's."""
    one, two = archive(first), archive(second)
    offset = struct.unpack_from("<I", one, len(one) - 6)[0]
    return one + two[:-6] + struct.pack("<IH", offset, 0)


def lies() -> dict[str, Callable[[Path], bytes]]:
    crc = zlib.crc32(b"other")
    script = [*parts(), Part("archive/constants.pkl", b"\x80\x02N."), Part("archive/code/x.py", b"raise SystemExit")]
    made: dict[str, Callable[[Path], bytes]] = {
        "a script behind": lambda _: two_directories(parts(), script),
        "a script before": lambda _: two_directories(script, parts()),
        "code behind": lambda c: two_directories(parts(), parts({"w": Runs(c)})),
        "code before": lambda c: two_directories(parts({"w": Runs(c)}), parts()),
        "code": lambda c: archive(parts({"w": Rebuilt(Storage()), "x": Runs(c)})),
        "in front of it": lambda _: archive(parts(), start=b"MZ" + bytes(62)),
        "an archive in front": lambda _: archive(script) + archive(parts()),
        "an archive behind": lambda _: archive(parts()) + archive(script),
        "a comment": lambda _: archive(parts(), comment=b"PK\x05\x06" + bytes(18)),
        "a comment that is an end": lambda _: archive(parts(), comment=archive(script)[-22:]),
        "bytes before the end": lambda _: archive(parts(), before_end=b"PK\x01\x02" + bytes(46)),
        "another count": lambda _: archive(parts(), end={"count": 2, "here": 2}),
        "more than there are": lambda _: archive(parts(), end={"count": 60000, "here": 60000}),
        "here and in all": lambda _: archive(parts(), end={"here": 1}),
        "another disk": lambda _: archive(parts(), end={"disk": 1}),
        "no directory": lambda _: archive(parts(), end={"size": 0, "count": 0, "here": 0}),
        "a directory elsewhere": lambda _: archive(parts(), end={"at": 7}),
        "64 bits that are not there": lambda _: archive(parts(), end={"at": 0xFFFFFFFF}),
        "a part twice": lambda _: archive([*parts(), parts()[2]]),
        "an index twice": lambda c: archive([*parts(), parts({"w": Runs(c)})[0]]),
        "an unlisted part": lambda _: archive(with_part(1, listed=False)),
        "a listed part that is not there": lambda _: archive(with_part(1, written=False)),
        "a gap": lambda _: archive(with_part(1, gap=b"hidden")),
        "overlap": lambda _: archive(with_part(2, central={"at": 0})),
        "an offset beyond": lambda _: archive(with_part(2, central={"at": 1 << 30})),
        "a compressed part": lambda _: archive(with_part(2, central={"method": 8}, local={"method": 8})),
        "an encrypted part": lambda _: archive(with_part(2, central={"flags": 1}, local={"flags": 1})),
        "a wrong checksum": lambda _: archive(with_part(2, central={"crc": crc}, local={"crc": crc})),
        "a wrong checksum of the index": lambda _: archive(with_part(0, central={"crc": crc}, local={"crc": crc})),
        "packed and not": lambda _: archive(with_part(2, central={"packed": 8}, local={"packed": 8})),
        "a longer part": lambda _: archive(with_part(2, central={"size": 64, "packed": 64}, local={"size": 64, "packed": 64})),
        "a path": lambda _: archive(with_part(2, local={"name": b"archive/../x"}, central={"name": b"archive/../x"})),
        "a part of another folder": lambda _: archive([*parts(), Part("other/data/1", b"1234")]),
        "no text for a name": lambda _: archive(with_part(2, local={"name": b"\xff\xfe"}, central={"name": b"\xff\xfe"})),
        "a zero in a name": lambda _: archive(with_part(2, local={"name": b"archive/\0"}, central={"name": b"archive/\0"})),
        "a descriptor that is not there": lambda _: archive(with_part(2, local={"flags": 8}, central={"flags": 8})),
    }
    for place in ("local", "central"):
        for key, value in (
            ("crc", crc),
            ("size", 15),
            ("packed", 15),
            ("flags", 2048),
            ("method", 8),
            ("name", b"archive/data/1"),
        ):
            made[f"{key} of the {place} header alone"] = lambda _, p=place, k=key, v=value: archive(with_part(2, **{p: {k: v}}))
    return made


LIES = lies()


def storages() -> dict[str, bytes]:
    number = struct.pack("<4f", 1, 2, 3, 4)

    def one(content: Any, **kept: bytes) -> bytes:
        return archive(parts(content, {"0": number, **kept}))

    plain = Rebuilt(Storage())
    return {
        "a storage that is missing": one({"w": Rebuilt(Storage(key="7"))}),
        "a storage longer than its bytes": one({"w": Rebuilt(Storage(count=400), (400,))}),
        "a storage shorter than its bytes": one({"w": Rebuilt(Storage(count=2), (2,))}),
        "a storage of no length": one({"w": Rebuilt(Storage(count=0), (1,))}),
        "a storage of two kinds": one({"v": plain, "w": Rebuilt(Storage("IntStorage"))}),
        "a path for a key": one({"w": Rebuilt(Storage(key="../data/0"))}),
        "a number for a key": one({"w": Rebuilt(Storage(key=0))}),  # type: ignore[arg-type]
        "truth for a count": one({"w": Rebuilt(Storage(count=True))}),
        "negative size": one({"w": Rebuilt(Storage(), (-4,))}),
        "negative stride": one({"w": Rebuilt(Storage(), (4,), (-1,))}),
        "negative offset": one({"w": Rebuilt(Storage(), (1,), (1,), -1)}),
        "beyond its end": one({"w": Rebuilt(Storage(), (4,), (1,), 1)}),
        "a stride beyond its end": one({"w": Rebuilt(Storage(), (2,), (1 << 40,))}),
        "a size of text": one({"w": Rebuilt(Storage(), ("4",), (1,))}),
        "more sizes than strides": one({"w": Rebuilt(Storage(), (2, 2), (1,))}),
        "complex": archive(parts({"w": Rebuilt(Storage("ComplexFloatStorage", count=2), (2,))}, {"0": number})),
        "not a number": archive(parts({"w": Rebuilt(Storage())}, {"0": struct.pack("<4f", 1, float("nan"), 3, 4)})),
        "infinity": archive(parts({"w": Rebuilt(Storage())}, {"0": struct.pack("<4f", 1, 2, float("inf"), 4)})),
        "both infinities": archive(
            parts({"w": Rebuilt(Storage())}, {"0": struct.pack("<4f", 1, float("-inf"), float("inf"), 4)})
        ),
        "a name with a zero": one({"a\0b": plain}),
        "a name of half a letter": one({"a\ud800": plain}),
        "a name that never ends": one({"w" * 5000: plain}),
        "a name with a line break": one({"a\n\x1b[2Jb": plain}),
    }


STORAGES = storages()


def test_the_writer_here_writes_what_torch_reads() -> None:
    content = archive(GOOD)
    assert torch.load(io.BytesIO(content), weights_only=True)["w"].tolist() == [1, 2, 3, 4]
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_sound_archive_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(archive(GOOD))
    assert read_checkpoint(path).tensors["w"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("name", LIES)
def test_archives_that_lie_are_refused(tmp_path: Path, name: str) -> None:
    canary, path = tmp_path / "ran", tmp_path / "x.pth"
    path.write_bytes(LIES[name](canary))
    assert fault(path, canary) == ""


@pytest.mark.parametrize("name", STORAGES)
def test_tensors_without_their_numbers_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(STORAGES[name])
    assert fault(path) == ""


def legacy(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


@pytest.mark.parametrize("change", ["bytes behind", "a storage less", "another key", "another length"])
def test_streams_of_the_older_form(tmp_path: Path, change: str) -> None:
    whole = legacy({"w": torch.arange(4.0), "v": torch.arange(3.0)})
    made = {
        "bytes behind": whole + b"x",
        "a storage less": whole[:-20],
        "another key": whole[:-40].replace(b"]q\x00(X", b"]q\x00(X", 1)[:-1] + b"\xff" + whole[-40:],
        "another length": whole[:-20] + struct.pack("<q", 2) + whole[-12:],
    }[change]
    path = tmp_path / "x.pth"
    path.write_bytes(made)
    assert fault(path) == ""
