"""Servers that lie about files of which nobody has published a hash, and places that are taken by something else."""

from __future__ import annotations

import io
import os
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from style_atelier.models.weights import download
from style_atelier.models.weights.addresses import is_loopback
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.download import fetch
from style_atelier.models.weights.errors import CheckpointError, DownloadError
from style_atelier.models.weights.exchange import Redirects
from style_atelier.models.weights.ledger import read_record
from style_atelier.models.weights.settings import Settings
from style_atelier.models.weights.transfer import Reply, StartAgain, TryAgain, plan
from style_atelier.tests.weights import conftest

HOSTS = ("127.0.0.1",)
Hostile = conftest.Hostile
server, settings = conftest.server, conftest.settings
SPEC = FileSpec("own/weights.pth", "encoder", ("http://127.0.0.1/w",))


def checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.rand(30_000)}, buffer)
    return buffer.getvalue()


def silent(done: int, total: int | None) -> None:
    """Nobody looks."""


def unpublished(server: Hostile) -> FileSpec:
    return server.spec(sha256=None, size=None)


BODIES = {
    "an error in JSON": b'{"error": {"code": 404, "message": "not found"}}',
    "a notice": "Cette page n'existe pas. Demandez à l'administrateur.\n".encode() * 20,
    "a list of files": b"index of /weights\r\n\tweights.pth\r\n",
    "nothing": b"",
    "the first half": checkpoint()[:60_000],
    "all but the end": checkpoint()[:-1],
    "one byte more": checkpoint() + b"\0",
    "a flipped bit": (lambda c: c[:9000] + bytes([c[9000] ^ 4]) + c[9001:])(checkpoint()),
    "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_no_checkpoint_gets_no_name_and_no_record(server: Hostile, settings: Settings, tmp_path: Path, name: str) -> None:
    right, server.body = checkpoint(), BODIES[name]
    with pytest.raises(DownloadError) as caught:
        fetch(unpublished(server), tmp_path, HOSTS, settings, silent)
    assert 20 < len(str(caught.value)) < 600
    path = tmp_path / "own" / "weights.pth"
    assert not path.exists()
    assert read_record(path) is None
    server.body, server.etag = right, '"two"'
    assert fetch(unpublished(server), tmp_path, HOSTS, settings, silent).read_bytes() == right


def test_the_caller_says_what_it_should_be(server: Hostile, settings: Settings, tmp_path: Path) -> None:
    server.body = checkpoint()

    def refuses(path: Path) -> None:
        raise CheckpointError("it is another network.")

    with pytest.raises(DownloadError, match="another network"):
        fetch(unpublished(server), tmp_path, HOSTS, settings, silent, refuses)
    assert not (tmp_path / "own" / "weights.pth").exists()


def test_bytes_of_no_known_version_are_not_gone_on_with(server: Hostile, settings: Settings, tmp_path: Path) -> None:
    server.body, server.etag = checkpoint(), None
    part = tmp_path / "own" / "weights.pth.part"
    part.parent.mkdir()
    part.write_bytes(server.body[:5000])
    assert fetch(unpublished(server), tmp_path, HOSTS, settings, silent).read_bytes() == server.body
    assert server.ranges() == [None]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize("name", ["weights.pth.part", "weights.pth.part.json", "weights.pth.lock", "weights.pth.record.json"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nothing_is_written_through_a_link_or_into_a_pipe(
    server: Hostile,
    settings: Settings,
    tmp_path: Path,
    name: str,
    kind: str,
) -> None:
    secret, place = tmp_path / "secret", tmp_path / "models" / "own" / name
    secret.write_bytes(b"mine")
    place.parent.mkdir(parents=True)
    place.symlink_to(secret) if kind == "link" else os.mkfifo(place)
    server.body = checkpoint()
    began = time.monotonic()
    with suppress(DownloadError):
        fetch(unpublished(server), tmp_path / "models", HOSTS, settings, silent)
    assert secret.read_bytes() == b"mine"
    assert time.monotonic() - began < 5


def test_a_server_that_drips_is_given_up(server: Hostile, tmp_path: Path) -> None:
    server.seconds_per_piece = 0.15
    slow = Settings(timeout=1, retries=1, backoff=0.01, slowest=1 << 20, window=0.3)
    with pytest.raises(DownloadError, match="bytes a second"):
        fetch(server.spec(), tmp_path, HOSTS, slow, silent)


def test_a_body_without_a_length_has_an_end(
    server: Hostile, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_UNKNOWN", 1 << 20)
    server.moods = ["endless"]
    with pytest.raises(DownloadError, match="sends more than the 1,048,576 bytes"):
        fetch(unpublished(server), tmp_path, HOSTS, settings, silent)


def test_the_disk_is_looked_at_while_it_fills(
    server: Hostile, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(download, "BYTES_BETWEEN_LOOKS", 1 << 16)
    monkeypatch.setattr(download, "_check_disk", lambda folder, needed: looks.append(needed))
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert len(looks) >= 3


def reply(status: int = 206, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, "host")


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        (reply(content_range="bytes 10-99/100", content_length="50"), None),
        (reply(content_range="bytes 10-98/100", content_length="89"), None),
        (reply(content_range="bytes 10-5/100"), None),
        (reply(content_range="bytes 10-99/100", content_length="90"), 120),
        (reply(content_range="bytes 11-99/100"), None),
        (reply(416, content_range="bytes */10"), 120),
        (reply(416, content_range="bytes */10"), None),
    ],
)
def test_sizes_that_contradict_each_other(answer: Reply, stated: int | None) -> None:
    with pytest.raises(StartAgain):
        plan(answer, 10, '"one"', SPEC, stated)


def test_an_empty_answer_is_tried_again() -> None:
    with pytest.raises(TryAgain, match="empty"):
        plan(reply(200, content_length="0"), 0, None, SPEC)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *(
            (host, True)
            for host in ("localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")
        ),
        *((host, True) for host in ("0.0.0.0", "127.1", "2130706433", "0x7f.1")),
        *((host, False) for host in ("example.org", "10.0.0.1", "127.0.0.1.example.org", "1e100.net", "")),
    ],
)
def test_names_of_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_no_redirect_to_this_machine() -> None:
    handler: Any = Redirects(("example.org", "localhost"))
    request = urllib.request.Request("https://example.org/w")
    with pytest.raises(DownloadError, match="redirects to this machine"):
        handler.redirect_request(request, None, 302, "", {}, "http://localhost/w")


def test_the_servers_words_are_not_repeated() -> None:
    with pytest.raises(DownloadError, match="answers 404 Not Found") as caught:
        plan(reply(404), 0, None, SPEC)
    assert str(caught.value) == "host answers 404 Not Found"
