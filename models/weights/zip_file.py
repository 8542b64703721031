"""Reads the zip archives in which PyTorch keeps checkpoints, and only those that can be read in one way.

Two readers of zip files may see two archives in one file: where the directory lies, whether a name occurs twice, what a local
header says against the directory. So an archive is accepted only in the form that a writer gives it: uncompressed members one
behind the other from the first byte, each header equal to its entry in the directory, then the directory, then its end, and
nothing between or behind. Format: PKWARE's APPNOTE.TXT 4.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

from .budget import Budget

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
END, END64, LOCATOR64, DESCRIPTOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END_RECORD = struct.Struct("<4s4H2IH")
END64_RECORD = struct.Struct("<4sQ2H2I4Q")
LOCATOR_RECORD = struct.Struct("<4sIQI")
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF  # the number is in the 64-bit field
STORED = 0
HAS_DESCRIPTOR, UTF8 = 1 << 3, 1 << 11
ZIP64 = 1  # id of an extra field
MOST_MEMBERS = 60_000
LONGEST_NAME = 512
CHUNK = 1 << 24


class Packed(ValueError):
    """A member is compressed or encrypted, which PyTorch never does: it may be a few bytes that unpack to a full memory."""


@dataclass(frozen=True)
class Member:
    """A file in the archive, with the fields of its directory entry."""

    name: str
    flags: int
    crc: int
    size: int
    at: int  # of its local header
    packed: bool


@dataclass(frozen=True)
class Archive:
    """What the directory lists, and the byte at which it begins."""

    members: tuple[Member, ...]
    end: int


def read_directory(data: memoryview, budget: Budget) -> Archive:
    """The directory of the archive. ValueError in a few words when it is not where and as a writer leaves it."""
    start, size, count, end = _directory(data)
    if count > MOST_MEMBERS:
        raise ValueError("it has too many parts")
    members: list[Member] = []
    at = start
    for _ in range(count):
        budget.take_items(4)
        member, at = _entry(data, at, start + size)
        members.append(member)
    if at != start + size or start + size != end:
        raise ValueError("its directory does not end where it should")
    return Archive(tuple(members), start)


def read_members(data: memoryview, archive: Archive, budget: Budget) -> dict[str, memoryview]:
    """The archive's files by name, each a slice of `data`, with their checksums checked. Packed, or ValueError in a few words."""
    packed = next((member.name for member in archive.members if member.packed), None)
    if packed is not None:
        raise Packed(f"{packed[:80]!r} is compressed or encrypted")
    found: dict[str, memoryview] = {}
    reached = 0
    for member in sorted(archive.members, key=lambda m: m.at):
        if member.at != reached:
            raise ValueError("its parts overlap or leave gaps")
        content, reached = _content(data, member, archive.end)
        if member.name in found:
            raise ValueError("two of its parts have one name")
        found[member.name] = content
        _check_sum(member, content, budget)
    if reached != archive.end:
        raise ValueError("its parts overlap or leave gaps")
    return found


def _directory(data: memoryview) -> tuple[int, int, int, int]:
    """(offset, size, entries) of the directory, and where it has to end."""
    at = len(data) - END_RECORD.size
    if at < 0 or data[at : at + 4] != END:
        raise ValueError("it does not end as an archive does")
    _, disk, first, here, count, size, start, comment = END_RECORD.unpack_from(data, at)
    if (disk, first, comment) != (0, 0, 0) or here != count:
        raise ValueError("it is in several pieces or has a comment")
    locator = at - LOCATOR_RECORD.size
    if locator < 0 or data[locator : locator + 4] != LOCATOR64:
        if FULL32 in (size, start) or count == FULL16:
            raise ValueError("its directory is not stated")
        return start, size, count, at
    _, disk, record, disks = LOCATOR_RECORD.unpack_from(data, locator)
    if record != locator - END64_RECORD.size or data[record : record + 4] != END64 or (disk, disks) != (0, 1):
        raise ValueError("its end is not where it should be")
    _, length, _, _, disk, first, here64, count64, size64, start64 = END64_RECORD.unpack_from(data, record)
    if length != END64_RECORD.size - 12 or (disk, first) != (0, 0) or here64 != count64:
        raise ValueError("its end is not as it should be")
    if count not in (count64, FULL16) or size not in (size64, FULL32) or start not in (start64, FULL32):
        raise ValueError("its two ends name two directories")
    return start64, size64, count64, record


