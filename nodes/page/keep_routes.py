"""The route behind the button "Keep this": what a node has made so far becomes its result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..host.feedback import keep
from .door import Refused, answer, check_origin, read_body

if TYPE_CHECKING:
    from aiohttp import web

ROUTE = "/style_atelier/keep"
LONGEST_REQUEST = 1 << 10


async def keep_this(request: web.Request) -> web.Response:
    """POST {node}: 202; the node's number on the page, without those of the subgraphs around it."""
    try:
        check_origin(request.remote, request.headers)
        node = str((await read_body(request, LONGEST_REQUEST))["node"])[:100]
    except Refused as refused:
        return refused.answer()
    except (LookupError, TypeError):
        return answer({"error": "The request does not name a node."}, 400)
    keep(node)
    return answer({}, 202)


def register_keep() -> bool:
    """Add the route to the running ComfyUI; False where there is no server (headless, tests)."""
    server: Any = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    server.routes.post(ROUTE)(keep_this)
    return True
