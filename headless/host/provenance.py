"""What a saved picture says of its making: the prompt, and the workflow as the editor saved it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_texts: ContextVar[dict[str, str] | None] = ContextVar("texts", default=None)


@contextmanager
def making(prompt: Any, workflow: Any = None) -> Iterator[None]:
    """Pictures that are saved inside carry these, under the names that the host reads them by."""
    found = {"prompt": json.dumps(prompt)} | ({} if workflow is None else {"workflow": json.dumps(workflow)})
    token = _texts.set(found)
    try:
        yield
    finally:
        _texts.reset(token)


def texts() -> dict[str, str]:
    """Name -> text for a picture that is saved now."""
    return _texts.get() or {}
