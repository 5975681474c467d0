"""A fault in one product, of one day, stops no other product, instance or day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store.receipts import Receipts
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.tasks import Build
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.index import Index, Jobs
from pipeline.tasks.nightly import Nightly
from tests.support.nights import FOREVER
from tests.support.small_days import write_days

DAYS = [dt.date(2026, 11, 20) + dt.timedelta(days=n) for n in range(3)]
BAD = DAYS[1]
TASKS: dict[str, type[ArchiveTask]] = {"report": Nightly, "index": Index, "jobs": Jobs}
RANGE = ["--start", str(DAYS[0]), "--stop", str(DAYS[-1])]
NIGHT, BACKFILL, REBUILD = "nightly", "backfill", "rebuild"


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three days of three instances; the folder of their archive."""
    monkeypatch.setenv("TOKIO_SITE", str(write_days(tmp_path, DAYS, **FOREVER)))
    monkeypatch.setattr("pipeline.site.Site.yesterday", lambda self: DAYS[-1])
    return tmp_path / "archive"


def run(command: str) -> int:
    current().answers.forget()
    if command == NIGHT:
        return main([NIGHT, "--quiet"])
    return main([command, *RANGE, *(["--all"] if command == REBUILD else [])])


def failures(root: Path) -> set[tuple[dt.date, str]]:
    known = Receipts(root).days(DAYS)
    state = ReceiptState.FAILED
    return {(r.date, r.product) for day in known.values() for r in day.all if r.state == state}


def products(root: Path) -> set[Path]:
    """Files of the days, without pages of jobs, which belong to the report."""
    return {path for path in root.glob("2026/*/*") if path.is_file()}


def failing(task: type[ArchiveTask], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a product of one day fail by what no error of ours is."""
    real: Callable[..., Any] = task.make

    def make(self: ArchiveTask, temporary: Path) -> Any:
        if self.date == BAD:
            raise ZeroDivisionError("a fault of the software")
        return real(self, temporary)

    monkeypatch.setattr(task, "make", make)


@pytest.mark.parametrize(
    ("command", "product"),
    [
        (NIGHT, "report"),
        (NIGHT, "index"),
        (BACKFILL, "jobs"),
        (REBUILD, "report"),
    ],
)
def test_a_fault_costs_one_product_and_the_next_run_makes_it(
    days: Path, command: str, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == REBUILD:
        assert run(BACKFILL) == COMPLETE
        for path in products(days):
            path.unlink()
    if command == NIGHT:  # so that it makes up for the days since
        assert main([NIGHT, "--date", str(DAYS[0])]) == COMPLETE
    with monkeypatch.context() as patch:
        failing(TASKS[product], patch)
        assert run(command) == FAILED
    assert (BAD, product) in failures(days)
    assert {date for date, _ in failures(days)} == {BAD}
    made = products(days)
    assert run(BACKFILL if command == REBUILD else command) == COMPLETE
    after = products(days)
    follows = {"index": 2, "jobs": 1, "report": 1}[product]
    assert len(after - made) == follows
    assert {path.parent.name for path in after - made} == {str(BAD)}
    assert not failures(days)


@pytest.mark.parametrize("command", [BACKFILL, REBUILD, NIGHT])
def test_a_report_that_a_killed_run_did_not_write_is_written_by_the_next(
    days: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(BACKFILL) == COMPLETE
    report = days / f"2026/{BAD}/report.html"
    report.unlink()
    Receipts(days).remove(BAD, "_day", Product.REPORT)
    capsys.readouterr()
    if command != NIGHT:
        assert main([command, *RANGE, "--dry-run"]) == COMPLETE
        shown = capsys.readouterr().out
        assert f"{BAD}  _day: report\n" in shown
        assert "1 days" in shown
    monkeypatch.setattr(Build, "make", None)
    current().answers.forget()
    assert main([command, *(RANGE if command != NIGHT else [])]) == COMPLETE
    assert report.is_file()
    capsys.readouterr()
    assert main(["backfill", *RANGE, "--dry-run"]) == COMPLETE
    assert "0 days to do" in capsys.readouterr().out


def test_a_day_whose_source_failed_gets_its_figures_and_page_again(
    days: Path,
) -> None:
    (days.parent / "lmt" / f"scratch_{BAD}.sqlite3").unlink()
    assert run(BACKFILL) == FAILED
    made_of_day = [days / f"2026/{BAD}/{name}" for name in ("figures.json", "report.html")]
    for path in made_of_day:
        path.unlink()
    assert main([REBUILD, *RANGE]) == COMPLETE
    assert [path.is_file() for path in made_of_day] == [True, True]


def test_a_day_of_which_nothing_is_known_gets_no_page(days: Path) -> None:
    assert main([REBUILD, *RANGE]) == COMPLETE
    assert list(days.glob("2026/*/report.html")) == []


def test_the_page_of_a_day_that_is_marked_empty_says_so_as_the_command_says(
    days: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (days.parent / "lmt" / f"scratch_{BAD}.sqlite3").unlink()
    assert run(BACKFILL) == FAILED
    span = ["--start", str(BAD), "--stop", str(BAD)]
    capsys.readouterr()
    assert main(["mark-empty", *span, "--instance", "scratch", "--why", "moved"]) == COMPLETE
    _, _, command = capsys.readouterr().out.rpartition("tokio-pipeline ")
    assert main(command.split()) == COMPLETE
    page = (days / f"2026/{BAD}/report.html").read_text("utf-8")
    assert "Complete: every source; marked as empty: scratch." in page
    assert "no SQLite file" not in page
