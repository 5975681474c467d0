"""`invalidate` can be looked at before, asked about, and taken back."""

from __future__ import annotations

import datetime as dt
import io
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools import Archive
from archive_tools.core.vocabulary import Product
from archive_tools.store import aside
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from pipeline.tasks import Build
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
DAY = dt.date.fromisoformat(DATE)
SPAN = ["--start", DATE, "--stop", DATE]
NIGHT = ["nightly", "--date", DATE]


def files_of(root: Path) -> dict[str, bytes]:
    """All that the archive has of the instance: receipts, raw data, products."""
    there = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in there.items() if "fs." in name}


def state(capsys: Capture) -> dict[str, str]:
    capsys.readouterr()
    main(["status", *SPAN, "--no-ask", "--json"])
    found: dict[str, str] = json.loads(capsys.readouterr().out)[DATE]["fs"]
    return found


@pytest.fixture
def root(tmp_path: Path, site: Site) -> Path:
    """An archive with one complete day."""
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(NIGHT) == COMPLETE
    return tmp_path / "archive"


def test_a_dry_run_lists_what_would_go_and_changes_nothing(root: Path, capsys: Capture) -> None:
    before = files_of(root)
    capsys.readouterr()
    assert main(["invalidate", *SPAN, "--dry-run"]) == COMPLETE
    shown = capsys.readouterr().out
    assert f"{DATE}  fs               raw complete, tts complete" in shown
    assert "2 receipts of 1 instance day would go; nothing was changed" in shown
    assert files_of(root) == before
    assert state(capsys)["state"] == "complete"


def test_undo_before_a_run_gives_the_archive_that_was_there(root: Path, capsys: Capture) -> None:
    before = files_of(root)
    assert main(["invalidate", *SPAN]) == COMPLETE
    found = state(capsys)
    assert found["state"] == "missing"
    assert "invalidate --undo takes it back" in found["detail"]
    assert not list(root.glob("raw/*/*/fs.*")), "the raw data are put aside too"
    assert main(["invalidate", *SPAN, "--undo"]) == COMPLETE
    assert files_of(root) == before
    assert state(capsys)["state"] == "complete"
    assert not aside.days_aside(root)
    assert main(["invalidate", *SPAN, "--undo"]) == FAILED, "once only"


def test_undo_after_a_run_that_failed(root: Path, tmp_path: Path, capsys: Capture) -> None:
    before = files_of(root)
    assert main(["invalidate", *SPAN]) == COMPLETE
    (tmp_path / "lmt.db").rename(tmp_path / "away.db")
    assert main(NIGHT) == FAILED
    assert "invalidate --undo takes it back" in capsys.readouterr().out
    assert main(["invalidate", *SPAN]) == COMPLETE, "again: the first state is the one that is kept"
    assert main(["invalidate", *SPAN, "--undo"]) == COMPLETE
    assert files_of(root) == before
    assert state(capsys)["state"] == "complete"


