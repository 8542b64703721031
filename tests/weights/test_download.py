"""The downloader against servers that fail in every way that we know of."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from style_atelier.models.weights import ledger
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.download import Settings, fetch, settings_from_environment
from style_atelier.models.weights.errors import CheckpointError, DownloadError, OfflineError
from style_atelier.models.weights.exchange import open_address

HOSTS = ("127.0.0.1",)


def silent(done: int, total: int | None) -> None:
    return


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_fetched_and_recorded(server, settings, tmp_path):
    reports = []
    path = fetch(server.spec(), tmp_path, HOSTS, settings, lambda done, total: reports.append((done, total)))
    assert path == tmp_path / "own" / "weights.pth"
    assert path.read_bytes() == server.body
    assert files(tmp_path) == {"weights.pth", "weights.pth.record.json"}
    assert reports[-1] == (len(server.body), len(server.body))
    assert reports == sorted(reports)
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "moods",
    [
        ["truncate:70000", "truncate:140000"],
        ["status:500", "status:503", "ok"],
        ["stall:60000", "ok"],
        ["truncate:70000", "norange"],
        ["truncate:70000", "wrongrange", "ok"],
        ["truncate:70000", "status:416", "ok"],
        ["truncate:0", "truncate:1"],
    ],
    ids=lambda moods: " ".join(moods),
)
def test_it_gets_there_in_the_end(server, settings, tmp_path, moods):
    server.moods = list(moods)
    assert fetch(server.spec(), tmp_path, HOSTS, settings, silent).read_bytes() == server.body


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("html", "web page instead of the file"),
        ("disguised", "web page instead of the file"),
        ("status:404", "answers 404"),
        ("length:999999999", "has a file of 999,999,999 bytes"),
        ("length:1000", "has a file of 1,000 bytes"),
        ("endless", "sends more than"),
        ("other", "gives another file"),
        ("packed", "another encoding"),
        ("redirect:https://evil.example/weights.pth", "redirects to https://evil.example"),
        ("redirect:http://169.254.169.254/latest", "redirects to http://169.254.169.254"),
        ("redirect:file:///etc/passwd", "is not allowed"),
        ("redirect:ftp://127.0.0.1/x", "redirects to ftp://127.0.0.1"),
    ],
)
def test_it_gives_up_with_a_reason_and_leaves_no_file(server, settings, tmp_path, mood, said):
    server.moods = [mood]
    with pytest.raises(DownloadError, match=said) as caught:
        fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert "own/weights.pth could not be fetched" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.seen) == 1
    assert not (tmp_path / "own/weights.pth").exists()
    assert fetch(server.spec(), tmp_path, HOSTS, settings, silent).read_bytes() == server.body


def test_retries_are_counted(server, settings, tmp_path):
    server.moods = ["status:500"] * 9
    with pytest.raises(DownloadError, match=r"answers 500 .*tried 4 times"):
        fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert len(server.seen) == 4


@pytest.mark.parametrize("answers", [False, True], ids=["dropped", "refused"])
def test_who_cannot_be_reached_is_given_up_soon(tmp_path, monkeypatch, answers):
    tries = []

    def connect(*_args, **_options):
        tries.append(time.monotonic())
        if answers:
            raise ConnectionRefusedError(111, "Connection refused")
        ended.wait(30)
        raise TimeoutError

    ended = threading.Event()
    monkeypatch.setattr("socket.create_connection", connect)
    spec = FileSpec("own/weights.pth", "encoder", ("http://127.0.0.1:9/weights.pth",), 9, "0" * 64)
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 cannot be reached \(.*tried 3 times\)"):
        fetch(spec, tmp_path, HOSTS, Settings(), silent)
    ended.set()
    assert time.monotonic() - began < (3 if answers else 10)
    assert len(tries) == 3


def test_a_line_that_broke_is_tried_longer(server, settings, tmp_path, monkeypatch):
    server.moods = ["status:503"]
    connect = socket.create_connection

    def connect_once(*args, **options):
        if server.seen:
            raise ConnectionRefusedError(111, "Connection refused")
        return connect(*args, **options)

    monkeypatch.setattr("socket.create_connection", connect_once)
    with pytest.raises(DownloadError, match="tried 6 times"):
        fetch(server.spec(), tmp_path, HOSTS, replace(settings, retries=5), silent)


def test_redirect_loops_end(server, settings, tmp_path):
    server.moods = [f"redirect:{server.url}"] * 99
    with pytest.raises(DownloadError, match="30"):
        fetch(server.spec(), tmp_path, HOSTS, settings, silent)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_among_allowed_hosts_keep_the_range(server, settings, tmp_path, status, monkeypatch):
    server.moods = ["truncate:70000", f"redirect:{server.url}?signed=1"]
    assert fetch(server.spec(), tmp_path, HOSTS, settings, silent).read_bytes() == server.body
    assert server.seen[2]["path"].endswith("signed=1")
    assert server.ranges() == [None, "bytes=70000-", "bytes=70000-"]


def test_resuming_asks_for_the_same_version(server, settings, tmp_path):
    server.moods = ["truncate:70000"]
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert server.seen[1]["Range"] == "bytes=70000-"
    assert server.seen[1]["If-Range"] == '"one"'


def test_a_version_that_changes_midway_is_fetched_afresh(server, settings, tmp_path):
    spec = server.spec()
    new, server.body = server.body, bytes(len(server.body))
    server.moods = ["truncate:70000"]

    def change(done: int, total: int | None) -> None:
        if done:
            server.body, server.etag = new, '"two"'

    assert fetch(spec, tmp_path, HOSTS, settings, change).read_bytes() == new


def test_joined_versions_fail_the_hash_and_are_fetched_afresh(server, settings, tmp_path):
    spec, server.etag = server.spec(), None
    part = tmp_path / "own" / "weights.pth.part"
    part.parent.mkdir()
    part.write_bytes(bytes(50000))
    assert fetch(spec, tmp_path, HOSTS, settings, silent).read_bytes() == server.body
    assert server.ranges() == ["bytes=50000-", None]


@pytest.mark.parametrize("known", [{}, {"size": None}])
def test_a_complete_part_only_needs_its_name(server, settings, tmp_path, known):
    part = tmp_path / "own" / "weights.pth.part"
    part.parent.mkdir()
    part.write_bytes(server.body)
    assert fetch(server.spec(**known), tmp_path, HOSTS, settings, silent).read_bytes() == server.body
    assert len(server.seen) == len(known)


def test_a_part_that_is_too_long_is_dropped(server, settings, tmp_path):
    part = tmp_path / "own" / "weights.pth.part"
    part.parent.mkdir()
    part.write_bytes(bytes(len(server.body) + 1))
    assert fetch(server.spec(), tmp_path, HOSTS, settings, silent).read_bytes() == server.body


def test_mirrors_come_first_and_failing_ones_are_passed_over(server, settings, tmp_path, closed_port):
    mirror = f"http://127.0.0.1:{server.server_port}/mirror/"
    spec = server.spec(urls=(f"http://127.0.0.1:{closed_port}/weights.pth", "https://huggingface.co/a/b.pth"))
    chosen = Settings(False, None, {f"http://127.0.0.1:{closed_port}/": mirror}, 0.5, 0, 0.01)
    assert fetch(spec, tmp_path, ("huggingface.co", *HOSTS), chosen, silent).read_bytes() == server.body
    assert server.seen[0]["path"] == "/mirror/weights.pth"
    (tmp_path / "own/weights.pth").unlink()
    chosen = Settings(False, f"http://localhost:{server.server_port}/hf/", {}, 0.5, 0, 0.01)
    assert fetch(spec, tmp_path, HOSTS, chosen, silent).read_bytes() == server.body
    assert server.seen[-1]["path"] == "/hf/a/b.pth"


def test_hosts_that_are_not_listed_are_not_asked(server, settings, tmp_path):
    for hosts in ((), ("localhost",), ("*.127.0.0.1",)):
        with pytest.raises(DownloadError, match="not among the hosts"):
            fetch(server.spec(), tmp_path, hosts, settings, silent)
    with pytest.raises(DownloadError, match="not among the hosts"):
        fetch(server.spec(urls=("http://github.com/x.pth",)), tmp_path, ("github.com",), settings, silent)
    assert not server.seen


def test_a_proxy_of_the_environment_is_used(server, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    spec = server.spec(urls=("http://weights.example/weights.pth",))
    assert fetch(spec, tmp_path, ("http://weights.example",), settings, silent).read_bytes() == server.body
    assert server.seen[0]["path"] == "http://weights.example/weights.pth"


def test_offline_nothing_is_asked(server, settings, tmp_path):
    with pytest.raises(OfflineError, match="STYLE_ATELIER_OFFLINE"):
        fetch(server.spec(), tmp_path, HOSTS, Settings(offline=True), silent)
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert fetch(server.spec(), tmp_path, HOSTS, Settings(offline=True), silent).read_bytes() == server.body
    assert len(server.seen) == 1


def test_a_file_without_an_address_says_where_to_get_it_and_is_checked_ever_after(settings, tmp_path):
    spec = FileSpec("stargan/net.ckpt", "generator", (), manual="Download it from the authors' page.")
    with pytest.raises(DownloadError, match=r"no plain address gives it\. Download it from the authors' page\."):
        fetch(spec, tmp_path, HOSTS, settings, silent)
    path = tmp_path / "stargan" / "net.ckpt"
    path.parent.mkdir()
    path.write_bytes(b"as it came")
    assert fetch(spec, tmp_path, HOSTS, settings, silent) == path
    path.write_bytes(b"changed since")
    with pytest.raises(CheckpointError, match="put the authors' file there"):
        fetch(spec, tmp_path, HOSTS, settings, silent)


def test_settings_come_from_the_environment(monkeypatch):
    for name in ("STYLE_ATELIER_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "STYLE_ATELIER_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    assert settings_from_environment() == Settings()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    monkeypatch.setenv("STYLE_ATELIER_MIRRORS", "https://github.com/=https://mirror.example/gh/; https://a/=https://b/")
    mirrors = {"https://github.com/": "https://mirror.example/gh/", "https://a/": "https://b/"}
    assert settings_from_environment() == Settings(True, "https://hub.example", mirrors)


def test_a_full_disk_is_seen_before_it_is_full(server, settings, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(1 << 40, 1 << 40, 1 << 20))
    with pytest.raises(DownloadError, match="1 MiB are free; make room there"):
        fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    assert len(server.seen) == 1
    assert "weights.pth" not in files(tmp_path)


@pytest.mark.parametrize("path", ["../x.pth", "/etc/x.pth", "own/../../x.pth", ".", "own/.."])
def test_paths_stay_in_the_folder(server, settings, tmp_path, path):
    with pytest.raises(DownloadError, match="leaves the model folder"):
        fetch(server.spec(path=path), tmp_path / "models", HOSTS, settings, silent)
    assert not server.seen


def test_a_link_does_not_lead_out_of_the_folder(server, settings, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "models" / "own").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DownloadError, match="leaves the model folder"):
        fetch(server.spec(), tmp_path / "models", HOSTS, settings, silent)


def test_a_file_that_is_another_is_refused_and_kept(server, settings, tmp_path):
    path = tmp_path / "own" / "weights.pth"
    path.parent.mkdir()
    for content, said in ((b"short", "has 5 bytes"), (bytes(len(server.body)), "is not the published file")):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{said}.*move it away"):
            fetch(server.spec(), tmp_path, HOSTS, settings, silent)
        assert path.read_bytes() == content


def unpublished(server, **known) -> FileSpec:
    return server.spec(**{"sha256": None, "size": None, **known})


@pytest.mark.parametrize("kind", ["prefix", "blob", "nothing"])
def test_what_nobody_has_published_is_recorded_on_first_use(server, settings, tmp_path, kind):
    sha256 = hashlib.sha256(server.body).hexdigest()
    blob = hashlib.sha1(b"blob %d\0" % len(server.body) + server.body).hexdigest()
    spec = unpublished(server, **{"prefix": {"sha256_prefix": sha256[:8]}, "blob": {"git_blob": blob}, "nothing": {}}[kind])
    path = fetch(spec, tmp_path, HOSTS, settings, silent)
    record = ledger.read_record(path)
    assert record
    assert record.sha256 == sha256
    assert not record.published
    path.unlink()
    server.body = server.body[:-1] + bytes([server.body[-1] ^ 1])
    with pytest.raises(DownloadError, match="recorded when it was first used" if kind == "nothing" else "not the published file"):
        fetch(spec, tmp_path, HOSTS, settings, silent)
    assert not path.exists()


def test_a_recorded_file_that_changes_is_refused(server, settings, tmp_path):
    path = fetch(unpublished(server), tmp_path, HOSTS, settings, silent)
    path.write_bytes(server.body[::-1])
    with pytest.raises(CheckpointError, match="recorded when it was first used"):
        fetch(unpublished(server), tmp_path, HOSTS, settings, silent)


@pytest.mark.parametrize("known", [{"sha256_prefix": "00000000"}, {"git_blob": "0" * 40}])
def test_a_wrong_prefix_or_blob_is_refused(server, settings, tmp_path, known):
    with pytest.raises(DownloadError, match="not the published file"):
        fetch(unpublished(server, **known), tmp_path, HOSTS, settings, silent)
    assert "weights.pth" not in files(tmp_path)


def test_the_hash_is_taken_once(server, settings, tmp_path, monkeypatch):
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)
    monkeypatch.setattr(ledger, "_hashes", lambda *_: pytest.fail("hashed again"))
    fetch(server.spec(), tmp_path, HOSTS, settings, silent)


def test_an_unwritable_folder_is_named(server, settings, tmp_path):
    (tmp_path / "own").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="cannot be written into"):
        fetch(server.spec(), tmp_path, HOSTS, settings, silent)


def test_only_web_addresses_are_opened():
    for url in ("file:///etc/passwd", "data:,x", "ftp://127.0.0.1/x", "https://a@127.0.0.1/", "https://127.0.0.1.evil.example/"):
        with pytest.raises(DownloadError):
            open_address(url, {}, HOSTS, 1, lambda: None)