def _entry(data: memoryview, at: int, end: int) -> tuple[Member, int]:
    """A directory entry, and where the next one begins."""
    if at + CENTRAL_HEADER.size > end or data[at : at + 4] != CENTRAL:
        raise ValueError("its directory is damaged")
    _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment, disk, _, _, local = (
        CENTRAL_HEADER.unpack_from(data, at)
    )
    at += CENTRAL_HEADER.size
    name = _name(data[at : at + name_length])
    extra = data[at + name_length : at + name_length + extra_length]
    at += name_length + extra_length
    if at > end or comment or disk:
        raise ValueError("its directory is damaged")
    wide = [size, packed, local]
    needed = [i for i, number in enumerate(wide) if number == FULL32]
    sixty_four = _extra64(extra, len(needed))
    for i, number in zip(needed, sixty_four, strict=True):
        wide[i] = number
    compressed = method != STORED or bool(flags & ~(HAS_DESCRIPTOR | UTF8)) or wide[0] != wide[1]
    return Member(name, flags, crc, wide[0], wide[2], compressed), at


def _content(data: memoryview, member: Member, end: int) -> tuple[memoryview, int]:
    """A member's bytes, and where what follows it begins; its own header has to say what the directory says."""
    at = member.at
    if at + LOCAL_HEADER.size > end or data[at : at + 4] != LOCAL:
        raise ValueError("a part has no header")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = LOCAL_HEADER.unpack_from(data, at)
    at += LOCAL_HEADER.size
    name, extra = data[at : at + name_length], data[at + name_length : at + name_length + extra_length]
    at += name_length + extra_length
    if at > end or _name(name) != member.name or (flags, method) != (member.flags, STORED):
        raise ValueError("a part's header and the directory differ")
    wide = [size, packed]
    needed = [i for i, number in enumerate(wide) if number == FULL32]
    for i, number in zip(needed, _extra64(extra, len(needed)), strict=True):
        wide[i] = number
    later = bool(flags & HAS_DESCRIPTOR)  # the header may leave sizes and checksum to the descriptor behind the bytes
    if not all(number == member.size or (later and number == 0) for number in wide):
        raise ValueError("a part's header and the directory differ")
    if crc != member.crc and not (later and crc == 0):
        raise ValueError("a part's header and the directory differ")
    content, at = data[at : at + member.size], at + member.size
    if at > end:
        raise ValueError("a part reaches beyond its end")
    if later:
        at = _after_descriptor(data, at, member)
    return content, at


def _after_descriptor(data: memoryview, at: int, member: Member) -> int:
    """Where a descriptor ends; its numbers are of 64 bits for large members, and for all of some writers."""
    for form in ("<4sI2Q", "<4s3I"):
        if at + struct.calcsize(form) <= len(data):
            mark, crc, packed, size = struct.unpack_from(form, data, at)
            if (mark, crc, packed, size) == (DESCRIPTOR, member.crc, member.size, member.size):
                return at + struct.calcsize(form)
    raise ValueError("a part's end and the directory differ")


def _extra64(extra: memoryview, wanted: int) -> list[int]:
    """The 64-bit numbers among extra fields. Other fields are passed over: PyTorch fills with them up to an even address."""
    found: list[int] | None = None
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4
        if at + length > len(extra):
            break
        if kind == ZIP64:
            if found is not None or length % 8:
                raise ValueError("an extra field is damaged")
            found = list(struct.unpack_from(f"<{length // 8}Q", extra, at))
        at += length
    if at != len(extra):
        raise ValueError("an extra field is damaged")
    if len(found or []) < wanted:
        raise ValueError("a size is not stated")
    return (found or [])[:wanted]


def _name(raw: memoryview) -> str:
    if not 0 < len(raw) <= LONGEST_NAME:
        raise ValueError("a part has no name, or one that is too long")
    try:
        name = str(raw, "utf-8")
    except UnicodeDecodeError:
        raise ValueError("a part's name is no text") from None
    if not name.isprintable() or "\\" in name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError("a part's name is no plain name")
    return name


def _check_sum(member: Member, content: memoryview, budget: Budget) -> None:
    value = 0
    for at in range(0, len(content), CHUNK):
        value = crc32(content[at : at + CHUNK], value)
        budget.take_time()
    if value != member.crc:
        raise ValueError(f"the checksum of {member.name[:80]!r} does not fit")
