"""Routes for the page's training panel: how a run goes, and its samples."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from ..page.door import Refused, answer, check_origin
from . import live
from .run import run_folder

if TYPE_CHECKING:
    from aiohttp import web

LONGEST_STEP = 12  # digits


async def status(request: web.Request) -> web.Response:
    """GET: numbers, curves and samples of the run of this name; state "none" where there is none."""
    name = request.match_info["name"]
    try:
        check_origin(request.remote, request.headers)
        found = await asyncio.to_thread(live.status, name, run_folder(name))
    except Refused as refused:
        return refused.answer()
    except ValueError as error:
        return answer({"error": str(error)}, 404)
    return answer(found or {"state": "none"})


async def sample(request: web.Request) -> web.Response:
    """GET: the picture after a step, as JPEG."""
    from aiohttp import web

    name, step = request.match_info["name"], int(request.match_info["step"][:LONGEST_STEP])
    try:
        check_origin(request.remote, request.headers)
        found = await asyncio.to_thread(live.sample, name, run_folder(name), step)
    except Refused as refused:
        return refused.answer()
    except ValueError as error:
        return answer({"error": str(error)}, 404)
    if found is None:
        return answer({"error": f"There is no sample after step {step}."}, 404)
    return web.Response(body=found, content_type="image/jpeg", headers={"Cache-Control": "no-cache"})


def register_training() -> bool:
    """Add the routes to the running ComfyUI; False where there is no server (headless, tests)."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    server.routes.get("/style_atelier/training/{name:.+}/sample/{step:[0-9]+}")(sample)
    server.routes.get("/style_atelier/training/{name:.+}/status")(status)
    return True
