"""A day or week against another: figures of plain loops, and what is not whole is said and last."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import h5py
import numpy as np
import pytest

from archive_tools.cli.main import main
from archive_tools.core.vocabulary import Product
from archive_tools.jobs import comparison
from archive_tools.reading import daily
from archive_tools.store import layout
from archive_tools.store.receipts import Receipts
from tests.support.generated_days import FIRST, Generated
from tests.support.job_accounts import DATE, MIB, NOON, logged, write_about, write_day

Capture = pytest.CaptureFixture[str]
DAYS = int(os.environ.get("TOKIO_GENERATED_DAYS", "31"))
ABSENT, HALF = FIRST + dt.timedelta(days=2), FIRST + dt.timedelta(days=20)
WEEKS = ("2026-W02", dt.date(2026, 1, 5)), ("2026-W04", dt.date(2026, 1, 19))
"""The second has the day of which half was measured."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    days = Generated(DAYS, jobs=30, absent=[ABSENT], half=[HALF])
    return days.write(tmp_path_factory.mktemp("compare") / "archive")


def compared(root: Path, capsys: Capture, one: str, other: str) -> tuple[Any, str]:
    given = ["compare", one, other, "--archive", str(root), "--limit", "0", "--json"]
    assert main(given) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def changes(found: Any, of: str, figure: str) -> dict[str, Any]:
    return {
        one["name"]: one for one in found["changes"] if (one["of"], one["figure"]) == (of, figure)
    }


def loop(root: Path, first: dt.date, days: int) -> dict[str, float]:
    """Totals and peaks by a loop over the files."""
    total: dict[str, float] = {"read": 0.0, "peak_read": 0.0, "operations": 0.0, "metadata": 0.0}
    for n in range(days):
        path = layout.path(root, layout.TTS, first + dt.timedelta(days=n), "scratch")
        if path.is_file():
            with h5py.File(path) as file:
                read = file["datatargets/readbytes"][...]
                total["read"] += np.nansum(read)
                total["peak_read"] = max(total["peak_read"], np.nansum(read, axis=1).max() / 600)
                for name in ("readops", "writeops"):
                    total["operations"] += np.nansum(file[f"datatargets/{name}"][...])
                total["metadata"] += np.nansum(file["mdtargets/opens"][...])
    return total


def test_figures_equal_plain_loops(root: Path, capsys: Capture) -> None:
    (one, first), (other, second) = WEEKS
    found, _ = compared(root, capsys, one, other)
    for figure, expected in loop(root, first, 7).items():
        change = changes(found, "file system", figure)["scratch"]
        against = loop(root, second, 7)[figure]
        assert (change["one"], change["other"]) == (
            pytest.approx(expected),
            pytest.approx(against),
        )
        assert change["times"] == pytest.approx(expected / against)


@pytest.mark.parametrize(("of", "column"), [("user", "username"), ("program", "exenames")])
def test_users_and_programs_equal_duckdb(root: Path, capsys: Capture, of: str, column: str) -> None:
    one, other = str(FIRST), str(FIRST + dt.timedelta(days=7))
    found, _ = compared(root, capsys, one, other)
    moved = changes(found, of, "moved")
    for side, day in (("one", one), ("other", other)):
        rows = duckdb.sql(
            f"SELECT {column}, sum(coalesce(bytes_read, 0) + coalesce(bytes_written, 0))"
            f" FROM '{root}/*/{day}/darshan_jobs.parquet' GROUP BY 1"
        ).fetchall()
        assert {name: change[side] for name, change in moved.items() if change[side]} == {
            name: int(amount) for name, amount in rows if amount
        }
    assert all(change["whole"] for change in moved.values())


def test_half_a_day_is_never_compared_without_a_word(root: Path, capsys: Capture) -> None:
    found, said = compared(root, capsys, str(HALF), str(HALF + dt.timedelta(days=1)))
    change = changes(found, "file system", "read")["scratch"]
    assert (change["whole"], change["share_one"], change["rank"]) == (False, 0.5, 0)
    assert f"scratch is not whole: {HALF}: 50.0 % measured" in said
    whole = [one["whole"] for one in found["changes"]]
    assert whole == sorted(whole, reverse=True), "what is not whole comes last"
    assert found["one"]["complete_days"] == {"scratch": 0, "darshan": 1}
    given = ["compare", str(HALF), str(HALF + dt.timedelta(days=1)), "--archive", str(root)]
    assert main([*given, "--limit", "0"]) == 0
    shown = capsys.readouterr().out
    assert "50.0 % measured" in shown
    assert "50 % and 99 %" in shown


def test_a_week_that_lacks_half_a_day_is_said(root: Path, capsys: Capture) -> None:
    (one, _), (other, _) = WEEKS
    found, _ = compared(root, capsys, one, other)
    assert found["other"]["not_whole"] == {"scratch": [f"{HALF}: 50.0 % measured"]}
    assert found["one"]["not_whole"] == {}


