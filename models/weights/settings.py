"""How files are fetched: what a person may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """`mirrors` maps the start of an address to what is tried in its place first; `hf_endpoint` replaces huggingface.co.

    `timeout` is the longest silence in seconds, `retries` how often one address is tried again without getting further,
    `backoff` the first wait between tries in seconds (it doubles, up to 30 s, and is shortened by chance). An address that was
    not reached at all is given up after three tries, of `connect` seconds and twice as long each time. A server that sends less
    than `slowest` bytes a second over `window` seconds is given up as one that stalls. `verify`: hash every file before it is
    used, instead of once a session in the background.
    """

    offline: bool = False
    hf_endpoint: str | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 20.0
    connect: float = 1.2
    retries: int = 5
    backoff: float = 1.0
    verify: bool = False
    slowest: int = 4096
    window: float = 30.0
