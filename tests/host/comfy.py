"""A real ComfyUI with this pack in it, as a child process that tests talk to over HTTP and the websocket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .websocket import WebSocket

ROOT = Path(__file__).resolve().parents[2]
PACK = "style-atelier"
BOOT_SECONDS = 180
ENDINGS = ("execution_success", "execution_error", "execution_interrupted")


def find_comfyui() -> Path | None:
    """The checkout: COMFYUI_PATH, a parent folder of this repository (installed as a custom node), or ~/ComfyUI."""
    named = os.environ.get("COMFYUI_PATH")
    places = [Path(named)] if named else [*ROOT.parents, Path.home() / "ComfyUI"]
    return next((place for place in places if (place / "main.py").is_file() and (place / "comfy").is_dir()), None)


def python_of(comfyui: Path) -> str:
    """ComfyUI's own interpreter where it has an environment, else the one that runs the tests."""
    places = [comfyui / env / bin_ for env in (".venv", "venv") for bin_ in ("bin/python", "Scripts/python.exe")]
    return str(next((place for place in places if place.is_file()), sys.executable))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Run:
    """What the websocket told of one queued prompt: messages in order, preview frames, and how it ended."""

    prompt_id: str
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ending(self) -> str:
        return self.messages[-1][0]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of every message of one kind."""
        return [data for name, data in self.messages if name == kind]

    def pictures(self) -> list[dict[str, str]]:
        """File references of every picture that an output node showed."""
        outputs = [data["output"] or {} for data in self.of("executed")]
        return [picture for output in outputs for picture in output.get("images", [])]


class Comfy:
    """One running host on 127.0.0.1."""

    def __init__(self, comfyui: Path, base: Path, offline: bool = True) -> None:
        self.comfyui, self.base, self.port = comfyui, base, free_port()
        self.client = uuid.uuid4().hex
        self.log_path = base / "comfyui.log"
        packs = base / "packs"
        for name in ("models", "input", "output", "temp", "user", "custom_nodes", "packs"):
            (base / name).mkdir(parents=True, exist_ok=True)
        (packs / PACK).symlink_to(ROOT, target_is_directory=True)
        paths = base / "extra_paths.yaml"
        paths.write_text(f"tests:\n  custom_nodes: {packs}\n")
        command = [python_of(comfyui), "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(base), "--database-url", f"sqlite:///{base / 'user' / 'comfyui.db'}"]
        command += ["--extra-model-paths-config", str(paths), "--disable-auto-launch", "--disable-api-nodes"]
        if front_end := os.environ.get("STYLE_ATELIER_FRONT_END"):
            command += ["--front-end-root", front_end]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
        if offline:
            environment["STYLE_ATELIER_OFFLINE"] = "1"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=comfyui, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                self.get("/system_stats")
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"ComfyUI did not start:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """GET, or POST of `body` as JSON (bytes as they are); status and content, also of an error answer."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = ({"Content-Type": "application/json"} if data is not None else {}) | (headers or {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, sent), timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        status, content = self.request(path)
        if status != 200:
            raise AssertionError(f"GET {path} answered {status}: {content[:300]!r}")
        return json.loads(content)

    def listen(self) -> WebSocket:
        """A websocket that previews with their node's name are sent to, as the page asks for them."""
        listener = WebSocket(self.port, f"/ws?clientId={self.client}")
        listener.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        return listener

    def queue(self, prompt: dict[str, Any]) -> str:
        """Queue an API-format prompt; its id."""
        status, content = self.request("/prompt", {"prompt": prompt, "client_id": self.client})
        if status != 200:
            raise AssertionError(f"The prompt was refused: {content.decode()[:2000]}")
        return json.loads(content)["prompt_id"]

    def run(self, prompt: dict[str, Any], timeout: float = 300, on_message: Any = None) -> Run:
        """Queue `prompt` and listen until it ends; `on_message(kind, data)` sees every message."""
        listener = self.listen()
        started = time.monotonic()
        try:
            run = Run(self.queue(prompt))
            while not run.messages or run.ending not in ENDINGS:
                self._take(listener.receive(max(0.1, timeout - (time.monotonic() - started))), run, on_message)
        finally:
            listener.close()
        run.seconds = time.monotonic() - started
        return run

    def _take(self, message: str | bytes, run: Run, on_message: Any) -> None:
        if isinstance(message, bytes):
            run.previews.append(message)
            return
        parsed = json.loads(message)
        kind, data = parsed["type"], parsed.get("data") or {}
        if data.get("prompt_id") == run.prompt_id:
            run.messages.append((kind, data))
            if on_message:
                on_message(kind, data)

    def picture(self, reference: dict[str, str]) -> bytes:
        """The file that an output node showed."""
        query = "&".join(f"{key}={reference[key]}" for key in ("filename", "subfolder", "type"))
        return self.request(f"/view?{query}")[1]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
