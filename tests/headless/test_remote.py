"""The same job in a ComfyUI: a pretended one that answers as the real one does, and the real one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from style_atelier.headless import cli
from style_atelier.headless.execute import NodeError
from style_atelier.headless.object_info import read_node
from style_atelier.headless.process import HostError
from style_atelier.headless.remote import RemoteStopped, run_remote
from style_atelier.headless.run import Invalid, Job
from style_atelier.headless.terminal import Lines
from style_atelier.tests.headless.fakes import prompt
from style_atelier.tests.host.comfy import find_comfyui

PNG = b"a picture"
FILE = {"filename": "x_00001_.png", "subfolder": "sub", "type": "output"}
OBJECT_INFO = {
    "LoadImage": {
        "name": "LoadImage", "output": ["IMAGE"], "output_name": ["IMAGE"], "output_node": False,
        "input": {"required": {"image": [["a.png"], {}]}},
    },
    "SaveImage": {
        "name": "SaveImage", "output": [], "output_name": [], "output_node": True,
        "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "x"}]}},
    },
}  # fmt: skip


class Pretended:
    """As much of ComfyUI's server as a run needs. ending: how the run goes on after it is queued."""

    def __init__(self, ending: str = "success") -> None:
        self.ending = ending
        self.posted: dict[str, Any] = {}
        self.socket: web.WebSocketResponse | None = None
        self.file = FILE

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/object_info", self.object_info)
        app.router.add_get("/ws", self.ws)
        app.router.add_get("/view", self.view)
        app.router.add_get("/history/p", self.history)
        for path in ("/upload/image", "/prompt", "/interrupt", "/queue"):
            app.router.add_post(path, self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()

    async def object_info(self, request: web.Request) -> web.Response:
        return web.json_response(OBJECT_INFO)

    async def history(self, request: web.Request) -> web.Response:
        return web.json_response({"p": {"outputs": {"2": {"images": [self.file]}}}})

    async def view(self, request: web.Request) -> web.Response:
        assert dict(request.query) == self.file
        return web.Response(body=PNG)

    async def ws(self, request: web.Request) -> web.WebSocketResponse:
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        async for _ in self.socket:
            pass
        return self.socket

    async def take(self, request: web.Request) -> web.Response:
        if request.path == "/upload/image":
            form = await request.post()
            return web.json_response({"name": form["image"].filename, "subfolder": form["subfolder"], "type": "input"})
        self.posted[request.path] = await request.json()
        if request.path != "/prompt":
            return web.json_response({})
        if self.ending == "refused":
            wrong = {"type": "value_not_in_list", "message": "Value not in list", "details": "image: 'a' not in []"}
            body = {"error": {"message": "no"}, "node_errors": {"1": {"errors": [wrong], "class_type": "LoadImage"}}}
            return web.json_response(body, status=400)
        self.going = asyncio.create_task(self.go())
        return web.json_response({"prompt_id": "p", "node_errors": {}})

    async def go(self) -> None:
        """The messages of a run."""
        await asyncio.sleep(0.01)
        await self.say("executing", node="of another prompt", prompt_id="q")
        await self.say("execution_cached", nodes=["1"])
        await self.say("executing", node="2")
        await self.say("progress", value=1, max=2, node="2")
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG")
        assert self.socket is not None
        await self.socket.send_bytes(struct.pack(">II", 1, 1) + buffer.getvalue())
        if self.ending == "error":
            await self.say("execution_error", node_id="2", node_type="SaveImage", exception_message="The disk\nis full.")
        elif self.ending == "success":
            await self.say("execution_success")
        elif self.ending == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        elif self.ending == "gone":
            await self.socket.close()

    async def say(self, kind: str, **data: Any) -> None:
        assert self.socket is not None
        await self.socket.send_json({"type": kind, "data": {"prompt_id": "p"} | data})


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """LoadImage -> SaveImage with a picture of the person's."""
    Image.new("RGB", (32, 32), "red").save(tmp_path / "photo.png")
    nodes = prompt(**{"1": ("LoadImage", {"image": "a.png"}), "2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "x"})})
    path = tmp_path / "copy.json"
    path.write_text(json.dumps(nodes))
    return Job(path, ["SaveImage.filename_prefix=y"], [str(tmp_path / "photo.png")], tmp_path / "out", tmp_path / "models", "cpu")


def drive(job: Job, host: Pretended) -> tuple[list[Path], str]:
    """Run the job in a pretended host; the pictures, and what the terminal showed."""
    out = io.StringIO()

    async def go() -> list[Path]:
        async with host.serving() as address:
            return await run_remote(job, Lines(out), address, None)

    return asyncio.run(go()), out.getvalue()


def test_uploads_queues_follows_and_downloads(job: Job) -> None:
    host = Pretended()
    (path,), shown = drive(job, host)
    assert path == job.output_dir / "sub" / "x_00001_.png"
    assert path.read_bytes() == PNG
    sent = host.posted["/prompt"]["prompt"]
    assert sent["1"]["inputs"]["image"] == "style_atelier_headless/photo.png"
    assert sent["2"]["inputs"]["filename_prefix"] == "y"
    assert shown.splitlines() == ["LoadImage unchanged", "SaveImage ...", "SaveImage done in 0.0 s"]


def test_a_node_that_fails(job: Job) -> None:
    with pytest.raises(NodeError, match=r"SaveImage \(node 2, SaveImage\) failed: The disk is full\.$"):
        drive(job, Pretended("error"))


def test_a_prompt_that_is_refused(job: Job) -> None:
    with pytest.raises(Invalid, match=r"LoadImage \(node 1\): Value not in list: image: 'a' not in \[\]"):
        drive(job, Pretended("refused"))


def test_ctrl_c_stops_the_run_there(job: Job) -> None:
    host = Pretended("ctrl-c")
    with pytest.raises(RemoteStopped):
        drive(job, host)
    assert host.posted["/interrupt"] == {"prompt_id": "p"}
    assert host.posted["/queue"] == {"delete": ["p"]}


def test_a_host_that_goes_away(job: Job) -> None:
    with pytest.raises(HostError, match="closed the connection"):
        drive(job, Pretended("gone"))


def test_a_host_that_names_files_elsewhere_gets_nothing_written(job: Job) -> None:
    host = Pretended()
    host.file = FILE | {"subfolder": "../.."}
    with pytest.raises(HostError, match="outside"):
        drive(job, host)


def test_a_checkout_that_is_none(job: Job, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"no main\.py"):
        asyncio.run(run_remote(job, Lines(io.StringIO()), None, tmp_path))


def test_dynamic_inputs_of_object_info() -> None:
    template = {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 3}
    options = [{"key": "blur", "inputs": {"required": {"radius": ["INT", {"min": 0}]}}}]
    required = {"many": ["COMFY_AUTOGROW_V3", {"template": template}], "mode": ["COMFY_DYNAMICCOMBO_V3", {"options": options}]}
    info = read_node({"name": "N", "output": [], "output_name": [], "output_node": True, "input": {"required": required}})
    many, mode = info.inputs
    assert (many.kind, many.template.names, many.template.min) == ("autogrow", ["image0", "image1", "image2"], 1)
    assert (mode.kind, mode.options[0].key, mode.options[0].inputs[0].id) == ("dynamic_combo", "blur", "radius")


@pytest.mark.host
def test_a_real_comfyui(job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    comfyui = find_comfyui()
    if comfyui is None:
        pytest.skip("SKIPPED: no ComfyUI found (set COMFYUI_PATH); the headless runner was not checked with the real host.")
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui))
    words = ["run", str(job.workflow), "--input", job.inputs[0], "--output-dir", str(job.output_dir)]
    assert cli.main([*words, "--models-dir", str(job.models_dir), "--device", "cpu"]) == 0
    (path,) = capsys.readouterr().out.split()
    with Image.open(path) as saved:
        assert saved.getpixel((3, 3)) == (255, 0, 0)
