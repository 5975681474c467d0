"""A real browser, Debian's Chromium, and what it complains of."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.paths import needed

Page = Any
WORTH_IT = ("error", "warning")


@contextlib.contextmanager
def chromium_started() -> Iterator[Any]:
    """A browser, for a fixture."""
    program = shutil.which("chromium")
    if program is None:
        needed("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Any, address: str, said: list[str], own: str = "file:", **options: Any) -> Page:
    """A page, in a context of its own.

    Parameters
    ----------
    browser : Browser
    address : str
    said : list of str
        Gets what the browser complains of, and the addresses that are not its own.
    own : str
        How addresses begin that may be requested, beside data.
    """

    def note_request(request: Any) -> None:
        if not request.url.startswith((own, "data:")):
            said.append(request.url)

    page = browser.new_context(**options).new_page()
    page.on("console", lambda one: said.append(one.text) if one.type in WORTH_IT else None)
    page.on("pageerror", lambda one: said.append(str(one)))
    page.on("request", note_request)
    page.goto(address)
    return page
