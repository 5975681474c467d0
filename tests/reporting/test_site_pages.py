"""The pages above the days: links lead somewhere, a run writes each once, old days are said."""

from __future__ import annotations

import datetime as dt
import html.parser
import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_tools.checking.whole_archive import check_archive
from archive_tools.cli.main import main as read
from archive_tools.core import date_words
from archive_tools.core.vocabulary import AlertKind, AlertState
from archive_tools.reading import daily, growth
from archive_tools.reading.archive import Archive
from archive_tools.reporting import figures_of_day, fullness_trend, headlines, report, site_pages
from archive_tools.reporting.alerts import Rule, evaluate
from archive_tools.reporting.day_figures import (
    DayFigures,
    FiguresOfDays,
    Full,
    InstanceFigures,
    TargetSpeed,
    encode,
    read_day_figures,
)
from archive_tools.store import layout
from pipeline.cli.commands import backfill as backfilling
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.tasks.nightly import Nightly
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

    def noted(*arguments: object, **keys: object) -> list[str]:
        written.append(write(*arguments, **keys))  # type: ignore[arg-type]
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


def test_the_day_that_goes_on_is_not_the_last_day(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`collect` brings hours of today before the nightly run, and makes no page."""
    products = {"home": ["tts"], "scratch": ["tts"]}
    assert backfill(DATES[0], DATES[3]) == COMPLETE
    for name in (layout.REPORT, layout.FIGURES):
        layout.path(root, name, DATES[3]).unlink()
    monkeypatch.setattr(date_words, "today_at", lambda zone: DATES[3])
    site_pages.write_pages(root, products)
    index, month = ((root / name).read_text() for name in ("index.html", "2025/2025-04.html"))
    assert f"{DATES[2]}: complete, every source." in index
    assert f'href="{layout.REPORT.format(date=DATES[2])}">Last day: {DATES[2]}</a>' in index
    assert "are not known" not in index + month
    monkeypatch.setattr(date_words, "today_at", lambda zone: DATES[3] + dt.timedelta(days=1))
    assert "index.html" in site_pages.write_pages(root, products)
    index = (root / "index.html").read_text()
    assert f"<span>Last day: {DATES[3]}</span>" in index, "a day without a page is not a link"
    assert "The figures of 1 day are not known" in index


@pytest.mark.parametrize(
    ("states", "words", "look"),
    [
        (["complete", "complete"], "Complete: every source.", "complete"),
        (["complete", "empty"], "Complete: every source; marked as empty: b.", "complete"),
        (["empty", "empty"], "No data: every source is marked as empty.", ""),
        (["complete", "partial"], None, "partial"),
        (["partial", "failed"], None, "failed"),
        (["complete", "a word of a later version"], None, "failed"),
    ],
)
def test_a_headline_is_never_greener_than_the_worst_source(
    states: list[str], words: str | None, look: str
) -> None:
    assert headlines.look(states) == look
    if words:
        assert headlines.completeness(dict(zip("ab", states, strict=True))) == words


def test_check_names_pages_that_are_not_those_of_the_last_run(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*more: str) -> tuple[int, list[tuple[str, bool]]]:
        code = read(["check", "--json", "--archive", str(root), *more])
        found = json.loads(capsys.readouterr().out)
        rows = found["problems"] if isinstance(found, dict) else found
        return code, [(Path(one["where"]).name, bool(one.get("note"))) for one in rows]

    backfill(DATES[0], DATES[0])
    capsys.readouterr()
    assert said("--deep") == (0, [])
    page = root / "2025/2025-03.html"
    content = page.read_bytes()
    page.write_bytes(b"")
    assert said() == (0, [("2025-03.html", True)]), "the next run writes it again"
    page.write_bytes(content[:-1] + b"x")
    assert said() == (0, [])
    assert said("--deep") == (1, [("2025-03.html", False)]), "the next run does not see it"
    script = next((root / "assets").glob("plotly*"))
    script.write_bytes(script.read_bytes()[:-1] + b"x")
    assert said("--deep") == (1, [(script.name, False), ("2025-03.html", False)])
    assert main(["rebuild", "--start", str(DATES[0]), "--stop", str(DATES[0])]) == COMPLETE
    assert page.read_bytes() == content
    capsys.readouterr()
    assert said("--deep") == (0, [])
    for bad in (b"", b"[1]", b'{"../x": {"bytes": 1}}'):
        (root / layout.PAGES).write_bytes(bad)
        code, rows = said()
        assert (code, len(rows)) == (0, 0 if bad.startswith(b"{") else 1)


def test_a_page_that_a_run_wrote_again_and_died_is_not_taken_for_damaged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of the first day is written again when the second has one, to lead to it."""
    backfill(DATES[0], DATES[0])
    page = layout.path(root, layout.REPORT, DATES[0])
    record = Nightly.record

    def dies(task: Nightly, *arguments: Any) -> None:
        if task.date == DATES[0]:
            raise SystemExit(137)
        record(task, *arguments)

    monkeypatch.setattr(Nightly, "record", dies)
    with pytest.raises(SystemExit):
        backfill(DATES[1], DATES[1])
    monkeypatch.setattr(Nightly, "record", record)
    assert f"After: {DATES[1]}" in page.read_text()
    problems = list(check_archive(Archive(root), DATES[0], DATES[1], deep=True))
    assert [(one.kind, one.is_note) for one in problems] == [("no receipt", True)]
    assert backfill(DATES[0], DATES[1]) == COMPLETE
    assert read(["check", "--deep", "--archive", str(root)]) == 0


def span(first: dt.date, last: dt.date) -> list[str]:
    return ["backfill", "--start", str(first), "--stop", str(last)]


def test_of_a_chunk_of_a_backfill_only_the_last_page_is_made_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dt.date] = []
    record = Nightly.record

    def noted(task: Nightly, *arguments: Any) -> None:
        made.append(task.date)
        record(task, *arguments)

    figured: list[dt.date] = []
    figures = figures_of_day.figures_of

    def counted(root: Path, date: dt.date, **options: Any) -> DayFigures:
        figured.append(date)
        return figures(root, date, **options)

    for module in (figures_of_day, report):
        monkeypatch.setattr(module, "figures_of", counted)
    monkeypatch.setattr(Nightly, "record", noted)
    monkeypatch.setattr(backfilling, "CHUNK", 2)
    assert main(span(DATES[0], DATES[3])) == COMPLETE
    assert made == figured == [*DATES, DATES[1]]
    pages = [layout.path(root, layout.REPORT, date).read_text() for date in DATES]
    after = [*map(str, DATES[1:]), "none"]
    assert [f"After: {one}" in page for one, page in zip(after, pages, strict=True)] == [True] * 4
    Nightly(date=DATES[0]).produce()
    assert figured[-1] == DATES[0], "made again, it has figures made again"
    assert layout.path(root, layout.REPORT, DATES[0]).read_text() == pages[0]


