"""`tokio-archive serve` in a real browser, Debian's Chromium: hostile names and damaged files are
text or an error, never a script, and nothing is requested of another host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from archive_tools.store import layout
from tests.support.browser import chromium_started, opened
from tests.support.hostile_pages import DATES, HOSTILE, write_archive
from tests.support.served import Served, serving

pytestmark = pytest.mark.system
HIT = "typeof window.hit"
"""Of a page that obeyed a name: not undefined."""
RANGE = "start=2026-11-21&end=2026-11-23"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("served"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "archive"))


@pytest.fixture(scope="module")
def served(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(made, tmp_path_factory.mktemp("log") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with chromium_started() as browser:
        yield browser


def shown(browser: Any, server: Served, path: str, said: list[str]) -> Any:
    address = f"http://127.0.0.1:{server.port}"
    return opened(browser, address + path, said, own=f"{address}/")


def page_of_day(root: Path) -> Path:
    return layout.path(root, layout.REPORT, DATES[-1])


def test_from_the_index_to_a_job_and_back_with_hostile_names(served: Served, chromium: Any) -> None:
    said: list[str] = []
    page = shown(chromium, served, "/", said)
    page.get_by_role("link", name="Last day: 2026-11-22").click()
    assert page.evaluate(HIT) == "undefined"
    jobs = page.get_by_role("region", name="darshan: Jobs by bytes")
    for name in HOSTILE[-3:]:
        if name.isprintable():
            assert jobs.get_by_text(name).first.is_visible()
    jobs.get_by_role("link").first.click()
    page.wait_for_selector("[data-chart=bytes-read] .live .main-svg")
    assert page.evaluate(HIT) == "undefined"
    page.get_by_role("link", name="November 2026").click()
    assert page.url.endswith("/2026/2026-11.html")
    page.get_by_role("link", name="All days").click()
    assert page.url.endswith("/index.html")
    assert page.evaluate(HIT) == "undefined"
    assert said == []


@pytest.mark.parametrize("name", [*HOSTILE, "\x1b]0;title\x07", "../../archive.json"])
def test_a_hostile_address_is_an_error_as_text(served: Served, chromium: Any, name: str) -> None:
    wanted = quote(name, safe="")
    addresses = {
        f"/{wanted}": 404,
        f"/2026/2026-11-22/jobs/{wanted}.html": 404,
        f"/api/v1/series?instance={wanted}&dataset={wanted}&{RANGE}": 400,
        f"/api/v1/series?instance=fs&dataset=datatargets/readbytes&components={wanted}&{RANGE}": 0,
        f"/api/v1/jobs?{RANGE}&user={wanted}": 0,
    }
    for address, status in addresses.items():
        page = shown(chromium, served, "/assets/nothing.json", [])
        with page.expect_response(lambda _: True) as response:
            page.goto(f"http://127.0.0.1:{served.port}{address}")
        assert status in (0, response.value.status), address
        kind = response.value.headers["content-type"]
        assert kind.startswith(("application/json", "application/problem+json")), address
        assert response.value.headers["x-content-type-options"] == "nosniff"
        assert page.evaluate(HIT) == "undefined", address
        assert page.locator("script, img, b").count() == 0, address


def test_damaged_pages_are_sent_as_they_are_and_do_nothing(
    root: Path, chromium: Any, tmp_path: Path
) -> None:
    """A page that was cut is a page that ends there; what somebody wrote into one does not run."""
    day, job = page_of_day(root), next(page_of_day(root).parent.glob("jobs/*.html"))
    whole = day.read_text()
    with serving(root, tmp_path / "log") as server:
        for length in range(2000, len(whole), len(whole) // 7):
            day.write_text(whole[:length])
            page = shown(chromium, server, "/2026/2026-11-22/report.html", [])
            assert page.evaluate(HIT) == "undefined"
            assert page.locator("h1, style, title").first.count() == 1
        day.write_bytes(bytes(range(256)) * 64)
        page = shown(chromium, server, "/2026/2026-11-22/report.html", [])
        assert page.evaluate(HIT) == "undefined"
        said: list[str] = []
        written = (
            "<!DOCTYPE html><script>window.hit=1</script><img src=x onerror=window.hit=1>"
            "<img src='http://elsewhere.invalid/x.png'><form action='http://elsewhere.invalid'>"
        )
        job.write_text(written)  # without a policy of its own
        page = shown(chromium, server, f"/2026/2026-11-22/jobs/{job.name}", said)
        assert page.evaluate(HIT) == "undefined", "the server's policy holds"
        assert any("Content Security Policy" in one for one in said)
        page.wait_for_timeout(100)
        assert page.evaluate("document.images[1].naturalWidth") == 0
        job.unlink()
        answer = server.get(f"/2026/2026-11-22/jobs/{job.name}")
        assert answer.status_code == 404


def test_damaged_receipts_and_products_are_named_and_cost_no_page(
    root: Path, chromium: Any, tmp_path: Path
) -> None:
    folder = layout.path(root, layout.RECEIPTS, DATES[-1])
    folder.mkdir(parents=True)
    receipt = folder / "2026-11-22.fs.tts.v1.0123456789abcdef.complete.json"
    receipt.write_text('{"events": "<script>window.hit=1</script>"')
    (folder / f"2026-11-22.{quote(HOSTILE[0], safe='')}.json").write_text("[]")
    layout.path(root, layout.TTS, DATES[-1], "fs").write_bytes(b"\x89HDF\r\n\x1a\n cut")
    layout.path(root, layout.JOBS, DATES[-1], "darshan").write_bytes(b"PAR1 cut")
    layout.path(root, layout.FIGURES, DATES[-1]).write_text("<script>window.hit=1</script>")
    (root / layout.PAGES).write_text("<script>window.hit=1</script>")
    with serving(root, tmp_path / "log") as server:
        for path in ("/", "/2026/2026-11.html", "/2026/2026-11-22/report.html"):
            said: list[str] = []
            page = shown(chromium, server, path, said)
            assert page.get_by_role("heading", level=1).is_visible()
            assert said == [], path
        series = f"series?instance=fs&dataset=datatargets/readbytes&{RANGE}&resample=1h"
        for path, has in (
            (series, "2026-11-22"),
            (f"jobs?{RANGE}", "cut|damaged|Parquet"),
            ("status?start=2026-11-21&end=2026-11-22", "2026-11-22"),
            ("alerts", "rows"),
        ):
            page = shown(chromium, server, f"/api/v1/{path}", [])
            text = page.locator("body").inner_text()
            assert any(one in text for one in has.split("|")), (path, text[:300])
            assert page.evaluate(HIT) == "undefined"
            assert isinstance(json.loads(server.get(f"/api/v1/{path}").text), dict)
        damaged = server.get(f"/api/v1/{series}").json()["damaged"]
        assert [one["date"] if isinstance(one, dict) else one for one in damaged] == ["2026-11-22"]
        states = server.get("/api/v1/status?start=2026-11-22&end=2026-11-22").json()
        found = states["days"]["2026-11-22"]["fs"]
        assert found["state"] == "missing"
        assert f"{receipt.name} cannot be read" in found["detail"]
