"""A web server on this machine that misbehaves as it is told to."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.download import Settings

PIECE = 4096


class Hostile(ThreadingHTTPServer):
    """Serves `body`; each request takes the next of `moods`, and "ok" when there are none left."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        self.etag: str | None = '"one"'
        self.moods: list[str] = []
        self.seen: list[dict[str, str]] = []
        self.seconds_per_piece = 0.0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.pth"

    def spec(self, **known: object) -> FileSpec:
        facts: dict[str, object] = {"size": len(self.body), "sha256": hashlib.sha256(self.body).hexdigest(), "urls": (self.url,)}
        return FileSpec(**{"path": "own/weights.pth", "role": "encoder", **facts, **known})  # type: ignore[arg-type]

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.seen]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self.server.seen.append({**dict(self.headers.items()), "path": self.path})
        self.close_connection = True
        mood, _, value = (self.server.moods.pop(0) if self.server.moods else "ok").partition(":")
        getattr(self, f"_{mood}")(value)

    def _ok(self, _value: str) -> None:
        self._answer(len(self.server.body))

    def _truncate(self, value: str) -> None:
        self._answer(int(value))

    def _stall(self, value: str) -> None:
        self._answer(int(value))
        self.server.closing.wait(20)

    def _redirect(self, value: str) -> None:
        self._head(302, {"Location": value, "Content-Length": "0"})

    def _status(self, value: str) -> None:
        self._head(int(value), {"Content-Length": "0"})

    def _html(self, _value: str) -> None:
        page = b"<!DOCTYPE html><title>Sign in</title>"
        self._head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
        self.wfile.write(page)

    def _disguised(self, _value: str) -> None:
        page = b"\n <HTML><title>Sign in</title>".ljust(len(self.server.body))
        self._head(200, {"Content-Length": str(len(page))})
        self.wfile.write(page)

    def _length(self, value: str) -> None:
        self._head(200, {"Content-Length": value})
        self._body(self.server.body)

    def _endless(self, _value: str) -> None:
        self._head(200, {})
        for _ in range(1000):
            self._body(self.server.body)

    def _other(self, _value: str) -> None:
        self._head(200, {"Content-Length": str(len(self.server.body))})
        self._body(bytes(len(self.server.body)))

    def _norange(self, _value: str) -> None:
        self._head(200, {"Content-Length": str(len(self.server.body))})
        self._body(self.server.body)

    def _wrongrange(self, _value: str) -> None:
        size = len(self.server.body)
        self._head(206, {"Content-Range": f"bytes 0-{size - 1}/{size}", "Content-Length": str(size)})
        self._body(self.server.body)

    def _packed(self, _value: str) -> None:
        self._head(200, {"Content-Encoding": "gzip", "Content-Length": "3"})
        self.wfile.write(b"abc")

    def _answer(self, until: int) -> None:
        body, start = self.server.body, 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if found and self.headers.get("If-Range", self.server.etag) == self.server.etag:
            start = int(found[1])
        tag = {"ETag": self.server.etag} if self.server.etag else {}
        if start >= len(body):
            self._head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
            return
        length = {"Content-Length": str(len(body) - start), **tag}
        if start:
            self._head(206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", **length})
        else:
            self._head(200, length)
        self._body(body[start:until])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, body: bytes) -> None:
        for at in range(0, len(body), PIECE):
            self.wfile.write(body[at : at + PIECE])
            if self.server.seconds_per_piece:
                time.sleep(self.server.seconds_per_piece)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """A running `Hostile` with a quarter of a megabyte of noise; no proxy stands before it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hostile = Hostile(random.Random(7).randbytes(1 << 18))
    thread = threading.Thread(target=hostile.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield hostile
    hostile.closing.set()
    hostile.shutdown()
    hostile.server_close()


@pytest.fixture
def settings() -> Settings:
    """Short waits, so that the tests are short."""
    return Settings(timeout=0.5, retries=3, backoff=0.01)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
