"""The pages in a real browser, Debian's Chromium: zoom, pointer, links, hostile names, no other
host, no error on the console, readable without JavaScript, and what an accessibility checker says.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reporting import figures_of_day, rendering, report, site_pages
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from tests.support.paths import needed

pytestmark = pytest.mark.system
DATES = [dt.date(2026, 11, 21), dt.date(2026, 11, 22)]
HOSTILE = (
    "<script>window.hit=1</script>",
    "\"onmouseover='window.hit=1'",
    "x\u202egnp.exe",
    "</script><img src=x onerror=window.hit=1>",
    "%{y}<b>bold</b>",
)
"""Names of targets."""
STEP = 60
Page = Any


def write_day(root: Path, date: dt.date) -> None:
    day = Day(date)
    rows = day.rows(STEP)
    random = np.random.default_rng(date.toordinal())
    path = layout.path(root, layout.TTS, date, "fs")
    path.parent.mkdir(parents=True)
    with TtsWriter(path, day) as tts:
        for name in ("datatargets/readbytes", "datatargets/writebytes", "dataservers/cpuload"):
            values = random.uniform(0, 50, (rows, len(HOSTILE)))
            values[300:360] = np.nan
            tts.write(
                Grid(name, HOSTILE, day.start, STEP, values),
                catalogue()[name],
                source="generated",
                updated=day.end,
            )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pages")
    site = '"><script>window.hit=1</script>\u202e'
    (root / layout.ABOUT).write_text(json.dumps({"site": site, "timezone": "UTC"}))
    wanted = {"fs": ["tts"]}
    for date in DATES:
        write_day(root, date)
    for write, template in (
        (figures_of_day.write_figures, layout.FIGURES),
        (report.write_report, layout.REPORT),
        (report.write_report, layout.REPORT),  # again: now each has its neighbours
    ):
        for date in DATES:
            write(root, date, layout.path(root, template, date), instances=wanted)
    rendering.write_assets(root)
    site_pages.write_pages(root, wanted)
    return root


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        needed("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def said() -> list[str]:
    """What a browser complained of, and what it requested of others than files."""
    return []


def opened(browser: Any, path: Path, said: list[str], **options: Any) -> Page:
    page = browser.new_context(**options).new_page()
    page.on("console", lambda one: said.append(one.text) if one.type in WORTH_IT else None)
    page.on("pageerror", lambda one: said.append(str(one)))
    page.on("request", lambda one: said.append(one.url) if not is_own(one.url) else None)
    page.goto(path.as_uri())
    return page


WORTH_IT = ("error", "warning")


def is_own(url: str) -> bool:
    return url.startswith(("file:", "data:"))


def newest(root: Path) -> Path:
    return layout.path(root, layout.REPORT, DATES[-1])


def test_a_day_can_be_zoomed_and_read_by_the_pointer(
    root: Path, chromium: Any, said: list[str]
) -> None:
    page = opened(chromium, newest(root), said)
    box = page.locator("[data-chart=fs-0] .live .nsewdrag").first
    place = box.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 60)
    page.wait_for_selector("[data-chart=fs-0] .hoverlayer text")
    assert "12:0" in page.locator("[data-chart=fs-0] .hoverlayer").text_content()
    before = page.evaluate("document.querySelector('[data-chart=fs-0] .live').layout.xaxis.range")
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + 62, steps=5)
    page.mouse.up()
    page.wait_for_function(
        "document.querySelector('[data-chart=fs-0] .live').layout.xaxis.range[0] > 100"
    )
    after = page.evaluate("document.querySelector('[data-chart=fs-0] .live').layout.xaxis.range")
    assert before[0] < after[0] < after[1] < before[1]
    assert said == []


def test_links_lead_from_day_to_day_to_month_to_index(
    root: Path, chromium: Any, said: list[str]
) -> None:
    page = opened(chromium, newest(root), said)
    page.get_by_role("link", name="Before: 2026-11-21").click()
    assert "2026-11-21" in page.url
    page.get_by_role("link", name="After: 2026-11-22").click()
    page.get_by_role("link", name="November 2026").click()
    assert page.url.endswith("2026/2026-11.html")
    page.get_by_role("link", name="All days").click()
    assert page.url.endswith("index.html")
    page.get_by_role("link", name="Last day: 2026-11-22").click()
    assert page.url == newest(root).as_uri()
    assert said == []


@pytest.mark.parametrize("javascript", [True, False])
def test_hostile_names_are_text(
    root: Path, chromium: Any, said: list[str], javascript: bool
) -> None:
    for path in sorted(root.rglob("*.html")):
        page = opened(chromium, path, said, java_script_enabled=javascript)
        assert not page.evaluate("window.hit") if javascript else True
        assert page.locator("main script:not([type='application/json'])").count() == 0
        assert page.locator("main img").count() == 0
        assert "\u202e" not in page.content()
    assert said == []


def test_without_javascript_there_are_pictures_and_tables(
    root: Path, chromium: Any, said: list[str]
) -> None:
    page = opened(chromium, newest(root), said, java_script_enabled=False)
    assert page.locator("[data-chart=fs-0] .picture svg path.line").first.is_visible()
    page.get_by_text("Bytes read and written as a table").click()
    assert page.get_by_role("cell").first.is_visible()
    assert page.locator("main").inner_text().count(HOSTILE[0]) > 0, "names can be read"
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 375])
def test_an_accessibility_checker_finds_nothing_and_nothing_is_cut(
    root: Path, chromium: Any, said: list[str], scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    size = {"width": width, "height": 900}
    for path in sorted(root.rglob("*.html")):
        page = opened(chromium, path, said, color_scheme=scheme, viewport=size, bypass_csp=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        found = axe.run(page).response["violations"]
        where = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert where == [], path.name
    assert said == []


def test_in_print_there_are_pictures(root: Path, chromium: Any, said: list[str]) -> None:
    page = opened(chromium, newest(root), said)
    page.wait_for_selector(".live .main-svg")
    page.emulate_media(media="print")
    assert page.locator("[data-chart=fs-0] .picture").is_visible()
    assert not page.locator("[data-chart=fs-0] .live").is_visible()
    assert said == []
