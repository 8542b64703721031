"""A run in a real ComfyUI: one that is running somewhere, or one started for it."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from ..models.weights.files import inside
from ..models.weights.words import LONGEST_SENTENCE, shown
from ..models.weights.writing import write_over
from .execute import NodeError
from .graph import Prompt
from .object_info import read_node
from .process import HostError, started
from .run import Invalid, Job, on_ctrl_c
from .terminal import Lines
from .validate import Problem, title_of

PREVIEW, PREVIEW_WITH_NODE = 1, 4  # kinds of binary message
LARGEST_MESSAGE = 64 * 1024**2
RECORD_TRIES, RECORD_PAUSE = 50, 0.2  # ten seconds in all
FEATURES = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


class RemoteStopped(Exception):
    """The run was interrupted."""


async def run_remote(job: Job, screen: Lines, server: str | None, checkout: Path | None) -> list[Path]:
    """Run a workflow in ComfyUI and fetch what it saved; the pictures' paths.

    server: a running one's address; without it `checkout` is started. Raises WorkflowError, Invalid, NodeError,
    HostError when nothing answers, RemoteStopped after Ctrl-C.
    """
    if server is None and checkout is None:
        raise HostError("There is no ComfyUI: give --server, or set COMFYUI_PATH.")
    place = nullcontext(server) if server or checkout is None else started(checkout, job.models_dir, job.device)
    with place as address:
        assert address is not None
        try:
            async with aiohttp.ClientSession(address.rstrip("/") + "/") as session:
                return await Client(session, screen).run(job)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise HostError(f"ComfyUI at {address} does not answer: {error or type(error).__name__}.") from error


@dataclass
class Client:
    """One connection to one host."""

    session: aiohttp.ClientSession
    screen: Lines
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    prompt_id: str = ""
    prompt: Prompt = field(default_factory=dict)
    running: str = ""
    began: float = 0.0

    async def run(self, job: Job) -> list[Path]:
        """Upload, queue, listen, download."""
        infos = {name: read_node(data) for name, data in (await self.get("object_info")).items()}
        self.prompt = job.prompt(infos.get)
        given, found = job.pictures(self.prompt)
        for node, path in (found | given).items():
            self.prompt[node]["inputs"]["image"] = await self.upload(path)
        async with self.session.ws_connect("ws", params={"clientId": self.name}, max_msg_size=LARGEST_MESSAGE) as socket:
            await socket.send_json(FEATURES)
            await self.queue()
            await self.follow(asyncio.create_task(self.listen(socket)))
        return await self.download(job.output_dir)

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        async with self.session.get(path) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def upload(self, path: Path) -> str:
        """Put a picture into the host's input folder; the name that LoadImage knows it by."""
        form = aiohttp.FormData()
        form.add_field("image", path.read_bytes(), filename=path.name)
        form.add_field("subfolder", "style_atelier_headless")
        async with self.session.post("upload/image", data=form) as answer:
            answer.raise_for_status()
            stored = await answer.json()
        return f"{stored['subfolder']}/{stored['name']}"

    async def queue(self) -> None:
        """Queue the prompt. Raises Invalid with the host's own words when any of it is refused."""
        async with self.session.post("prompt", json={"prompt": self.prompt, "client_id": self.name}) as answer:
            if answer.status not in (200, 400):
                answer.raise_for_status()
            said = await answer.json()
        if said.get("node_errors") or "prompt_id" not in said:
            if "prompt_id" in said:
                self.prompt_id = said["prompt_id"]
                await self.interrupt()
            raise Invalid(self.problems(said))
        self.prompt_id = said["prompt_id"]

    def problems(self, said: Mapping[str, Any]) -> list[Problem]:
        """The host's answer to a prompt that it refuses, as problems."""
        per_node = [
            Problem(error["type"], error["message"], error["details"], node, title_of(self.prompt[node]))
            for node, refused in (said.get("node_errors") or {}).items()
            for error in refused["errors"]
        ]
        error = said.get("error") or {}
        return per_node or [Problem(error.get("type", ""), error.get("message", str(error)), error.get("details", ""))]

    async def interrupt(self) -> None:
        """Take the prompt out of the queue, and stop it if it runs."""
        async with self.session.post("queue", json={"delete": [self.prompt_id]}):
            pass
        async with self.session.post("interrupt", json={"prompt_id": self.prompt_id}):
            pass

    async def follow(self, listening: asyncio.Task[None]) -> None:
        """Wait for the end of the run. Raises RemoteStopped on Ctrl-C, once the host is told."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        with on_ctrl_c(lambda: loop.call_soon_threadsafe(stopped.set)):
            asked = asyncio.create_task(stopped.wait())
            await asyncio.wait({listening, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
        if listening.done():
            return listening.result()
        listening.cancel()
        await self.interrupt()
        raise RemoteStopped

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Follow the run to its end. Raises NodeError, RemoteStopped, HostError."""
        async for message in socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                self.preview(message.data)
            elif message.type == aiohttp.WSMsgType.TEXT and self.told(json.loads(message.data)):
                return
        raise HostError("ComfyUI closed the connection before the run was done.")

    def told(self, message: Mapping[str, Any]) -> bool:
        """Take in one message; whether it was the last."""
        kind, data = message["type"], message.get("data") or {}
        if data.get("prompt_id") != self.prompt_id:
            return False
        if kind == "execution_cached":
            for node in data["nodes"]:
                self.screen.kept(node, self.title(node))
        elif kind == "executing":
            self.next(data.get("node") or "")
        elif kind == "progress":
            self.screen.progressed(self.running, data["value"], data["max"], None)
        elif kind == "execution_error":
            words = shown(data["exception_message"], LONGEST_SENTENCE)
            raise NodeError(data["node_id"], data["node_type"], self.title(data["node_id"]), words)
        elif kind == "execution_interrupted":
            raise RemoteStopped
        elif kind == "execution_success":
            self.next("")
            return True
        return False

    def next(self, node: str) -> None:
        """One node ends, another begins ("": none does)."""
        if self.running:
            self.screen.finished(self.running, time.monotonic() - self.began)
        self.running, self.began = node, time.monotonic()
        if node:
            self.screen.started(node, self.title(node))

    def title(self, node: str) -> str:
        """What the person calls a node; its id for one that the host made itself."""
        return title_of(self.prompt[node]) if node in self.prompt else node

    def preview(self, data: bytes) -> None:
        """Show a preview of the running node."""
        (kind,) = struct.unpack_from(">I", data)
        if kind not in (PREVIEW, PREVIEW_WITH_NODE):
            return
        skip = 8 if kind == PREVIEW else 8 + struct.unpack_from(">I", data, 4)[0]
        with Image.open(io.BytesIO(data[skip:])) as picture:
            self.screen.progressed(self.running, 0, 0, picture.convert("RGB"))

    async def download(self, folder: Path) -> list[Path]:
        """Fetch what the run saved into a folder of this machine."""
        shown = (await self.record()).get("outputs", {})
        saved = [file for ui in shown.values() for file in ui.get("images", []) if file.get("type") == "output"]
        return [await self.fetch(file, folder) for file in saved]

    async def record(self) -> dict[str, Any]:
        """The host's record of the run. It says that a run succeeded a moment before it writes this."""
        for _ in range(RECORD_TRIES):
            history = await self.get(f"history/{self.prompt_id}")
            if self.prompt_id in history:
                return history[self.prompt_id]
            await asyncio.sleep(RECORD_PAUSE)
        raise HostError("ComfyUI finished the run but keeps no record of it.")

    async def fetch(self, file: Mapping[str, str], folder: Path) -> Path:
        """One file, under its name on the host; never outside the folder."""
        name = f"{file.get('subfolder', '')}/{file.get('filename', '')}".lstrip("/")
        try:
            path = inside(folder, name)
        except ValueError as error:
            raise HostError(f"ComfyUI names a file outside its output folder ({shown(error)}).") from error
        async with self.session.get("view", params=dict(file)) as answer:
            answer.raise_for_status()
            content = await answer.read()
        write_over(path, lambda temporary: Path(temporary).write_bytes(content))
        return path
