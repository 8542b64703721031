"""A headless Chromium for the session, beside a real ComfyUI."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.browser.page import FLAGS
from style_atelier.tests.host.conftest import comfy  # noqa: F401  (the fixture)


def _skip(why: str) -> None:
    reason = f"SKIPPED: {why}; nothing was checked in the page."
    warnings.warn(reason, stacklevel=2)
    pytest.skip(reason)


@pytest.fixture(scope="module")  # playwright's event loop runs as long as it does: other tests want their own
def browser(comfy: Any) -> Iterator[Any]:  # noqa: F811
    """Chromium through playwright; skips loudly where either is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _skip("playwright is not installed")
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        _skip("no Chromium found")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page are kept: STYLE_ATELIER_SCREENSHOTS, else a temporary folder."""
    folder = Path(os.environ.get("STYLE_ATELIER_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
