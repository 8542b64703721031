"""Routes for the page's training panel: how a run goes, its samples, stop."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from ..page.weights_routes import refusal
from . import live
from .run import run_folder

if TYPE_CHECKING:
    from aiohttp import web


async def status(request: web.Request) -> web.Response:
    """GET: numbers, curves and samples of the run of this name; state "none" where there is none."""
    name = request.match_info["name"]
    try:
        found = await asyncio.to_thread(live.status, name, run_folder(name))
    except ValueError as error:
        return _answer({"error": str(error)}, 404)
    return _answer(found or {"state": "none"})


async def sample(request: web.Request) -> web.Response:
    """GET: the picture after a step, as JPEG."""
    from aiohttp import web

    name, step = request.match_info["name"], int(request.match_info["step"])
    try:
        found = await asyncio.to_thread(live.sample, name, run_folder(name), step)
    except ValueError as error:
        return _answer({"error": str(error)}, 404)
    if found is None:
        return _answer({"error": f"There is no sample after step {step}."}, 404)
    return web.Response(body=found, content_type="image/jpeg", headers={"Cache-Control": "no-cache"})


async def stop(request: web.Request) -> web.Response:
    """POST: stop the run of this name at its next step; 409 when it is not under way."""
    why = refusal(request.remote, request.headers)
    if why:
        return _answer({"error": why}, 403)
    # A form of another site can post without a preflight, but not as JSON.
    if request.content_type != "application/json":
        return _answer({"error": "Send the request as application/json."}, 415)
    name = request.match_info["name"]
    if not live.stop(name):
        return _answer({"error": f"No training called {name!r} is under way."}, 409)
    return _answer({}, 202)


def register_training() -> bool:
    """Add the routes to the running ComfyUI; False where there is no server (headless, tests)."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    server.routes.get("/style_atelier/training/{name:.+}/sample/{step:[0-9]+}")(sample)
    server.routes.get("/style_atelier/training/{name:.+}/status")(status)
    server.routes.post("/style_atelier/training/{name:.+}/stop")(stop)
    return True


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    from aiohttp import web

    return web.json_response(body, status=status)
