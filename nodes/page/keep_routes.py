"""The route behind the button "Keep this": what a node has made so far becomes its result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..host.feedback import keep

if TYPE_CHECKING:
    from aiohttp import web

ROUTE = "/style_atelier/keep"
LONGEST_REQUEST = 1 << 10


async def keep_this(request: web.Request) -> web.Response:
    """POST {node}: 202; the node's number on the page, without those of the subgraphs around it."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        return _answer("Another site's page may not press this button.", 403)
    if request.content_type != "application/json" or (request.content_length or 0) > LONGEST_REQUEST:
        return _answer("Send a small request as application/json.", 415)
    try:
        node = str((await request.json())["node"])[:100]
    except (ValueError, LookupError, TypeError, RecursionError):
        return _answer("The request does not name a node.", 400)
    keep(node)
    return _answer("", 202)


def register_keep() -> bool:
    """Add the route to the running ComfyUI; False where there is no server (headless, tests)."""
    server: Any = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    server.routes.post(ROUTE)(keep_this)
    return True


def _answer(error: str, status: int) -> web.Response:
    from aiohttp import web

    return web.json_response({"error": error} if error else {}, status=status)
