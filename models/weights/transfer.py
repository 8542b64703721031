"""How an answer of a web server fits a file that is partly here: whether to go on, start again, try later or give up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from .catalogue import FileSpec
from .errors import DownloadError

RETRIED = (408, 425, 429, 500, 502, 503, 504)
LARGEST_FILE = 32 << 30
LARGEST_UNKNOWN = 4 << 30  # of a body whose length is not stated
HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<?xml")


class TryAgain(Exception):
    """The attempt failed in a way that another one may not; `after` is the wait in seconds that the server asks for."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class Unreached(TryAgain):
    """As TryAgain: no connection came about."""


class StartAgain(TryAgain):
    """As TryAgain, and the bytes so far are of no use."""


@dataclass(frozen=True)
class Reply:
    """The head of an answer: its status, headers (names in lower case), and the host that gave it."""

    status: int
    headers: Mapping[str, str]
    host: str

    @property
    def words(self) -> str:
        """The status in the standard's words: the server's own might say anything."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def version(self) -> str | None:
        """What names this version of the file for If-Range: a strong ETag, else the date of its last change."""
        tag = self.headers.get("etag")
        return tag if tag and not tag.startswith("W/") else self.headers.get("last-modified")


@dataclass(frozen=True)
class Plan:
    """How the body of an answer is taken: the offset of its first byte, and the whole file's size where it is known."""

    start: int
    total: int | None


def plan(reply: Reply, start: int, version: str | None, spec: FileSpec, stated: int | None = None) -> Plan:
    """What to do with `reply` when `start` bytes of `version` are here, of a file that was said to have `stated` in all.

    `start` of the plan equals its `total` when nothing is missing. TryAgain, StartAgain: see there; DownloadError: give up on
    this address.
    """
    if reply.status == 416 and start:
        if _range_total(reply) == start and stated in (None, start) and (spec.has_hash or stated == start):
            return Plan(start, start)
        raise StartAgain(f"{reply.host} does not go on from byte {start:,}")
    if reply.status in RETRIED:
        raise TryAgain(f"{reply.host} answers {reply.words}", _retry_after(reply))
    if reply.status not in (200, 206):
        raise DownloadError(f"{reply.host} answers {reply.words}")
    if reply.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")):
        raise web_page(reply.host)
    if reply.headers.get("content-encoding", "identity").lower() != "identity":
        raise DownloadError(f"{reply.host} sends the file in another encoding than was asked for")
    length = _number(reply.headers.get("content-length"))
    if reply.status == 206:
        _check_continues(reply, start, version, length)
    else:
        start = 0
    total = _range_total(reply) if length is None else start + length
    if start and stated is not None and total is not None and total != stated:
        raise StartAgain(f"{reply.host} says {total:,} bytes by now where it said {stated:,}")
    if total == 0:
        raise TryAgain(f"{reply.host} sends an empty file")
    if spec.size is not None and total not in (None, spec.size):
        raise DownloadError(f"{reply.host} has a file of {total:,} bytes where the published one has {spec.size:,}")
    return Plan(start, spec.size if total is None else total)


def web_page(host: str) -> DownloadError:
    """The error for a page that came in place of the file."""
    return DownloadError(f"{host} answers with a web page instead of the file (a login page or a proxy's notice?)")


def looks_like_html(start: bytes) -> bool:
    """Whether a file that begins with `start` is a page of HTML or XML."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(HTML_STARTS)


def _check_continues(reply: Reply, start: int, version: str | None, length: int | None) -> None:
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", reply.headers.get("content-range", "").strip())
    if not found or int(found[1]) != start:
        raise StartAgain(f"{reply.host} goes on from another byte than {start:,}")
    first, last, total = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    if last < first or (length is not None and length != last + 1 - first) or (total is not None and last + 1 != total):
        raise StartAgain(f"{reply.host} contradicts itself about how much there is to come")
    if version and reply.version and reply.version != version:
        raise StartAgain(f"{reply.host} has another version of the file by now")


def _range_total(reply: Reply) -> int | None:
    return _number(reply.headers.get("content-range", "").rpartition("/")[2])


def _retry_after(reply: Reply) -> float:
    return float(min(_number(reply.headers.get("retry-after")) or 0, 60))


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,18}", text.strip()) else None
