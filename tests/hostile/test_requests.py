"""Requests to the pack's routes from other sites, under foreign names, too long, in pieces, or no JSON.

`--hostile 20` sends twenty times as many.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from typing import Any

import pytest
from aiohttp import web

from style_atelier.tests.hostile.values import hostile_value
from style_atelier.tests.pack import Pack

COUNT = 20
HOSTS = ("[", "[::1", "a b", "127.0.0.1:99999999", "", "@127.0.0.1", "127.0.0.1@evil.example", "]:8188")
FOREIGN = ("evil.example", "127.0.0.1.evil.example:8188", "192.168.1.5:8188")


class Server:
    """What the routes ask of the host's."""

    class prompt_queue:
        currently_running: tuple[Any, ...] = ()

    def send_sync(self, event: str, data: Any) -> None:
        """Nobody listens."""


@pytest.fixture
def routes(pack: Pack) -> web.Application:
    explorer = importlib.import_module("style_atelier.nodes.page.explorer_routes").ExplorerRoutes(Server())
    weights = importlib.import_module("style_atelier.nodes.page.weights_routes").WeightsRoutes(Server())
    app = web.Application()
    app.router.add_post("/style_atelier/explore", explorer.picture)
    app.router.add_get("/style_atelier/weights", weights.status)
    app.router.add_post("/style_atelier/weights/{name:.+}/download", weights.download)
    app.router.add_post("/style_atelier/weights/{name:.+}/cancel", weights.cancel)
    app.router.add_post("/style_atelier/weights/{name:.+}/trust", weights.trust)
    app.router.add_post("/style_atelier/keep", importlib.import_module("style_atelier.nodes.page.keep_routes").keep_this)
    training = importlib.import_module("style_atelier.nodes.training.routes")
    app.router.add_get("/style_atelier/training/{name:.+}/status", training.status)
    return app


async def ask(app: web.Application, requests: list[bytes]) -> list[bytes]:
    """The answers to raw requests, a connection each."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    answers = []
    try:
        for request in requests:
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(request.replace(b"PORT", str(runner.addresses[0][1]).encode()))
            answers.append(await asyncio.wait_for(reader.read(), 10))
            writer.close()
    finally:
        await runner.cleanup()
    return answers


def raw(path: str, body: bytes = b"{}", method: str = "POST", chunked: bool = False, **headers: str) -> bytes:
    """A request as bytes; the connection ends with its answer."""
    lines = {"Host": "127.0.0.1:PORT", "Content-Type": "application/json", "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    pieces = (body[at : at + 60_000] for at in range(0, len(body), 60_000))
    content = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n" if chunked else body
    return head.encode("utf-8", "surrogatepass") + content


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


PATHS = (
    ("/style_atelier/explore", "POST"),
    ("/style_atelier/weights", "GET"),
    ("/style_atelier/weights/adain/download", "POST"),
    ("/style_atelier/weights/adain/cancel", "POST"),
    ("/style_atelier/weights/adain/trust", "POST"),
    ("/style_atelier/keep", "POST"),
    ("/style_atelier/training/x/status", "GET"),
)


@pytest.mark.parametrize(("path", "method"), PATHS)
def test_other_sites_and_foreign_names(routes: web.Application, path: str, method: str) -> None:
    def one(**headers: str) -> bytes:
        return raw(path, b"", method, **headers)

    requests = [one(Host=host) for host in (*HOSTS, *FOREIGN)]
    requests += [one(Origin=origin) for origin in ("http://evil.example", "null", "http://[", "http://127.0.0.1:1")]
    requests += [one(Sec_Fetch_Site="cross-site")]
    answers = asyncio.run(ask(routes, requests))
    assert {status(answer) for answer in answers[: len(HOSTS)]} <= {400, 403}, answers[: len(HOSTS)]
    assert {status(answer) for answer in answers[len(HOSTS) :]} == {403}
    assert status(answers[0]) == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_long_requests(routes: web.Application, chunked: bool) -> None:
    body = b'{"prompt": {}, "x": "' + b"a" * (2 << 20) + b'"}'
    requests = [raw(path, body, "POST", chunked) for path, method in PATHS if method == "POST"]
    assert {status(answer) for answer in asyncio.run(ask(routes, requests))} == {415}


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[" * 100_000, b"null", b"5", b"[]", b"NaN", b"9" * 10_000, b"\xff\xfe", b'{"a":1,"a":1}', b'{"side":1e999}'],
)
def test_bodies_that_are_no_wish(routes: web.Application, body: bytes) -> None:
    answers = asyncio.run(ask(routes, [raw(path, body) for path in ("/style_atelier/explore", "/style_atelier/keep")]))
    assert {status(answer) for answer in answers} <= {400, 415}


def test_wishes_of_lies(routes: web.Application, hostile: int) -> None:
    import json

    rng = random.Random(9)
    kinds = (
        "StyleAtelierLoadGenerator",
        "StyleAtelierSampleW",
        "StyleAtelierLoadW",
        "StyleAtelierMixW",
        "StyleAtelierDecode",
        "x",
    )
    requests = []
    for _ in range(COUNT * hostile):
        inputs = {rng.choice(("generator", "seed", "psi", "w", "torch_compile", "a.b")): hostile_value(rng) for _ in range(4)}
        graph = {
            "1": {"class_type": rng.choice(kinds), "inputs": inputs},
            "2": {"class_type": rng.choice(kinds), "inputs": {"w": ["1", 0]}},
        }
        wish = {
            "prompt": rng.choice((graph, graph, hostile_value(rng))),
            "node": "2",
            "panel": "p",
            "side": rng.choice((64, 64, hostile_value(rng))),
        }
        requests.append(raw("/style_atelier/explore", json.dumps(wish).encode()))
    for answer in asyncio.run(ask(routes, requests)):
        assert status(answer) in (400, 409, 415, 423), answer
        assert b"/root/" not in answer
        assert b"/tmp/" not in answer


def test_answers_name_no_folder(pack: Pack) -> None:
    door = importlib.import_module("style_atelier.nodes.page.door")
    said = {
        "error": "/home/me/models/style_atelier/own/a b.pth is damaged at C:\\Users\\me\\x.pth, see https://host.example/a/b.c"
    }
    assert door.placeless(said) == {"error": "a b.pth is damaged at x.pth, see https://host.example/a/b.c"}
    assert door.placeless({"job": {"error": "no place", "name": "net/x"}})["job"]["name"] == "net/x"
