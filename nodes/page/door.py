"""What every route of the pack passes through: who may ask, how long a request may be, and what an answer may say."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...models.weights.json_text import read_json
from ...models.weights.words import LONGEST_SENTENCE, shown

if TYPE_CHECKING:
    from aiohttp import web

PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
LONGEST_REQUEST = 1 << 20
# A place on this machine's disk, down to the folder that the last name lies in; what follows a colon is an address of the web.
PLACE = r"(?<![\w:/.\\])(?:[A-Za-z]:)?[\\/](?:[^\s'\"\\/:]+[\\/])+"


class Refused(Exception):
    """Why a request gets no answer, with the status to say so."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.why, self.status = why, status

    def answer(self) -> web.Response:
        """As the page reads it."""
        return answer({"error": self.why}, self.status)


def check_origin(remote: str | None, headers: Mapping[str, str]) -> None:
    """Raise Refused for a request that another site's page may have sent: by its Origin, or under a name of its own that leads
    to this machine (DNS rebinding).
    """
    host = headers.get("Host", "")
    named = _hostname(host)
    if named is None:
        raise Refused("The request's Host is no name of a machine.", 400)
    if is_this_machine(remote) and not is_this_machine(named):
        raise Refused("ComfyUI's own machine is asked under a foreign name: open ComfyUI as localhost.", 403)
    origin = headers.get("Origin")
    if origin is not None and (_hostname(_place(origin)) is None or _place(origin) != host.lower()):
        raise Refused("Another site's page may not ask for this.", 403)
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused("Another site's page may not ask for this.", 403)


def refusal(remote: str | None, headers: Mapping[str, str]) -> str | None:
    """Why a request from the address `remote` may not start or stop a download, None when it may.

    Only ComfyUI's own page, opened on the machine that runs it, may: the peer, the Host (against DNS rebinding) and any
    Origin have to be this machine, and no proxy may stand between.
    """
    if not is_this_machine(remote) or any(name in headers for name in PROXY_HEADERS):
        return "Downloads start only from a browser on ComfyUI's own machine; or queue the node, which fetches what it needs."
    if not is_this_machine(_hostname(headers.get("Host", ""))):
        return "Downloads start only where ComfyUI is opened as localhost; or queue the node, which fetches what it needs."
    try:
        check_origin(remote, headers)
    except Refused:
        return "Another site's page may not start or stop a download."
    return None


def is_this_machine(host: str | None) -> bool:
    """Whether an address or a name is that of the machine itself."""
    if not host:
        return False
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


async def read_body(request: web.Request, most: int = LONGEST_REQUEST) -> Any:
    """The JSON of a request. Raises Refused for another type, for more than `most` bytes however they come, and for no JSON."""
    if request.content_type != "application/json":
        raise Refused("Send the request as application/json.", 415)
    content = bytearray()
    async for part in request.content.iter_any():
        content += part
        if len(content) > most:
            raise Refused(f"The request is longer than {most:,} bytes.", 415)
    try:
        return read_json(bytes(content))
    except ValueError as error:
        raise Refused(f"The request is no JSON that can be used ({shown(error)}).", 400) from error


def answer(body: Mapping[str, Any], status: int = 200) -> web.Response:
    """JSON, with every error on one line and without places of this machine's disk."""
    from aiohttp import web

    return web.json_response(placeless(body), status=status)


def placeless(value: Any) -> Any:
    """The same, with errors that name no folder of this machine."""
    if isinstance(value, Mapping):
        return {key: without_places(str(part)) if key == "error" and part else placeless(part) for key, part in value.items()}
    return [placeless(part) for part in value] if isinstance(value, (list, tuple)) else value


def without_places(text: str) -> str:
    """A sentence in which files have only their names."""
    for folder in (Path.home(), Path.cwd()):
        if len(folder.parts) > 2:
            text = text.replace(f"{folder}/", "/").replace(f"{folder}\\", "\\")
    return re.sub(PLACE, "", shown(text, LONGEST_SENTENCE))


def _hostname(host: str) -> str | None:
    """The name in "name:port"; None where there is none that can be read."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 (raises for a port that is no number)
        return parts.hostname if parts.netloc == host and "@" not in host else None
    except ValueError:
        return None


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