def test_a_day_against_a_week_is_held_by_the_second(root: Path, capsys: Capture) -> None:
    found, _ = compared(root, capsys, "2026-01-06", WEEKS[0][0])
    change = changes(found, "file system", "written")["scratch"]
    assert change["times"] == pytest.approx(7 * change["one"] / change["other"])
    assert main(["compare", "2026-01-06", WEEKS[0][0], "--archive", str(root)]) == 0
    assert "not of one length" in capsys.readouterr().out


def test_a_side_without_servers_has_no_figures_of_them_and_says_so(
    root: Path, capsys: Capture
) -> None:
    found, said = compared(root, capsys, str(ABSENT), str(FIRST))
    change = changes(found, "file system", "read")["scratch"]
    assert (change["one"], change["times"], change["whole"]) == (None, None, False)
    assert f"{ABSENT}: nothing measured" in said


def test_days_without_complete_logs_mark_users(tmp_path: Path, capsys: Capture) -> None:
    root = Generated(3, jobs=8).write(tmp_path / "archive")
    Receipts(root).remove(FIRST, "darshan", Product.TTS)
    second = FIRST + dt.timedelta(days=1)
    layout.path(root, layout.JOBS, second, "darshan").unlink()
    for day, words in ((FIRST, "logs no receipt"), (second, "no logs")):
        found, said = compared(root, capsys, str(day), str(FIRST + dt.timedelta(days=2)))
        assert not any(one["whole"] for one in found["changes"] if one["of"] == "user")
        assert words in said
    assert {one["one"] for one in found["changes"] if one["of"] == "user"} == {None}


def test_a_user_who_moves_ten_times_as_much_is_the_largest_change(
    tmp_path: Path, capsys: Capture
) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    root = Generated(1, jobs=200).write(tmp_path / "archive")
    source = layout.path(root, layout.JOBS, FIRST, "darshan")
    second = FIRST + dt.timedelta(days=1)
    folder = layout.path(root, layout.JOBS, second, "darshan").parent
    Generated(1, first=second, jobs=8).write(root)
    table = pq.read_table(source)
    place = table.schema.get_field_index("bytes_written")
    ten = pc.if_else(pc.equal(table["username"], "user01"), pa.scalar(10, pa.int64()), 1)
    more = pc.multiply(table["bytes_written"], ten)
    pq.write_table(table.set_column(place, "bytes_written", more), folder / source.name)
    found, _ = compared(root, capsys, str(second), str(FIRST))
    users = [one for one in found["changes"] if one["of"] == "user"]
    assert users[0]["name"] == "user01"
    assert {one["times"] for one in users[1:] if one["other"]} == {1.0}


def test_nothing_to_compare_is_said(root: Path, capsys: Capture) -> None:
    assert main(["compare", "2020-01-01", str(FIRST), "--archive", str(root)]) == 1
    assert "nothing of 2020-01-01" in capsys.readouterr().err


def test_times_are_refused(root: Path, capsys: Capture) -> None:
    given = ["compare", "2026-01-01T07:00", str(FIRST), "--archive", str(root)]
    assert main(given) == 2
    assert "whole days only" in capsys.readouterr().err


def test_a_user_who_is_called_otherwise_on_one_side_is_one(tmp_path: Path, capsys: Capture) -> None:
    """Of two users of one name, one has logs on one side alone: there the uid follows the name."""
    write_about(tmp_path)
    kim = logged("1", NOON, NOON + 60, uid=7, username="kim", bytes_read=5 * MIB)
    other = logged("2", NOON, NOON + 60, uid=8, username="kim", bytes_read=3 * MIB)
    later = {"start_time": NOON + 86400, "end_time": NOON + 86460}
    write_day(tmp_path, logs={"darshan": [kim, other]})
    write_day(tmp_path, date=DATE + dt.timedelta(days=1), logs={"darshan": [kim | later]})
    days = [str(DATE), str(DATE + dt.timedelta(days=1))]
    main(["compare", *days, "--archive", str(tmp_path), "--limit", "0", "--json"])
    changes = json.loads(capsys.readouterr().out)["changes"]
    users = sorted((one["one"], one["other"]) for one in changes if one["of"] == "user")
    assert users == [(3 * MIB, 0), (5 * MIB, 5 * MIB)]


def test_a_side_without_a_target_that_the_other_has_is_not_whole() -> None:
    days = [
        daily.DayFigures(dt.date(2026, 11, n), 86400, full=dict.fromkeys(targets, (50.0, 100.0)))
        for n, targets in ((1, "abcd"), (2, "abc"))
    ]
    found = comparison._fullness("scratch", [[day] for day in days])
    assert (found.share_one, found.share_other) == (1.0, 0.75)
