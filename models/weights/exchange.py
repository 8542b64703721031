"""One request to a web server that may hang, lie or lead elsewhere: what is asked, and who may answer."""

from __future__ import annotations

import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urljoin, urlsplit

from .addresses import allowed, is_loopback
from .errors import DownloadError
from .transfer import Reply, TryAgain, Unreached
from .words import shown

CHUNK = 1 << 18
SECONDS_BETWEEN_REPORTS = 0.1
LONGEST_HOST, LONGEST_HEADER = 100, 500

Limits = tuple[float, float]  # seconds of silence, and seconds for a connection


class Exchange:
    """One request in a thread of its own, so that a silent server never keeps the caller from reporting and being interrupted."""

    def __init__(
        self, url: str, headers: dict[str, str], hosts: tuple[str, ...], limits: Limits, idle: Callable[[], None]
    ) -> None:
        self._host = urlsplit(url).hostname or url
        self._url, self._headers, self._hosts, self._idle = url, headers, hosts, idle
        self._timeout, self._connect = limits
        self._connected = threading.Event()
        self._events: queue.Queue[Any] = queue.Queue(maxsize=8)
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="style-atelier-download").start()

    def reply(self) -> Reply:
        """The head of the answer; TryAgain when none comes, DownloadError when the address is not allowed."""
        return self._next()

    def body(self) -> Iterator[bytes]:
        """The bytes of the answer, as they come; TryAgain when the line breaks."""
        while (chunk := self._next()) is not None:
            yield chunk

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def _next(self) -> Any:
        # The socket's own time-out comes first; this one is for name servers and proxies that hang.
        began = time.monotonic()
        end = began + 3 * self._timeout
        while True:
            try:
                event = self._events.get(timeout=SECONDS_BETWEEN_REPORTS)
            except queue.Empty:
                self._idle()
                if time.monotonic() > began + self._connect and not self._connected.is_set():
                    raise Unreached(f"{self._host} cannot be reached (no connection in {self._connect:g} seconds)") from None
                if time.monotonic() > end:
                    raise TryAgain(f"{self._host} does not answer") from None
                continue
            if isinstance(event, Exception):
                raise event
            return event

    def _put(self, event: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._events.put(event, timeout=SECONDS_BETWEEN_REPORTS)
                return True
            except queue.Full:
                continue
        return False

    def _run(self) -> None:
        host = self._host
        try:
            with open_address(self._url, self._headers, self._hosts, self._timeout, self._connected.set) as answer:
                answered_by = urlsplit(answer.geturl()).hostname or host
                going = self._put(Reply(answer.status, _lower(answer.headers), shown(answered_by, LONGEST_HOST)))
                while going and (chunk := answer.read1(CHUNK)):
                    going = self._put(chunk)
                self._put(None)
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location", "")
            if 300 <= error.code < 400 and target and not urljoin(self._url, target).startswith("http"):
                self._put(DownloadError(f"{host} redirects to {_place(target)}, which is not allowed"))
            self._put(Reply(error.code, _lower(error.headers), host))
            error.close()
        except DownloadError as error:
            self._put(error)
        except TimeoutError:
            self._put(TryAgain(f"{host} sends nothing for {self._timeout:g} seconds"))
        except OSError as error:
            why = shown(getattr(error, "reason", None) or error or type(error).__name__)
            kind = TryAgain if self._connected.is_set() else Unreached
            self._put(kind(f"{host} cannot be reached ({why})"))
        except (HTTPException, ValueError) as error:  # whose words are the server's
            self._put(TryAgain(f"{host} does not answer as a web server does ({type(error).__name__})"))


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an allowed address, with the same headers."""

    max_redirections = 8

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request:
        target = urljoin(req.full_url, newurl)
        source = urlsplit(req.full_url).hostname or ""
        _require_allowed(target, self._hosts, f"{source} redirects to")
        if is_loopback(urlsplit(target).hostname or "") and not is_loopback(source):
            raise DownloadError(f"{source} redirects to this machine itself, where no published file is")
        return urllib.request.Request(target, headers=dict(req.header_items()))

    # Python 3.10 does not know the permanent redirect that keeps the method.
    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


def _require_allowed(url: str, hosts: tuple[str, ...], verb: str) -> None:
    if not allowed(url, hosts):
        raise DownloadError(f"{verb} {_place(url)}, which is not among the hosts that files may come from")


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        return shown(f"{parts.scheme}://{parts.hostname}", LONGEST_HOST)
    except ValueError:
        return "an address that is none"


class _Plain(urllib.request.HTTPHandler):
    """Opens http: addresses, and says when a connection has come about."""

    def __init__(self, connected: Callable[[], None]) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_reporting(HTTPConnection, self._connected), req)


class _Secure(urllib.request.HTTPSHandler):
    """Opens https: addresses, and says when a connection has come about."""

    def __init__(self, connected: Callable[[], None]) -> None:
        super().__init__()
        self._connected = connected

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_reporting(HTTPSConnection, self._connected), req)


def _reporting(kind: type[HTTPConnection], connected: Callable[[], None]) -> Any:
    """Makes connections that call `connected` once they stand."""

    def made(*args: Any, **options: Any) -> HTTPConnection:
        connection = kind(*args, **options)
        connect = connection.connect

        def reporting() -> None:
            connect()
            connected()

        connection.connect = reporting  # type: ignore[method-assign]
        return connection

    return made


def open_address(url: str, headers: dict[str, str], hosts: tuple[str, ...], timeout: float, connected: Callable[[], None]) -> Any:
    _require_allowed(url, hosts, "The address is on")
    opener = urllib.request.OpenerDirector()
    # Only these: the usual set would also open ftp:, file: and data: addresses. ProxyHandler reads the system's proxies.
    for handler in (
        urllib.request.ProxyHandler(),
        _Plain(connected),
        _Secure(connected),
        urllib.request.HTTPDefaultErrorHandler(),
        Redirects(hosts),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value[:LONGEST_HEADER] for name, value in headers.items()}
