"""The LMT source: what a database can say, and what comes of it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, SourceError
from archive_tools.core.findings import Findings
from pipeline.sources import lmt
from pipeline.sources import registry as sources
from pipeline.sources._shared.local_time import utc_seconds
from pipeline.sources.lmt import database, samples
from pipeline.testing.contract import Case, Contract, queried
from pipeline.transform.grid import Gridder
from tests.support.lmt_source import UTC, options
from tests.support.lmtdb import LmtDb, every


def grids(
    found: lmt.Options, day: Day, folder: Path
) -> tuple[dict[str, tuple[tuple[str, ...], Float64]], Findings]:
    """Fetch, parse and grid a day: dataset to columns and values."""
    folder.mkdir(exist_ok=True)
    queried(found, lambda: lmt.SOURCE.fetch(found, day, folder))
    findings = Findings()
    metrics = {m.dataset.name: m for m in sources.find("lmt").metrics()}
    gridder = Gridder(day, found.timestep, findings)
    made = {
        s.dataset: gridder.grid(s, metrics[s.dataset])
        for s in lmt.SOURCE.parse(found, day, folder, findings)
    }
    return {name: (grid.columns, grid.values) for name, grid in made.items()}, findings


def test_an_ordinary_day(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    for n, ts in enumerate(db.stamps(every(5, "2026-11-22", 4))):
        db.ost(ts, 1, 100 + 10 * n, 7, used=10 + n, free=90 - n)
        db.ost(ts, 2, 5)
        db.add("OSS_DATA", (1, ts, 12.5, 90.25))
        db.add("MDS_DATA", (1, ts, 3.5, 1, 2, 3, 4))
        db.add(
            "MDS_OPS_DATA",
            (1, ts, 1, 1000 + n, 0, 0),
            (1, ts, 2, 50, 0, 0),
            (1, ts, 77, 9 * n, 0, 0),
        )
    db.add("OPERATION_INFO", (77, "ping", "reqs"))
    found, findings = grids(options(db), UTC, tmp_path / "raw")
    assert set(found) == {m.dataset.name for m in sources.find("lmt").metrics()}
    columns, values = found["datatargets/readbytes"]
    assert columns == ("fs-OST0000", "fs-OST0001")
    assert values.shape == (17280, 2)
    assert values[:3].tolist() == [[10, 0], [10, 0], [10, 0]], "an idle counter is 0.0"
    assert np.isnan(values[3:]).all()
    assert found["fullness/bytes"][1][1, 0] == 11 * 1024
    assert found["fullness/bytestotal"][1][1, 0] == 100 * 1024
    assert found["fullness/inodestotal"][1][0, 0] == 10
    assert found["dataservers/cpuload"][0] == ("oss0",)
    assert found["dataservers/memused"][1][0, 0] == 90.25
    assert found["mdservers/cpuload"][1][0, 0] == 3.5
    assert found["mdtargets/opens"][1][:3, 0].tolist() == [1, 1, 1]
    assert found["mdtargets/closes"][1][:3, 0].tolist() == [0, 0, 0]
    assert np.isnan(found["mdtargets/renames"][1]).all()
    assert not len(findings)


def test_nulls_unknown_ids_and_text_cost_their_own_cells_only(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    a, b, c, d = db.stamps(every(5, "2026-11-22", 4))
    db.ost(a, 1, None, 100)  # the first row of the table is null
    db.ost(b, 1, 20, None)
    db.ost(c, 1, 30, 120)
    db.ost(d, 1, "garbage", 130)
    db.ost(b, 99, 1, 1)  # an OST that OST_INFO does not know
    db.ost(4711, 1, 1, 1)  # a time stamp that TIMESTAMP_INFO does not know
    db.add("OST_INFO", (3, 1, None, None, 0, None))
    found, findings = grids(options(db), UTC, tmp_path / "raw")
    columns, values = found["datatargets/readbytes"]
    assert columns == ("fs-OST0000", "fs-OST0001")
    assert values[1, 0] == 10
    assert np.count_nonzero(~np.isnan(values)) == 1
    written = found["datatargets/writebytes"][1]
    assert (written[1, 0], written[2, 0]) == (20, 10), "growth across the null, in the last cell"
    assert findings.total("null values") == 3
    assert findings.total("rows of an unknown OST_ID") == 1
    assert findings.total("ids without a name") == 1


def test_a_target_that_changes_its_id_and_place_keeps_its_column(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db", ["fs-OST0001", "fs-OST0000"])
    a, b, c = db.stamps(every(5, "2026-11-22", 3))
    db.add(
        "OST_INFO", (9, 1, "fs-OST0000", "oss0", 0, None), (10, 1, "fs-OST0002", "oss0", 0, None)
    )
    db.ost(a, 2, 10)
    db.ost(b, 2, 15)
    db.ost(c, 9, 22)  # the same target under a new id
    db.ost(b, 10, 1)  # a target that appears in mid-day
    db.ost(c, 10, 5)
    db.ost(a, 1, 1)  # one that vanishes
    found, _ = grids(options(db), UTC, tmp_path / "raw")
    columns, values = found["datatargets/readbytes"]
    assert columns == ("fs-OST0000", "fs-OST0001", "fs-OST0002")
    assert values[:2, 0].tolist() == [5, 7]
    assert np.isnan(values[:, 1]).all()
    assert np.isnan(values[0, 2])
    assert values[1, 2] == 4


def test_rows_and_ids_in_any_order(tmp_path: Path) -> None:
    results = []
    for order in (1, -1):
        db = LmtDb(tmp_path / "lmt.db", ["fs-OST0000", "fs-OST0001"][::order])
        stamps = list(zip(every(5, "2026-11-22", 50), range(100, 150), strict=True))
        db.add("TIMESTAMP_INFO", *[(ts, str(stamp)) for stamp, ts in stamps[::order]])
        for n, (_, ts) in list(enumerate(stamps))[::order]:
            for name in ("fs-OST0000", "fs-OST0001")[::order]:
                number = 1 + ["fs-OST0000", "fs-OST0001"][::order].index(name)
                db.ost(ts, number, n * (7 if name.endswith("0") else 11))
        results.append(grids(options(db), UTC, tmp_path / "raw")[0]["datatargets/readbytes"])
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_several_metadata_targets(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    db.add("MDS_INFO", (2, 1, "fs-MDT0001", "mds1", None), (3, 1, "fs-MDT0002", "mds1", None))
    for n, ts in enumerate(db.stamps(every(5, "2026-11-22", 2))):
        db.ost(ts, 1, 0)
        for mds in (1, 2, 3):
            db.add("MDS_OPS_DATA", (mds, ts, 1, 10**mds * n, 0, 0))
            db.add("MDS_DATA", (mds, ts, 10.0 * mds, 0, 0, 0, 0))
    found, _ = grids(options(db), UTC, tmp_path / "raw")
    columns, values = found["mdtargets/opens"]
    assert columns == (
        "mds0",
        "fs-MDT0001",
        "fs-MDT0002",
    ), "the host, or the target where several share a host"
    assert values[0].tolist() == [10, 100, 1000]
    assert found["mdservers/cpuload"][0] == ("mds0", "mds1")
    assert found["mdservers/cpuload"][1][0].tolist() == [10, 25]


@pytest.mark.parametrize(
    ("date", "rows"), [(dt.date(2026, 3, 8), 23 * 720), (dt.date(2026, 11, 1), 25 * 720)]
)
def test_days_on_which_clocks_change(tmp_path: Path, date: dt.date, rows: int) -> None:
    """The counter is the time itself: every cell must be exactly 5, none shifted, none empty."""
    zone = "America/Los_Angeles"
    day = Day(date, zone)
    db = LmtDb(tmp_path / "lmt.db")
    seconds = list(range(day.start - 50, day.end + 55, 5))
    from zoneinfo import ZoneInfo

    ids = db.stamps(
        [dt.datetime.fromtimestamp(s, ZoneInfo(zone)).replace(tzinfo=None) for s in seconds]
    )
    db.add(
        "OST_DATA", *[(1, ts, s, 0, 0.0, 1, 1, 1, 1) for ts, s in zip(ids, seconds, strict=True)]
    )
    found, findings = grids(options(db, zone), day, tmp_path / "raw")
    values = found["datatargets/readbytes"][1]
    assert values.shape == (rows, 2)
    assert (values[:, 0] == 5).all()
    assert findings.total("resets") == 0


def test_stamps_that_no_clock_showed_are_counted(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    day = Day(dt.date(2026, 3, 8), "America/Los_Angeles")
    for ts in db.stamps(
        ["2026-03-08 01:59:55", "2026-03-08 02:30:00", "2026-03-08 03:00:00", "nonsense"]
    ):
        db.ost(ts, 1, ts)
    found, findings = grids(options(db, day.timezone), day, tmp_path / "raw")
    assert found["datatargets/readbytes"][1][7199 // 5, 0] == 2
    assert findings.total("time stamps that no clock showed") == 1


def test_a_small_step_back_of_the_clock_is_not_winter_time() -> None:
    zone = "America/Los_Angeles"
    hour = 3600
    base = int(dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp())
    local = np.array(
        [
            base + hour,
            base + hour + 50,
            base + hour + 45,
            base + hour + 3595,
            base + hour,
            base + 2 * hour,
        ]
    )
    utc, real = utc_seconds(local, zone)
    assert (utc - utc[0]).tolist() == [0, 50, 45, 3595, 3600, 7200]
    assert real.all()


def test_mysql_floats_are_the_numbers_that_the_server_shows() -> None:
    shown = [2.66902, 0.612653, 98.1213, 100.0, 0.0, 1e-5, 123456.0, 7.00649e-41, 3.14159e30]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(
            samples.as_shown(np.array(shown[:7], dtype=np.float32)), shown[:7]
        )


def test_no_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no SQLite file"):
        lmt.SOURCE.inputs(options(tmp_path / "none.db"), UTC)
    assert not (tmp_path / "none.db").exists()


def test_a_day_without_stamps_is_no_data(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    db.stamps(every(5, "2026-11-20", 3))
    with pytest.raises(NoData, match="no time stamps of 2026-11-22"):
        lmt.SOURCE.fetch(options(db), UTC, tmp_path)


def test_what_is_no_lmt_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello, this is not a database at all" * 100)
    with pytest.raises(SourceError, match=r"text\.db"):
        lmt.SOURCE.fetch(options(tmp_path / "text.db"), UTC, tmp_path)
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(
        SourceError, match="is not an LMT database: no table OST_DATA, OST_INFO, TIMESTAMP_INFO"
    ):
        lmt.SOURCE.fetch(options(tmp_path / "empty.db"), UTC, tmp_path)


def test_a_table_that_is_not_there_costs_its_datasets_only(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    for ts in db.stamps(every(5, "2026-11-22", 2)):
        db.ost(ts, 1, ts)
    db.execute("DROP TABLE MDS_OPS_DATA")
    found, findings = grids(options(db), UTC, tmp_path / "raw")
    assert "mdtargets/opens" not in found
    assert found["datatargets/readbytes"][1][0, 0] == 1
    assert findings.total("tables that the database lacks") == 1


def test_tables_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    for n, ts in enumerate(db.stamps(every(5, "2026-11-22", 40))):
        db.ost(ts, 1, n)
        db.ost(ts, 2, n * n)
    whole = grids(options(db), UTC, tmp_path / "raw")[0]
    monkeypatch.setattr(database, "PIECE", 7)
    pieces = grids(options(db), UTC, tmp_path / "raw2")[0]
    for name, (columns, values) in whole.items():
        assert pieces[name][0] == columns
        np.testing.assert_array_equal(pieces[name][1], values)


def test_a_table_without_rowid(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    db.execute("DROP TABLE OSS_DATA")
    db.execute(
        "CREATE TABLE OSS_DATA (OSS_ID, TS_ID, PCT_CPU, PCT_MEMORY, PRIMARY KEY (OSS_ID, TS_ID))"
        " WITHOUT ROWID"
    )
    for ts in db.stamps(every(5, "2026-11-22", 2)):
        db.ost(ts, 1, ts)
        db.add("OSS_DATA", (1, ts, 1.5, 2.5))
    assert grids(options(db), UTC, tmp_path / "raw")[0]["dataservers/cpuload"][1][0, 0] == 1.5


@pytest.mark.parametrize(
    "date",
    [dt.date(2026, 10, 24), dt.date(2026, 10, 25), dt.date(2026, 3, 28), dt.date(2026, 3, 29)],
)
def test_a_database_of_another_zone_whose_clocks_change_at_our_midnight(
    tmp_path: Path, date: dt.date
) -> None:
    from zoneinfo import ZoneInfo

    zone, day = "Europe/Berlin", Day(date, "UTC")
    db = LmtDb(tmp_path / "lmt.db")
    seconds = list(range(day.start - 5 * 3600, day.end + 5 * 3600, 60))
    ids = db.stamps(
        [dt.datetime.fromtimestamp(s, ZoneInfo(zone)).replace(tzinfo=None) for s in seconds]
    )
    db.add(
        "OST_DATA", *[(1, ts, s, 0, 0.0, 1, 1, 1, 1) for ts, s in zip(ids, seconds, strict=True)]
    )
    found, _ = grids(options(db, zone, 60), day, tmp_path / "raw")
    assert (found["datatargets/readbytes"][1][:, 0] == 60).all()


def test_operations_without_names_are_in_no_dataset(tmp_path: Path) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    db.execute("DELETE FROM OPERATION_INFO")
    for n, ts in enumerate(db.stamps(every(5, "2026-11-22", 3))):
        db.ost(ts, 1, n)
        db.add("MDS_OPS_DATA", (1, ts, 1, 10 * n, 0, 0), (1, ts, 2, 7000 * n, 0, 0))
    found, findings = grids(options(db), UTC, tmp_path / "raw")
    assert all(
        np.isnan(values).all()
        for name, (_, values) in found.items()
        if name.startswith("mdtargets")
    )
    assert findings.total("rows of an unknown OPERATION_ID") == 6


LMT_RECORDS = [(n, ost, n * 100 * ost, n * 7 * ost) for n in range(9) for ost in (1, 2)]


def write_records(folder: Path, records: Sequence[tuple[int, int, int, int]]) -> None:
    db = LmtDb(folder / "lmt.db")
    stamps = every(60, "2026-11-22", 9)
    seen: Counter[tuple[int, ...]] = Counter()
    ids: dict[int, int] = {}
    for record in records:
        n, ost, read, written = record
        ts = (
            100 + n + 100 * seen[record]
        )  # the tables have no row twice: the same stamp has another TS_ID then
        seen[record] += 1
        if ts not in ids:
            db.add("TIMESTAMP_INFO", (ts, str(stamps[n])))
            ids[ts] = n
        db.ost(ts, ost, read, written)
    db.connection.close()


def spoil_a_stamp(folder: Path) -> str:
    connection = sqlite3.connect(folder / "lmt.db")
    with connection:
        connection.execute("UPDATE TIMESTAMP_INFO SET TIMESTAMP = 'noon' WHERE TS_ID = 104")
    connection.close()
    return "rows of an unknown TS_ID: 2 in OST_DATA"


class TestContract(Contract):
    @pytest.fixture
    def case(self) -> Case:
        return Case(
            Day(dt.date(2026, 11, 22)),
            LMT_RECORDS,
            write_records,
            lambda folder: options(folder / "lmt.db", timestep=60),
            spoil_a_stamp,
        )


def test_a_sum_beyond_int64_does_not_wrap(tmp_path: Path) -> None:
    """KBYTES_USED and KBYTES_FREE are added to the capacity."""
    db = LmtDb(tmp_path / "lmt.db")
    for ts in db.stamps(every(5, "2026-11-22", 3)):
        db.ost(ts, 1, 100, used=2**63 - 1, free=2**63 - 1)
        db.ost(ts, 2, 100, used=10, free=90)
    found, _ = grids(options(db), UTC, tmp_path / "raw")
    total = found["fullness/bytestotal"][1][0]
    assert total.tolist() == [float(2**64) * 1024, 100 * 1024]