def test_undo_after_new_data_were_fetched_and_not_built(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(root)
    assert main(["invalidate", *SPAN]) == COMPLETE
    lmt_db(tmp_path / "lmt.db", upto=100)

    def broken(*arguments: object) -> None:
        raise RuntimeError("cannot be built")

    with monkeypatch.context() as patch:
        patch.setattr(Build, "make", broken)
        assert main(NIGHT) == FAILED
    assert Receipts(root).day(DAY).good("fs", Product.RAW)
    assert main(["invalidate", *SPAN, "--undo"]) == COMPLETE
    after = files_of(root)
    assert {name: after.get(name) for name in before} == before
    assert [one.state for one in Receipts(root).day(DAY).all if one.instance == "fs"] == [
        "complete",
        "complete",
    ]


def test_a_run_that_builds_the_day_ends_it(root: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["invalidate", *SPAN]) == COMPLETE
    lmt_db(tmp_path / "lmt.db", upto=100)
    assert main(NIGHT) == PARTIAL, "fewer rows are taken, for that was wanted"
    assert not aside.days_aside(root)
    assert main(["invalidate", *SPAN, "--undo"]) == FAILED
    assert "nothing is put aside" in capsys.readouterr().out


def test_a_source_without_the_day_gives_back_what_was_there(
    root: Path, tmp_path: Path, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is there, and has nothing of the day any more."""
    before = files_of(root)
    assert main(["invalidate", *SPAN]) == COMPLETE
    with sqlite3.connect(tmp_path / "lmt.db") as database:
        for table in ("TIMESTAMP_INFO", "OST_DATA"):
            database.execute(f"DELETE FROM {table}")
    assert main(NIGHT) == COMPLETE
    assert "nothing of the day any more: what invalidate put aside is the day's again" in (
        caplog.text
    )
    assert files_of(root) == before
    assert state(capsys)["state"] == "complete"


def test_a_product_that_is_gone_is_built_from_the_raw_data_that_were_put_aside(
    root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["invalidate", *SPAN]) == COMPLETE
    product = root / f"2026/{DATE}/fs.hdf5"
    good = product.read_bytes()
    product.unlink()
    (tmp_path / "lmt.db").unlink()
    assert main(["rebuild", *SPAN]) == COMPLETE
    assert product.read_bytes() == good
    assert state(capsys)["state"] == "complete"


def test_a_mark_that_is_taken_back_can_be_set_again_by_undo(root: Path, capsys: Capture) -> None:
    other = ["--start", "2026-11-01", "--stop", "2026-11-01", "--instance", "fs"]
    assert main(["mark-empty", *other, "--why", "power cut"]) == COMPLETE
    assert main(["invalidate", *other]) == COMPLETE
    assert main(["invalidate", *other, "--undo"]) == COMPLETE
    capsys.readouterr()
    assert main(["status", *other, "--json"]) == COMPLETE
    assert "power cut" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "more", "gone"),
    [("y\n", [], True), ("n\n", [], False), ("", [], False), ("n\n", ["--yes"], True)],
)
def test_a_terminal_is_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch, answer: str, more: list[str], gone: bool
) -> None:
    shown = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", Terminal(answer))
        patch.setattr(sys, "stdout", shown)
        code = main(["invalidate", *SPAN, *more])
    assert code == (COMPLETE if gone else FAILED)
    assert bool(aside.days_aside(root)) is gone
    asked = "Fetch and build again: 2 receipts of 1 instance day? [y/N]" in shown.getvalue()
    assert asked is not bool(more)


def test_a_command_that_was_killed_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each single move: the same command again puts the rest aside, and undo brings all."""
    before = files_of(root)
    move = aside._move
    for allowed in range(3):
        done = []

        def limited(old: Path, new: Path, allowed: int = allowed, done: list[Path] = done) -> None:
            if len(done) == allowed:
                raise KeyboardInterrupt
            done.append(new)
            move(old, new)

        with monkeypatch.context() as patch:
            patch.setattr(aside, "_move", limited)
            main(["invalidate", *SPAN])
        assert main(["invalidate", *SPAN]) == COMPLETE
        assert main(["invalidate", *SPAN, "--undo"]) == COMPLETE
        assert files_of(root) == before, allowed


def test_a_day_that_is_invalidated_and_marked_as_empty_has_no_data(tmp_path: Path) -> None:
    """Until --undo; `rebuild`, which its message names, does not take the mark away."""
    date = dt.date(2025, 3, 1)
    site = str(write_days(tmp_path, [date]))
    day = ["--site", site, "--start", str(date), "--stop", str(date), "--instance", "home"]
    assert main(["nightly", "--site", site, "--date", str(date)]) == COMPLETE
    path = tmp_path / f"archive/2025/{date}/home.hdf5"
    whole = path.read_bytes()
    assert main(["invalidate", *day, "--yes"]) == COMPLETE
    assert main(["mark-empty", *day, "--why", "a switch"]) == COMPLETE
    for command in (["rebuild", *day], ["nightly", "--site", site, "--date", str(date)]):
        assert main(command) == COMPLETE
        assert not path.exists()
        assert Archive(tmp_path / "archive").days("home") == []
        page = (path.parent / "report.html").read_text()
        assert "marked as empty" in page
    assert main(["invalidate", *day, "--undo"]) == COMPLETE
    assert path.read_bytes() == whole
    assert main(["status", *day]) == COMPLETE
