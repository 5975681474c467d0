"""The pages above the days: links lead somewhere, a run writes each once, old days are said."""

from __future__ import annotations

import datetime as dt
import html.parser
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_tools.cli.main import main as read
from archive_tools.reporting import fullness_trend, site_pages
from archive_tools.store import layout
from pipeline.cli.main import COMPLETE, FAILED, main
from tests.support import small_days

FIRST = dt.date(2025, 3, 30)
DATES = [FIRST + dt.timedelta(days=number) for number in range(4)]
"""Two of March, two of April."""


class Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def dead_links(root: Path) -> Iterator[str]:
    for page in sorted(root.rglob("*.html")):
        parser = Links()
        parser.feed(page.read_text("utf-8"))
        for link in parser.found:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme == "data":
                continue
            assert not parts.netloc, link
            assert not link.startswith("/"), link
            if parts.path and not (page.parent / urllib.parse.unquote(parts.path)).is_file():
                yield f"{page}: {link}"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = small_days.write_days(tmp_path, DATES, late_days=10**5, raw_days=10**5)
    monkeypatch.setenv("TOKIO_SITE", str(path))
    return tmp_path / "archive"


def backfill(first: dt.date, last: dt.date) -> int:
    return main(["backfill", "--start", str(first), "--stop", str(last), "--newest-first"])


def test_a_backfill_writes_index_and_months_once_and_every_link_leads_somewhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[str]] = []
    write = site_pages.write_pages

    def noted(*arguments: object) -> list[str]:
        written.append(write(*arguments))  # type: ignore[arg-type]
        return written[-1]

    monkeypatch.setattr(site_pages, "write_pages", noted)
    assert backfill(DATES[0], DATES[2]) == COMPLETE
    assert written == [["index.html", "2025/2025-03.html", "2025/2025-04.html"]]
    assert list(dead_links(root)) == []
    assert backfill(DATES[0], DATES[2]) == COMPLETE
    assert written[1:] == [[]], "nothing changed"

    third = layout.path(root, layout.REPORT, DATES[2])
    assert "After: none" in third.read_text()
    assert main(["nightly", "--quiet", "--date", str(DATES[3])]) == COMPLETE
    assert written[2:] == [["index.html", "2025/2025-04.html"]], "March is as it was"
    assert f"After: {DATES[3]}" in third.read_text(), "the page beside a new one leads to it"
    assert list(dead_links(root)) == []

    (root / "index.html").write_text("cut")
    (root / "receipts/pages.json").write_text("[")
    assert main(["nightly", "--quiet", "--date", str(DATES[3])]) == COMPLETE
    assert "<html" in (root / "index.html").read_text()
    assert read(["check", "--deep", "--archive", str(root)]) == 0

    # as an earlier version left it
    layout.path(root, layout.FIGURES, DATES[1]).unlink()
    (root / "receipts/pages.json").unlink()
    site_pages.write_pages(root, {"home": ["tts"], "scratch": ["tts"]})
    page = (root / "index.html").read_text()
    assert f"figures of 1 day are not known, {DATES[1]} the first" in page
    assert f"{DATES[1]}: complete" in page, "its state is known from receipts"


def test_pages_that_cannot_be_written_make_a_run_fail(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_pages, "write_pages", full)
    assert main(["nightly", "--quiet", "--date", str(DATES[0])]) == FAILED


def points(count: int, growth: float) -> list[tuple[dt.date, float, float]]:
    return [(FIRST + dt.timedelta(days=n), 100.0 + growth * n, 1000.0) for n in range(count)]


def test_a_file_system_that_fills_has_a_date() -> None:
    """100 of 1,000 and 10 a day: on day 29 610 are left, 61 days later it is full."""
    growth, when = fullness_trend.trend(points(30, 10.0))
    assert growth == pytest.approx(10.0)
    full = FIRST + dt.timedelta(days=29 + 61)
    assert when == f"{full} ({full} to {full})"


@pytest.mark.parametrize("growth", [0.0, -5.0, 1e-9])
def test_one_that_does_not_fill_has_none(growth: float) -> None:
    assert fullness_trend.trend(points(30, growth))[1] == "not within ten years"


def test_a_few_days_are_not_a_trend() -> None:
    assert fullness_trend.trend(points(13, 10.0))[0] is None


def test_damaged_figures_of_a_day_before_do_not_make_a_page_again_each_night(root: Path) -> None:
    assert backfill(DATES[0], DATES[1]) == COMPLETE
    layout.path(root, layout.FIGURES, DATES[0]).write_text("cut")
    page = layout.path(root, layout.REPORT, DATES[1])
    night = ["nightly", "--quiet", "--date", str(DATES[1])]
    before = page.stat().st_mtime_ns
    assert main(night) == COMPLETE
    assert page.stat().st_mtime_ns == before
