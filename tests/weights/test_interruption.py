"""Downloads that are interrupted and killed at random points: no bad file gets its name, and the next try goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from style_atelier.models.weights import download, exchange
from style_atelier.models.weights.download import Settings, fetch

HOSTS = ("127.0.0.1",)
WEIGHTS = Path(download.__file__).parent

CHILD = """
import importlib, sys, types
package = types.ModuleType("w")
package.__path__ = [sys.argv[1]]
sys.modules["w"] = package
FileSpec = importlib.import_module("w.catalogue").FileSpec
download = importlib.import_module("w.download")
assert "torch" not in sys.modules
spec = FileSpec("own/weights.pth", "encoder", (sys.argv[3],), int(sys.argv[4]), sys.argv[5])
print("started", flush=True)
folder = __import__("pathlib").Path(sys.argv[2])
download.fetch(spec, folder, ("127.0.0.1",), download.Settings(timeout=5), lambda done, total: None)
"""


class Interrupt(BaseException):
    """What a host raises when its user presses the stop button."""


def child(server, folder: Path) -> subprocess.Popen[bytes]:
    spec = server.spec()
    arguments = [str(WEIGHTS), str(folder), server.url, str(spec.size), str(spec.sha256)]
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE)


def test_a_hundred_interrupts(server, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "CHUNK", 4096)
    points = random.Random(11)
    resumed = 0
    for number in range(100):
        folder, stop_at = tmp_path / str(number), points.randrange(len(server.body) + 1)

        def stop(done: int, total: int | None, stop_at: int = stop_at) -> None:
            if done >= stop_at:
                raise Interrupt

        with pytest.raises(Interrupt):
            fetch(server.spec(), folder, HOSTS, settings, stop)
        final = folder / "own" / "weights.pth"
        assert not final.exists()
        server.seen.clear()
        assert fetch(server.spec(), folder, HOSTS, settings, lambda done, total: None).read_bytes() == server.body
        resumed += server.ranges() != [None]
        assert sorted(path.name for path in final.parent.iterdir()) == ["weights.pth", "weights.pth.record.json"]
    assert resumed > 90


def test_killed_processes(server, tmp_path):
    server.seconds_per_piece = 0.02
    points = random.Random(5)
    final = tmp_path / "own" / "weights.pth"
    sizes = []
    for _ in range(6):
        with child(server, tmp_path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"started\n"
            time.sleep(points.uniform(0.02, 0.25))
            process.send_signal(signal.SIGKILL)
        part = final.with_name("weights.pth.part")
        assert final.exists() or not sizes or part.stat().st_size >= sizes[-1]
        if final.exists():
            assert final.read_bytes() == server.body
            final.unlink()
            sizes.clear()
        sizes.append(part.stat().st_size if part.exists() else 0)
    server.seconds_per_piece = 0.0
    with child(server, tmp_path) as process:
        assert process.wait(20) == 0
    assert final.read_bytes() == server.body
    assert any(server.ranges())


def test_two_processes_fetch_once(server, tmp_path):
    server.seconds_per_piece = 0.005
    with child(server, tmp_path) as one, child(server, tmp_path) as two:
        assert one.wait(20) == 0
        assert two.wait(20) == 0
    assert len(server.seen) == 1
    assert (tmp_path / "own" / "weights.pth").read_bytes() == server.body


def test_eight_threads_fetch_once(server, settings, tmp_path):
    results = []
    work = [
        threading.Thread(target=lambda: results.append(fetch(server.spec(), tmp_path, HOSTS, settings, lambda *_: None)))
        for _ in range(8)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(20)
    assert len(results) == 8
    assert len(server.seen) == 1


@pytest.mark.alone
@pytest.mark.parametrize("mood", ["stall:0", "stall:5000"])
def test_a_silent_server_does_not_hold_up_an_interrupt(server, tmp_path, mood):
    server.moods = [mood]
    start = time.monotonic()

    def stop(done: int, total: int | None) -> None:
        if time.monotonic() - start > 0.3:
            raise Interrupt

    with pytest.raises(Interrupt):
        fetch(server.spec(), tmp_path, HOSTS, Settings(timeout=30), stop)
    assert time.monotonic() - start < 1.0


def test_waiting_for_another_process_can_be_interrupted(server, settings, tmp_path):
    server.moods = ["stall:5000"]
    first = threading.Thread(target=lambda: fetch(server.spec(), tmp_path, HOSTS, settings, lambda *_: None))
    first.start()
    time.sleep(0.2)
    with pytest.raises(Interrupt):
        fetch(server.spec(), tmp_path, HOSTS, settings, lambda done, total: (_ for _ in ()).throw(Interrupt))
    first.join(20)
    assert (tmp_path / "own" / "weights.pth").read_bytes() == server.body
