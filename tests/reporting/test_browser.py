"""The pages in a real browser, Debian's Chromium: zoom, pointer, links, hostile names, no other
host, no error on the console, readable without JavaScript, and what an accessibility checker says.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_tools.store import layout
from tests.support.browser import chromium_started, opened
from tests.support.hostile_pages import DATES, HOSTILE, write_archive

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with chromium_started() as browser:
        yield browser


@pytest.fixture
def said() -> list[str]:
    """What a browser complained of, and what it requested of others than files."""
    return []


def newest(root: Path) -> Path:
    return layout.path(root, layout.REPORT, DATES[-1])


def test_a_day_can_be_zoomed_and_read_by_the_pointer(
    root: Path, chromium: Any, said: list[str]
) -> None:
    page = opened(chromium, newest(root).as_uri(), said)
    box = page.locator("[data-chart=fs-0] .live .nsewdrag").first
    box.scroll_into_view_if_needed()
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
    page = opened(chromium, newest(root).as_uri(), said)
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
        page = opened(chromium, path.as_uri(), said, java_script_enabled=javascript)
        assert not page.evaluate("window.hit") if javascript else True
        assert page.locator("main script:not([type='application/json'])").count() == 0
        assert page.locator("main img").count() == 0
        assert "\u202e" not in page.content()
    assert said == []


def test_without_javascript_there_are_pictures_and_tables(
    root: Path, chromium: Any, said: list[str]
) -> None:
    page = opened(chromium, newest(root).as_uri(), said, java_script_enabled=False)
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
    job = next(newest(root).parent.glob("jobs/*.html"))
    for path in (root / layout.INDEX_PAGE, root / "2026/2026-11.html", newest(root), job):
        page = opened(
            chromium, path.as_uri(), said, color_scheme=scheme, viewport=size, bypass_csp=True
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        found = axe.run(page).response["violations"]
        where = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert where == [], path.name
    assert said == []


def test_on_a_small_screen_rows_of_wide_tables_are_blocks_and_nothing_is_beside_the_screen(
    root: Path, chromium: Any, said: list[str]
) -> None:
    job = next(newest(root).parent.glob("jobs/*.html"))
    for path, region in (
        (root / layout.INDEX_PAGE, "Alerts"),
        (newest(root), "darshan: Jobs by bytes"),
        (job, "History"),
    ):
        page = opened(chromium, path.as_uri(), said, viewport={"width": 375, "height": 900})
        table = page.get_by_role("region", name=region, exact=True)
        assert table.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0, path.name
        assert table.get_by_role("columnheader").count() > 3, "still a table"
    assert said == []


def test_print_is_as_wide_as_the_paper(root: Path, chromium: Any, said: list[str]) -> None:
    for path in (root / layout.INDEX_PAGE, root / "2026/2026-11.html", newest(root)):
        page = opened(chromium, path.as_uri(), said, viewport={"width": 720, "height": 900})
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= 720, path.name
    assert said == []


def test_names_from_right_to_left_move_nothing_beside_them(
    root: Path, chromium: Any, said: list[str]
) -> None:
    """The times of a job are right of its names, its amounts of the user right of the user."""
    page = opened(chromium, newest(root).as_uri(), said)
    name = next(one for one in HOSTILE if "\u05e0" in one)
    for text, one in ((", 08:00 to 09:00", ".job span"), (" 372.5 GiB read", "#moved ~ ul li")):
        right = page.evaluate(
            """([name, text, where]) => {
                const box = [...document.querySelectorAll(where)]
                    .find((one) => one.textContent.includes(name));
                const walk = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
                let last = null;
                while (walk.nextNode()) {
                    const node = walk.currentNode, at = node.data.indexOf(text);
                    if (node.data.includes(name)) last = node;
                    if (at >= 0 && last) {
                        const own = document.createRange(), other = document.createRange();
                        own.setStart(node, at + 2);
                        own.setEnd(node, at + 7);
                        other.selectNode(last);
                        const [here, there] = [own, other].map((r) => r.getBoundingClientRect());
                        return here.top > there.bottom - 2 || here.left >= there.right - 2;
                    }
                }
                return null;
            }""",
            [name, text, one],
        )
        assert right is True, one
    assert said == []


def test_a_long_name_leaves_the_columns_beside_it_in_sight(
    root: Path, chromium: Any, said: list[str]
) -> None:
    """On a wide screen: the amounts of the table of jobs, whose programs have a name of 200."""
    size = {"width": 1300, "height": 900}
    page = opened(chromium, newest(root).as_uri(), said, viewport=size)
    header = page.locator("table:has(caption) th", has_text="Written").first
    box = header.bounding_box()
    assert box["x"] + box["width"] < 1300


def test_names_beside_a_map_are_not_written_over_each_other(
    root: Path, chromium: Any, said: list[str]
) -> None:
    """Of twelve targets in a low picture."""
    page = opened(chromium, newest(root).as_uri(), said)
    page.wait_for_selector("[data-chart=fs-0-map] .ytick text", state="attached")
    boxes = page.evaluate(
        "[...document.querySelectorAll('[data-chart=fs-0-map] .ytick text')]"
        ".map((one) => one.getBoundingClientRect()).map((one) => [one.top, one.bottom])"
    )
    edges = sorted(boxes)
    assert len(edges) > 2
    assert all(one[1] <= other[0] + 2 for one, other in itertools.pairwise(edges))


@pytest.mark.parametrize(("days", "is_said"), [(1, False), (2, False), (3, True), (40, True)])
def test_an_index_that_no_run_wrote_again_says_how_old_its_last_day_is(
    root: Path, chromium: Any, said: list[str], days: int, is_said: bool
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    last = str(today - dt.timedelta(days=days))
    text = (root / layout.INDEX_PAGE).read_text("utf-8")
    old = f'data-last="{DATES[-1]}"'
    assert old in text
    aged = root / f"aged-{days}.html"
    aged.write_text(text.replace(old, f'data-last="{last}"'), encoding="utf-8")
    try:
        page = opened(chromium, aged.as_uri(), said)
        assert page.locator("[data-last]").is_visible() == is_said
        assert (f"is {days} days ago" in page.locator("main").inner_text()) == is_said
    finally:
        aged.unlink()
    assert said == []


def test_in_print_there_are_pictures(root: Path, chromium: Any, said: list[str]) -> None:
    page = opened(chromium, newest(root).as_uri(), said)
    page.wait_for_selector(".live .main-svg")
    page.emulate_media(media="print")
    assert page.locator("[data-chart=fs-0] .picture").is_visible()
    assert not page.locator("[data-chart=fs-0] .live").is_visible()
    assert said == []


def test_a_day_leads_to_its_jobs_and_back(root: Path, chromium: Any, said: list[str]) -> None:
    page = opened(chromium, newest(root).as_uri(), said)
    link = page.get_by_role("region", name="darshan: Jobs by bytes").get_by_role("link").first
    assert HOSTILE[-1] in link.text_content()
    link.click()
    assert "/jobs/job-" in page.url
    assert HOSTILE[-1] in page.get_by_role("heading", level=1).text_content()
    page.wait_for_selector("[data-chart=bytes-read] .live .main-svg")
    assert page.locator("[data-chart=bytes-read] .live .shapelayer path").count() == 1, "shaded"
    page.get_by_role("link", name="Day: 2026-11-22").click()
    assert page.url == newest(root).as_uri()
    assert said == []


def test_a_job_without_javascript_has_pictures_tables_and_its_history(
    root: Path, chromium: Any, said: list[str]
) -> None:
    path = next(newest(root).parent.glob("jobs/job-9*.html"))
    page = opened(chromium, path.as_uri(), said, java_script_enabled=False)
    assert page.locator("[data-chart=bytes-read] .picture path.during").first.is_visible()
    page.get_by_text("scratch: bytes read as a table").click()
    assert page.get_by_role("cell").first.is_visible()
    assert page.get_by_role("region", name="History").get_by_role("row").count() > 1
    assert page.locator(".runs rect.c1").first.is_visible(), "this run"
    assert "No other job" not in page.locator("main").inner_text()
    assert said == []
