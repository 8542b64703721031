"""Routes for the page's weights panel: what is here, download, cancel."""

from __future__ import annotations

import asyncio
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models.library.known_files import look
from ...models.weights.catalogue import Catalogue, load_catalogue
from ...models.weights.errors import WeightsError
from .door import Refused, answer, check_origin, is_this_machine, placeless, read_body, refusal, without_places
from .weights_jobs import Choice, Downloads, changed_files, choice_status, choices, known_words, own_files, trust

if TYPE_CHECKING:
    from aiohttp import web

EVENT = "style_atelier.weights"
FOLDER = "style_atelier"
LONGEST_REQUEST = 1 << 12


class WeightsRoutes:
    """The handlers; `server` is the host's PromptServer."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._downloads = Downloads(lambda job: server.send_sync(EVENT, placeless(job)))

    async def status(self, request: web.Request) -> web.Response:
        """GET: every choice of the catalogue, the person's own files, and whether this browser may download."""
        try:
            check_origin(request.remote, request.headers)
            found = await asyncio.to_thread(self._status)
        except Refused as refused:
            return refused.answer()
        except WeightsError as error:
            return answer({"error": str(error)}, 500)
        return answer({**found, "refusal": refusal(request.remote, request.headers)})

    async def download(self, request: web.Request) -> web.Response:
        """POST: begin to fetch one choice; 202 with its job, also when it is already under way."""
        try:
            choice = await _asked_for(request)
        except Refused as refused:
            return refused.answer()
        return answer({"job": vars(self._downloads.start(choice, _folders(), _catalogue().hosts))}, 202)

    async def cancel(self, request: web.Request) -> web.Response:
        """POST: stop fetching one choice; 409 when it is not under way."""
        try:
            choice = await _asked_for(request)
        except Refused as refused:
            return refused.answer()
        if not self._downloads.cancel(choice.name):
            return answer({"error": f"No download of {choice.name!r} is under way."}, 409)
        return answer({}, 202)

    async def trust(self, request: web.Request) -> web.Response:
        """POST: the person says that files which are not those that were first used are right; 409 when there are none."""
        try:
            choice = await _asked_for(request)
        except Refused as refused:
            return refused.answer()
        if not changed_files(choice, _folders()):
            return answer({"error": f"No file of {choice.name!r} is another than it was."}, 409)
        await asyncio.to_thread(trust, choice, _folders())
        return answer({}, 202)

    def _status(self) -> dict[str, Any]:
        catalogue, folders = _catalogue(), _folders()
        listed = choices(catalogue).values()
        entries = [choice_status(choice, folders, self._downloads.job(choice.name)) for choice in listed]
        words = known_words(folders)
        threading.Thread(target=look, args=(folders,), name="style-atelier-own-files", daemon=True).start()
        return {
            "entries": entries,
            "own_files": own_files(folders, catalogue),
            "own_words": {name: without_places(text) for name, text in words.items()},
        }


def register_routes() -> bool:
    """Add the routes to the running ComfyUI; False where there is no server (headless, tests)."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    handlers = WeightsRoutes(server)
    server.routes.get("/style_atelier/weights")(handlers.status)
    server.routes.post("/style_atelier/weights/{name:.+}/download")(handlers.download)
    server.routes.post("/style_atelier/weights/{name:.+}/cancel")(handlers.cancel)
    server.routes.post("/style_atelier/weights/{name:.+}/trust")(handlers.trust)
    return True


async def _asked_for(request: web.Request) -> Choice:
    """The choice that a request names. Raises Refused."""
    if is_this_machine(request.remote):
        check_origin(request.remote, request.headers)
    why = refusal(request.remote, request.headers)
    if why:
        raise Refused(why, 403)
    # A form of another site can post without a preflight, but not as JSON.
    if request.content_type != "application/json":
        raise Refused("Send the request as application/json.", 415)
    if request.can_read_body:
        await read_body(request, LONGEST_REQUEST)
    listed, name = choices(_catalogue()), request.match_info["name"]
    if name not in listed:
        raise Refused(f"The catalogue has no {name[:80]!r}; it has {', '.join(listed)}.", 404)
    return listed[name]


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()


def _folders() -> list[Path]:
    import folder_paths

    return [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