def test_a_page_does_not_lead_to_one_of_the_same_chunk_that_failed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = report.write_report

    def fails(root: Path, date: dt.date, *arguments: Any, **options: Any) -> dict[str, int]:
        if date == DATES[1]:
            raise OSError(28, "No space left on device")
        return write(root, date, *arguments, **options)

    pages = [layout.path(root, layout.REPORT, date) for date in DATES]
    with monkeypatch.context() as patch:
        patch.setattr(report, "write_report", fails)
        assert main(span(DATES[0], DATES[2])) == FAILED
    assert not pages[1].exists()
    assert f"After: {DATES[2]}" in pages[0].read_text()
    assert f"Before: {DATES[0]}" in pages[2].read_text()
    assert main(span(DATES[0], DATES[2])) == COMPLETE
    assert f"After: {DATES[1]}" in pages[0].read_text()
    assert f"Before: {DATES[1]}" in pages[2].read_text()
    assert read(["check", "--deep", "--archive", str(root)]) == 0


def test_a_run_that_died_before_its_pages_is_finished_by_the_next(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its days are complete, and the next has none to do."""
    with monkeypatch.context() as patch:
        patch.setattr(backfilling.pages, "finish_pages", lambda *_: True)
        backfill(DATES[0], DATES[0])
        backfill(DATES[1], DATES[1])
    page = layout.path(root, layout.REPORT, DATES[0])
    assert f"After: {DATES[1]}" not in page.read_text()
    assert backfill(DATES[0], DATES[1]) == COMPLETE
    assert f"After: {DATES[1]}" in page.read_text()
    assert (root / layout.INDEX_PAGE).is_file()


def test_pages_that_cannot_be_written_make_a_run_fail(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_pages, "write_pages", full)
    assert main(["nightly", "--quiet", "--date", str(DATES[0])]) == FAILED


def figures(shares: list[dict[str, float]]) -> FiguresOfDays:
    """Days on which targets of 100 bytes are so full."""
    return FiguresOfDays(
        {
            (date := FIRST + dt.timedelta(days=n)): DayFigures(
                1,
                date,
                "UTC",
                0,
                86400,
                {
                    "scratch": InstanceFigures(
                        "complete",
                        fullness={
                            "fullness/bytes": {
                                name: Full(share, 100.0) for name, share in targets.items()
                            }
                        },
                    )
                },
            )
            for n, targets in enumerate(shares)
        }
    )


def test_the_index_and_growth_have_one_date_at_which_it_is_full() -> None:
    shares = [40 + 0.5 * n + 0.1 * (n % 3) for n in range(40)]
    days = [
        daily.DayFigures(FIRST + dt.timedelta(days=n), 86400, full={"a": (share, 100.0)})
        for n, share in enumerate(shares)
    ]
    ((*_, rate, when),) = fullness_trend.rows(
        figures([{"a": one} for one in shares]), {"scratch": ()}
    )
    said = growth.forecast(days)
    assert said.sentence().startswith(f"{when}: {rate} (95 %")
    assert f"full about {said.full} ({said.earliest} to {said.latest})" == when


def test_a_target_that_was_not_measured_is_no_purge() -> None:
    """Each of three targets is absent on some days; per cents of the others go on."""
    shares = [
        {name: 50 + 0.5 * n for name in "abc" if name != "abc"[n % 4 % 3] or n % 4 == 3}
        for n in range(40)
    ]
    ((*_, rate, when),) = fullness_trend.rows(figures(shares), {"scratch": ()})
    assert rate == "+0.5 points a day"
    assert when.startswith("full about")


@pytest.mark.parametrize(("growth_a_day", "words"), [(0.0, "not filling"), (-0.5, "not filling")])
def test_one_that_does_not_fill_has_no_date(growth_a_day: float, words: str) -> None:
    shares = [{"a": 50 + growth_a_day * n} for n in range(30)]
    assert fullness_trend.rows(figures(shares), {"scratch": ()})[0][-1] == words


def test_a_few_days_are_not_a_trend() -> None:
    (row,) = fullness_trend.rows(figures([{"a": 50.0 + n} for n in range(9)]), {"scratch": ()})
    assert row[-1].startswith("too few days")


def test_the_fullest_target_is_named_beside_a_file_system_with_space() -> None:
    shares = [{"a": 40.0, "b<": 40.0 + n, "c": 40.0} for n in range(50)]
    (row,) = fullness_trend.rows(figures(shares), {"scratch": ()})
    assert row[3:5] == ("56.3 %", "b< 89.0 %")


def test_a_slow_target_of_an_alert_is_on_the_index(tmp_path: Path) -> None:
    """By one rule: surely slower than its peers, and at 80 % of their speed."""
    speeds = [("slow", 0.5, -4.0), ("slow", 0.6, -5.0), ("near", 0.7, -3.0), ("fast", 0.9, -9.0)]
    targets = [TargetSpeed(name, "read", share, 12, score) for name, share, score in speeds]
    day = InstanceFigures("complete", target_speeds=targets)
    found = DayFigures(1, FIRST, "UTC", 0, 86400, {"scratch": day})
    path = layout.path(tmp_path, layout.FIGURES, FIRST)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(found))
    rule = Rule("slow", AlertKind.SLOW_TARGET, 0.8)
    fired = [
        one.component for one in evaluate(tmp_path, FIRST, [rule]) if one.state is AlertState.FIRING
    ]
    site_pages.write_pages(tmp_path, {"scratch": ["tts"]})
    page = (tmp_path / "index.html").read_text()
    rows = re.findall(r"<t[hd][^>]*>(\w+)</t[hd]>\s*<td[^>]*>scratch<", page)
    assert fired == ["slow"]
    assert "slow" in rows
    assert not {"near", "fast"} & set(rows)


def test_damaged_figures_of_a_day_before_do_not_make_a_page_again_each_night(root: Path) -> None:
    assert backfill(DATES[0], DATES[1]) == COMPLETE
    layout.path(root, layout.FIGURES, DATES[0]).write_text("cut")
    page = layout.path(root, layout.REPORT, DATES[1])
    night = ["nightly", "--quiet", "--date", str(DATES[1])]
    before = page.stat().st_mtime_ns
    assert main(night) == COMPLETE
    assert page.stat().st_mtime_ns == before


def test_figures_with_other_bytes_are_in_no_page_and_mended_ones_are(root: Path) -> None:
    """A digit that flips is no figure; the index has the right one once the day is made again."""
    assert backfill(DATES[0], DATES[1]) == COMPLETE
    path = layout.path(root, layout.FIGURES, DATES[0])
    right, index = path.read_bytes(), (root / layout.INDEX_PAGE).read_bytes()
    status = path.stat()
    path.write_bytes(right.replace(b"1", b"7"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert backfill(DATES[2], DATES[2]) == COMPLETE
    assert list(read_day_figures(root, DATES).damaged) == [DATES[0]]
    damaged = (root / layout.INDEX_PAGE).read_bytes()
    assert main(["rebuild", *span(DATES[0], DATES[0])[1:]]) == COMPLETE
    assert path.read_bytes() == right
    mended = (root / layout.INDEX_PAGE).read_bytes()
    assert mended != damaged
    assert not read_day_figures(root, DATES).damaged
    shutil.rmtree(root)
    assert backfill(DATES[0], DATES[2]) == COMPLETE
    assert (root / layout.INDEX_PAGE).read_bytes() == mended
    assert index != mended
