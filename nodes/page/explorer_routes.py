"""The route behind the page's explorer: a small picture for the newest wish, none for those that it has overtaken."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any

from ...models.weights.errors import WeightsError
from .door import Refused, answer, check_origin, read_body
from .explorer import Explorer, ExplorerError

if TYPE_CHECKING:
    from aiohttp import web

ROUTE = "/style_atelier/explore"
MOST_PANELS = 256
log = logging.getLogger("style_atelier")


class Overtaken(BaseException):
    """A newer wish of the same panel is there. Not an Exception, so that nothing on the way takes it for a fault."""


class ExplorerRoutes:
    """The handler; `server` is the host's PromptServer. One picture is made at a time."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._explorer = Explorer()
        self._turn = asyncio.Lock()
        self._newest: dict[str, int] = {}
        self._count = 0

    async def picture(self, request: web.Request) -> web.Response:
        """POST {prompt, node, panel, side}: JPEG; 409 when overtaken, 423 while a workflow runs, 400 with a reason."""
        try:
            check_origin(request.remote, request.headers)
            wish = await read_body(request)
            graph, node, panel, side = wish["prompt"], str(wish["node"]), str(wish["panel"])[:100], int(wish["side"])
        except Refused as refused:
            return refused.answer()
        except (ValueError, LookupError, TypeError, OverflowError):
            return answer({"error": "The explorer's request has not the form that it should have."}, 400)
        self._count += 1
        self._newest.pop(panel, None)  # so that the oldest wishes come first
        mine = self._newest[panel] = self._count
        if len(self._newest) > MOST_PANELS:
            self._newest.pop(next(iter(self._newest)))
        async with self._turn:
            if self._newest.get(panel) != mine:
                return answer({"error": "A newer picture was asked for."}, 409)
            if self._server.prompt_queue.currently_running:
                return answer({"error": "A workflow is running; the preview goes on behind it."}, 423)

            def still_wanted(*_: object) -> None:
                if self._newest.get(panel) != mine:
                    raise Overtaken

            try:
                made = await asyncio.to_thread(self._explorer.picture, graph, node, side, still_wanted)
            except Overtaken:
                return answer({"error": "A newer picture was asked for."}, 409)
            except (ExplorerError, WeightsError, ValueError) as error:
                return answer({"error": str(error)}, 400)
            except Exception as error:
                log.exception("A preview failed")
                return answer({"error": f"The preview failed: {error}"}, 400)
        from aiohttp import web

        return web.Response(body=made, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def register_explorer() -> bool:
    """Add the route to the running ComfyUI; False where there is no server (headless, tests)."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    server.routes.post(ROUTE)(ExplorerRoutes(server).picture)
    return True
