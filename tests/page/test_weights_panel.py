"""Behind the page's weights panel: what is said about files, downloads that it starts, and who may start them."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from style_atelier.models.weights.catalogue import Catalogue, Entry, FileSpec, License
from style_atelier.models.weights.errors import DownloadError
from style_atelier.tests.pack import Pack

LOCAL = {"Host": "127.0.0.1:8188"}
FILES = (FileSpec("net/encoder.pth", "encoder", ("https://example.org/e",), 30), FileSpec("net/decoder.pth", "decoder", (), 12))
ENTRY = Entry("net", "A net", "stylizer", "adain", "https://example.org", License("MIT", True, ""), "", FILES, True, "")
CATALOGUE = Catalogue(1, ("example.org",), (ENTRY,))
STEP = 10
Progress = Callable[[int, "int | None"], None]


class Messages(list[dict[str, Any]]):
    """What the page is told; `ended` is set by the last message."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self, job: dict[str, Any]) -> None:
        self.append(job)
        if job["state"] != "downloading":
            self.ended.set()

    def wait(self) -> dict[str, Any]:
        assert self.ended.wait(10)
        return self[-1]


@pytest.fixture
def jobs(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = importlib.import_module("style_atelier.nodes.page.weights_jobs")
    monkeypatch.setattr(module, "SECONDS_BETWEEN_MESSAGES", 0.0)
    return module


@pytest.fixture
def refusal(pack: Pack) -> Callable[..., str | None]:
    return importlib.import_module("style_atelier.nodes.page.weights_routes").refusal


def fake_fetch(spec: FileSpec, folder: Path, hosts: object, settings: object, progress: Progress, check: object = None) -> Path:
    """Ten bytes at a time into NAME.part, from where it was left."""
    path = folder / spec.path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("ab") as file:
        while file.tell() < (spec.size or 0):
            progress(file.tell(), spec.size)
            file.write(b"x" * min(STEP, (spec.size or 0) - file.tell()))
            file.flush()
    return part.rename(path)


def test_choices_are_entries_and_their_decoders(jobs: Any) -> None:
    assert {name: choice.size for name, choice in jobs.choices(CATALOGUE).items()} == {"net": 42, "net/decoder": 12}


def test_a_download_goes_from_missing_to_present(jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "fetch", fake_fetch)
    choice, told = jobs.choices(CATALOGUE)["net"], Messages()
    assert jobs.choice_status(choice, [tmp_path], None)["state"] == "missing"
    downloads = jobs.Downloads(told)
    downloads.start(choice, [tmp_path], ())
    ended = told.wait()
    revisions = [message["revision"] for message in told]
    assert ended == {"name": "net", "state": "done", "done": 42, "total": 42, "revision": revisions[-1], "error": ""}
    assert revisions == sorted(set(revisions))
    amounts = [message["done"] for message in told]
    assert amounts == sorted(amounts)
    assert len(amounts) > 3
    found = jobs.choice_status(choice, [tmp_path], downloads.job("net"))
    assert (found["state"], found["bytes"]) == ("present", 42)


def test_cancel_keeps_what_has_come(jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "fetch", fake_fetch)
    choice, told = jobs.choices(CATALOGUE)["net"], Messages()
    downloads = jobs.Downloads(lambda job: (told(job), job["done"] >= STEP and downloads.cancel("net")))
    downloads.start(choice, [tmp_path], ())
    assert told.wait()["state"] == "canceled"
    found = jobs.choice_status(choice, [tmp_path], None)
    assert found["state"] == "partial"
    assert 0 < found["files"][0]["part_bytes"] < 30
    assert not downloads.cancel("net")
    told.ended.clear()
    resumed = jobs.Downloads(told)
    resumed.start(choice, [tmp_path], ())
    assert told.wait()["state"] == "done"


def test_what_is_here_is_not_fetched_again(jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(jobs, "fetch", lambda spec, *rest: asked.append(spec.path) or fake_fetch(spec, *rest))
    elsewhere = tmp_path / "elsewhere" / "net" / "encoder.pth"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(b"x" * 30)
    told = Messages()
    jobs.Downloads(told).start(jobs.choices(CATALOGUE)["net"], [tmp_path, tmp_path / "elsewhere"], ())
    assert told.wait()["state"] == "done"
    assert asked == ["net/decoder.pth"]


def test_a_failure_is_told_in_its_own_words(jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise DownloadError("example.org says no.")

    monkeypatch.setattr(jobs, "fetch", fail)
    told = Messages()
    jobs.Downloads(told).start(jobs.choices(CATALOGUE)["net"], [tmp_path], ())
    assert (told.wait()["state"], told[-1]["error"]) == ("failed", "example.org says no.")


def test_one_download_at_a_time_of_one_thing(jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(jobs, "fetch", lambda *given: go.wait(10) and fake_fetch(*given))
    choice, told = jobs.choices(CATALOGUE)["net"], Messages()
    downloads = jobs.Downloads(told)
    assert downloads.start(choice, [tmp_path], ()) is downloads.start(choice, [tmp_path], ())
    go.set()
    assert told.wait()["state"] == "done"


def test_own_files_leave_out_published_ones_and_leftovers(jobs: Any, tmp_path: Path) -> None:
    for name in ("net/encoder.pth", "net/decoder.pth.part", "mine/a.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    assert jobs.own_files([tmp_path, tmp_path / "not there"], CATALOGUE) == {"mine/a.safetensors": 5}


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8188", "localhost:8188", "[::1]:8188", "localhost"])
def test_this_machine_may_download(refusal: Callable[..., str | None], remote: str, host: str) -> None:
    assert refusal(remote, {"Host": host}) is None
    assert refusal(remote, {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}) is None


@pytest.mark.parametrize(
    ("remote", "headers"),
    [
        ("192.168.0.7", LOCAL),
        ("203.0.113.7", LOCAL),
        ("::ffff:192.168.0.7", LOCAL),
        ("fe80::1%eth0", LOCAL),
        (None, LOCAL),
        ("", LOCAL),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"Host": "rebound.example:8188"}),
        ("127.0.0.1", {"Host": "127.0.0.1.example"}),
        ("127.0.0.1", LOCAL | {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", LOCAL | {"Forwarded": "for=192.0.2.1"}),
        ("127.0.0.1", LOCAL | {"Origin": "http://127.0.0.1:9999"}),
        ("127.0.0.1", LOCAL | {"Origin": "http://elsewhere.example"}),
        ("127.0.0.1", LOCAL | {"Origin": "null"}),
        ("127.0.0.1", LOCAL | {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_others_may_not(refusal: Callable[..., str | None], remote: str | None, headers: dict[str, str]) -> None:
    assert refusal(remote, headers)


def test_without_a_server_there_are_no_routes(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(importlib.import_module("sys").modules, "server", raising=False)
    assert not importlib.import_module("style_atelier.nodes.page.weights_routes").register_routes()


def test_a_record_is_renewed_by_the_person_alone(jobs: Any, tmp_path: Path) -> None:
    ledger = importlib.import_module("style_atelier.models.weights.ledger")
    choice = jobs.choices(CATALOGUE)["net"]
    path = tmp_path / "net" / "decoder.pth"
    path.parent.mkdir()
    path.write_bytes(b"x" * 12)
    ledger.write_json(
        ledger.record_path(path), {"sha256": "0", "size": 12, "modified_ns": 1, "published": False, "first_used": "then"}
    )
    assert jobs.changed_files(choice, [tmp_path]) == [path]
    jobs.trust(choice, [tmp_path])
    assert jobs.changed_files(choice, [tmp_path]) == []
    assert path.exists()
