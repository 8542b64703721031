"""Which addresses a file may come from, and where it is looked for: mirrors, the Hugging Face endpoint, the allow-list."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

HUGGING_FACE = "https://huggingface.co"


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine itself."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:  # 127.1, 0x7f.1, 2130706433: what a system's resolver takes for an address
            address = ipaddress.ip_address(socket.inet_aton(host)) if host[:1].isdigit() else None
        except OSError:
            return False
    if address is None:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def allowed(url: str, hosts: Iterable[str]) -> bool:
    """Whether `hosts` admit `url`: HTTPS to a listed host; plain HTTP only to `http://host` entries and this machine.

    An entry `*.name` stands for every subdomain of `name`.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host:
        return False
    plain = parts.scheme == "http"
    if not plain and parts.scheme != "https":
        return False
    for entry in hosts:
        scheme, _, name = entry.rpartition("://")
        if _matches(host, name) and (not plain or scheme == "http" or is_loopback(host)):
            return True
    return False


def candidates(urls: Iterable[str], mirrors: Mapping[str, str], hf_endpoint: str | None) -> list[str]:
    """The addresses to try, in order: for each URL its mirrors first, then the URL itself.

    `mirrors` maps the start of an address to what takes its place; `hf_endpoint` takes the place of Hugging Face altogether.
    """
    found: list[str] = []
    for url in urls:
        mirrored = [base + url[len(start) :] for start, base in mirrors.items() if url.startswith(start)]
        if hf_endpoint and url.startswith(HUGGING_FACE + "/"):
            url = hf_endpoint.rstrip("/") + url[len(HUGGING_FACE) :]
        found += [address for address in (*mirrored, url) if address not in found]
    return found


def chosen_hosts(mirrors: Mapping[str, str], hf_endpoint: str | None) -> list[str]:
    """The allow-list entries of the hosts that the person's own settings name."""
    entries = []
    for base in (*mirrors.values(), *([hf_endpoint] if hf_endpoint else [])):
        parts = urlsplit(base)
        if parts.hostname and parts.scheme in ("http", "https"):
            entries.append(f"{parts.scheme}://{parts.hostname}")
    return entries


def _matches(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
