"""Routes for the page's weights panel: what is here, download, cancel."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...models.weights.catalogue import Catalogue, load_catalogue
from ...models.weights.errors import WeightsError
from .weights_jobs import Choice, Downloads, choice_status, choices, own_files

if TYPE_CHECKING:
    from aiohttp import web

EVENT = "style_atelier.weights"
FOLDER = "style_atelier"
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def _is_this_machine(host: str | None) -> bool:
    if not host:
        return False
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def refusal(remote: str | None, headers: Mapping[str, str]) -> str | None:
    """Why a request from the address `remote` may not start or stop a download, None when it may.

    Only ComfyUI's own page, opened on the machine that runs it, may: the peer, the Host (against DNS rebinding) and any
    Origin have to be this machine, and no proxy may stand between.
    """
    if not _is_this_machine(remote) or any(name in headers for name in PROXY_HEADERS):
        return "Downloads start only from a browser on ComfyUI's own machine; or queue the node, which fetches what it needs."
    host = headers.get("Host", "")
    if not _is_this_machine(urlsplit(f"//{host}").hostname):
        return "Downloads start only where ComfyUI is opened as localhost; or queue the node, which fetches what it needs."
    origin = headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if foreign or headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return "Another site's page may not start or stop a download."
    return None


class WeightsRoutes:
    """The handlers; `server` is the host's PromptServer."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._downloads = Downloads(lambda job: server.send_sync(EVENT, job))

    async def status(self, request: web.Request) -> web.Response:
        """GET: every choice of the catalogue, the person's own files, and whether this browser may download."""
        try:
            found = await asyncio.to_thread(self._status)
        except WeightsError as error:
            return _answer({"error": str(error)}, 500)
        return _answer({**found, "refusal": refusal(request.remote, request.headers)})

    async def download(self, request: web.Request) -> web.Response:
        """POST: begin to fetch one choice; 202 with its job, also when it is already under way."""
        choice = _asked_for(request)
        if not isinstance(choice, Choice):
            return choice
        return _answer({"job": vars(self._downloads.start(choice, _folders(), _catalogue().hosts))}, 202)

    async def cancel(self, request: web.Request) -> web.Response:
        """POST: stop fetching one choice; 409 when it is not under way."""
        choice = _asked_for(request)
        if not isinstance(choice, Choice):
            return choice
        if not self._downloads.cancel(choice.name):
            return _answer({"error": f"No download of {choice.name!r} is under way."}, 409)
        return _answer({}, 202)

    def _status(self) -> dict[str, Any]:
        catalogue, folders = _catalogue(), _folders()
        listed = choices(catalogue).values()
        entries = [choice_status(choice, folders, self._downloads.job(choice.name)) for choice in listed]
        return {"entries": entries, "own_files": own_files(folders, catalogue)}


def register_routes() -> bool:
    """Add the routes to the running ComfyUI; False where there is no server (headless, tests)."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        return False
    handlers = WeightsRoutes(server)
    server.routes.get("/style_atelier/weights")(handlers.status)
    server.routes.post("/style_atelier/weights/{name:.+}/download")(handlers.download)
    server.routes.post("/style_atelier/weights/{name:.+}/cancel")(handlers.cancel)
    return True


def _asked_for(request: web.Request) -> Choice | web.Response:
    why = refusal(request.remote, request.headers)
    if why:
        return _answer({"error": why}, 403)
    # A form of another site can post without a preflight, but not as JSON.
    if request.content_type != "application/json":
        return _answer({"error": "Send the request as application/json."}, 415)
    listed, name = choices(_catalogue()), request.match_info["name"]
    if name not in listed:
        return _answer({"error": f"The catalogue has no {name!r}; it has {', '.join(listed)}."}, 404)
    return listed[name]


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    from aiohttp import web

    return web.json_response(body, status=status)


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()


def _folders() -> list[Path]:
    import folder_paths

    return [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
