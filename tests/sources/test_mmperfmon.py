"""The mmperfmon source: what its text can say, and what comes of it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools import open_tts
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NoData, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from pipeline.cli.main import COMPLETE, main
from pipeline.site import Site, validated
from pipeline.sources import mmperfmon
from pipeline.sources import registry as sources
from pipeline.sources.mmperfmon import figures
from pipeline.sources.mmperfmon.text_tables import Damage, tables
from pipeline.testing import contract
from tests.support.mmperfmon_day import STAMP, make, minutes, output, tarball, traffic
from tests.support.mutants import mutated

UTC = Day(dt.date(2026, 11, 22))
MIDNIGHT = dt.datetime(2026, 11, 22)
LUNS = {"^lun": "datatarget"}
BOTH = {**LUNS, "^md": "mdtarget"}
READ, WRITTEN = "gpfs_nsdds_bytes_read", "gpfs_nsdds_bytes_written"


def options(files: Path | str | list[str], **keys: Any) -> mmperfmon.Options:
    content = {
        "kind": "mmperfmon",
        "files": str(files) if isinstance(files, Path) else files,
        "timezone": "UTC",
        "mmperfmon_lun_map": LUNS,
        **keys,
    }
    return validated(mmperfmon.Options, content, "test")


def grids(
    folder: Path, *texts: str | bytes, day: Day = UTC, **keys: Any
) -> tuple[dict[str, Grid], Findings]:
    """The day's grids of texts, each in a file of its own."""
    (folder / "source").mkdir(parents=True)
    for n, text in enumerate(texts):
        (folder / "source" / f"{n}.out").write_bytes(
            text.encode() if isinstance(text, str) else text
        )
    return archived(
        options(folder / "source", **{"timezone": day.timezone, **keys}), day, folder / "raw"
    )


def archived(chosen: mmperfmon.Options, day: Day, raw: Path) -> tuple[dict[str, Grid], Findings]:
    samples, findings, _ = contract.parsed(chosen, day, raw)
    return contract.grids(chosen, day, samples, findings), findings


def seen(findings: Findings) -> list[tuple[str, int]]:
    return [(finding.kind, finding.count) for finding in findings]


def lun(host: str, *names: str, counter: str = READ) -> list[str]:
    return [f"{host}|GPFSNSDDisk|{name}|{counter}" for name in names]


# By hand


def test_an_ordinary_output(tmp_path: Path) -> None:
    legend = [
        "nsd1.site|CPU|cpu_user",
        "nsd1.site|CPU|cpu_sys",
        "nsd1.site|Memory|mem_total",
        "nsd1.site|Network|lo|net_r",
        "nsd1.site|Network|ib0|net_r",
    ]
    rows = [
        ["0.2", "0.56", "31371.0 MB", "9 kB", "1.7 kB"],
        ["0.25", "null", "0.5 GB", "9 kB", "98 B"],
    ]
    found, findings = grids(tmp_path, output(legend, minutes(MIDNIGHT, 2), rows, 5))
    assert set(found) == {
        f"dataservers/{name}" for name in ("cpuuser", "cpusys", "cpuload", "memtotal", "netinbytes")
    }
    assert all(grid.columns == ("nsd1.site",) for grid in found.values())
    assert all(grid.values.shape == (1440, 1) for grid in found.values())
    assert found["dataservers/cpuuser"].values[:2, 0].tolist() == [
        0.2,
        0.25,
    ], "percentages stay as they are"
    assert found["dataservers/memtotal"].values[:2, 0].tolist() == [31371.0 * 1048576, 0.5 * 2**30]
    assert found["dataservers/netinbytes"].values[:2, 0].tolist() == [
        1.7 * 1024,
        98,
    ], "lo is left out"
    assert found["dataservers/cpuload"].values[0, 0] == 0.2 + 0.56
    for name in ("cpusys", "cpuload"):
        assert np.isnan(found[f"dataservers/{name}"].values[1, 0]), (
            "null is missing, and so is a sum of which a term is"
        )
    assert all(np.isnan(grid.values[2:]).all() for grid in found.values())
    assert seen(findings) == [("interfaces that are left out", 1)]


def test_units_are_powers_of_1024(tmp_path: Path) -> None:
    cells = ["7 B", "7 kB", "7 KB", "7 MB", "7.5 GB", "7 TB", "1 PB", "7 KiB", "7MiB", "1e3 B"]
    found, findings = grids(
        tmp_path,
        output(["h|Memory|mem_free"], minutes(MIDNIGHT, len(cells)), [[cell] for cell in cells]),
    )
    expected = [7, 7 << 10, 7 << 10, 7 << 20, 7.5 * 2**30, 7 << 40, 1 << 50, 7 << 10, 7 << 20, 1000]
    assert found["dataservers/memfree"].values[: len(cells), 0].tolist() == expected
    assert not len(findings)


def test_memory_without_a_unit_is_in_kib(tmp_path: Path) -> None:
    legend = [
        f"h|Memory|{name}" for name in ("mem_memtotal", "mem_memfree", "mem_cached", "mem_buffers")
    ]
    found, _ = grids(
        tmp_path,
        output(
            legend,
            minutes(MIDNIGHT, 2),
            [["1000", "100", "30", "7"], ["1000", "1 MB", "null", "7"]],
            3,
        ),
    )
    used = {name.partition("/")[2]: grid.values[:2, 0].tolist() for name, grid in found.items()}
    assert used["memtotal"] == [1000 << 10] * 2
    assert used["memfree"] == [100 << 10, 1 << 20]
    assert used["memused"][0] == (1000 - 100 - 30 - 7) << 10
    assert np.isnan(used["memused"][1])


def test_total_and_free_alone_do_not_say_what_programs_use(tmp_path: Path) -> None:
    found, findings = grids(
        tmp_path,
        output(
            ["h|Memory|mem_total", "h|Memory|mem_free"], minutes(MIDNIGHT, 1), [["9 MB", "2 MB"]]
        ),
    )
    assert set(found) == {"dataservers/memtotal", "dataservers/memfree"}
    assert not len(findings)


def test_load_needs_both_of_its_terms_of_the_same_server(tmp_path: Path) -> None:
    texts = [
        output([f"a|CPU|{name}"], minutes(MIDNIGHT, 1), [["1"]])
        for name in ("cpu_user", "cpu_system")
    ]
    found, _ = grids(tmp_path, *texts, output(["b|CPU|cpu_user"], minutes(MIDNIGHT, 1), [["5"]]))
    assert found["dataservers/cpuuser"].columns == ("a", "b")
    assert found["dataservers/cpuload"].columns == ("a",)
    assert found["dataservers/cpuload"].values[0, 0] == 2


def test_tables_go_on_through_the_legend(tmp_path: Path) -> None:
    names = [f"lun{n}" for n in range(7)]
    rows = [[str(1000 * row + n) for n in range(7)] for row in range(3)]
    for wide in (1, 2, 3, 7):
        found, findings = grids(
            tmp_path / str(wide), output(lun("h", *names), minutes(MIDNIGHT, 3), rows, wide)
        )
        assert found["datatargets/readbytes"].columns == tuple(f"h:{name}" for name in names)
        assert found["datatargets/readbytes"].values[:3].tolist() == [
            [float(cell) for cell in row] for row in rows
        ]
        assert not len(findings)


def test_several_outputs_in_one_file(tmp_path: Path) -> None:
    one = output(lun("h", "lun1", "lun2"), minutes(MIDNIGHT, 2), [["1", "2"], ["3", "4"]], 1)
    two = output(
        lun("h", "lun1", "lun2", counter=WRITTEN), minutes(MIDNIGHT, 2), [["5", "6"], ["7", "8"]], 1
    )
    three = output(
        lun("h", "lun2", "lun1"), minutes(MIDNIGHT + dt.timedelta(minutes=2), 1), [["10", "9"]]
    )
    found, findings = grids(tmp_path, "Password:\n" + one + two + three)
    assert found["datatargets/readbytes"].values[:3].tolist() == [[1, 2], [3, 4], [9, 10]]
    assert found["datatargets/writebytes"].values[:2].tolist() == [[5, 6], [7, 8]]
    assert not len(findings)


def test_stamps_mark_the_end_of_their_interval(tmp_path: Path) -> None:
    """The row of next midnight is this day's last, the row of this midnight is the day before's."""
    stamps = minutes(MIDNIGHT - dt.timedelta(minutes=2), 1443)
    found, _ = grids(tmp_path, output(lun("h", "lun1"), stamps, [[str(n)] for n in range(1443)]))
    assert found["datatargets/readbytes"].values[:, 0].tolist() == list(range(2, 1442))


def test_the_interval_is_the_distance_of_rows(tmp_path: Path) -> None:
    stamps = minutes(MIDNIGHT, 3, 300)
    found, _ = grids(tmp_path, output(lun("h", "lun1"), stamps, [["1"], ["2"], ["3"]]))
    assert np.flatnonzero(~np.isnan(found["datatargets/readbytes"].values[:, 0])).tolist() == [
        0,
        5,
        10,
    ]
    lines = output(lun("h", "lun1"), stamps, [["1"], ["2"], ["3"]]).splitlines(keepends=True)
    del lines[-2]
    found, _ = grids(tmp_path / "gap", "".join(lines))
    assert np.flatnonzero(~np.isnan(found["datatargets/readbytes"].values[:, 0])).tolist() == [
        0,
        10,
    ], "a lost row does not stretch it"


def test_a_figure_that_was_also_queried_in_longer_intervals_counts_once(tmp_path: Path) -> None:
    fine = output(lun("h", "lun1"), minutes(MIDNIGHT, 10), [[str(n)] for n in range(10)])
    coarse = output(lun("h", "lun1"), minutes(MIDNIGHT, 3, 300), [["10"], ["35"], ["1000"]])
    found, findings = grids(tmp_path, fine, coarse, fine)
    values = found["datatargets/readbytes"].values[:, 0]
    assert values[:10].tolist() == list(range(10))
    assert values[10] == 1000, "what only the longer interval has stays"
    assert findings.total("figures of intervals that shorter ones cover") == 2
    assert findings.total("duplicates") == 10


def test_shorter_intervals_that_do_not_fill_a_longer_one_give_way_to_it(tmp_path: Path) -> None:
    """Two minutes that were also queried by the minute must not take the place of their hour."""
    hours = [output(lun("h", "lun1", "lun2"), minutes(MIDNIGHT, 24, 3600), [["3600", "3600"]] * 24)]
    some = output(lun("h", "lun1"), minutes(MIDNIGHT + dt.timedelta(hours=5), 2), [["60"]] * 2)
    whole = output(lun("h", "lun2"), minutes(MIDNIGHT + dt.timedelta(hours=7), 60), [["60"]] * 60)
    found, findings = grids(tmp_path, *hours, some, some, whole)
    values = found["datatargets/readbytes"].values
    assert np.nansum(values, axis=0).tolist() == [24 * 3600] * 2
    assert values[300:302, 0].tolist()[0] == 3600
    assert np.isnan(values[301, 0])
    assert values[420:480, 1].tolist() == [60] * 60
    assert findings.total("figures of intervals that do not fill a longer one") == 4
    assert findings.total("figures of intervals that shorter ones cover") == 1


def test_a_longer_interval_that_ends_after_the_day_is_filled_up_to_its_end(tmp_path: Path) -> None:
    late = MIDNIGHT + dt.timedelta(hours=23, minutes=30)
    found, findings = grids(
        tmp_path,
        output(lun("h", "lun1"), minutes(late - dt.timedelta(hours=2), 3, 3600), [["5"]] * 3),
        output(lun("h", "lun1"), minutes(late, 60), [["1"]] * 60),
    )
    assert found["datatargets/readbytes"].values[-30:, 0].tolist() == [1] * 30
    assert seen(findings) == [("figures of intervals that shorter ones cover", 1)]


def test_averages_are_those_of_the_shorter_intervals(tmp_path: Path) -> None:
    coarse = output(["h|CPU|cpu_idle"], minutes(MIDNIGHT, 2, 3600), [["50"], ["70"]])
    fine = output(["h|CPU|cpu_idle"], minutes(MIDNIGHT, 2), [["10"], ["20"]])
    found, _ = grids(tmp_path, coarse, fine)
    assert found["dataservers/cpuidle"].values[:2, 0].tolist() == [10, 20]
    assert found["dataservers/cpuidle"].values[60, 0] == 70


@given(
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from([1, 5, 10])), min_size=1, max_size=30)
)
def test_no_second_is_told_twice(rows: list[tuple[int, int]]) -> None:
    """Of intervals that begin at multiples of their lengths, those that are kept do not overlap,
    and fill what there was.
    """
    time = np.array([n - n % length for n, length in rows])
    interval = np.array([length for _, length in rows])
    longer, shorter = figures.measured_twice(
        time, np.zeros(len(rows), np.int32), interval, 30, True
    )
    kept = {
        (t, length)
        for t, length in zip(
            time[~(longer | shorter)].tolist(), interval[~(longer | shorter)].tolist(), strict=True
        )
    }
    reported = [t + n for t, length in kept for n in range(length)]
    assert len(reported) == len(set(reported))
    assert set(reported) == {
        t + n
        for t, length in zip(time.tolist(), interval.tolist(), strict=True)
        for n in range(length)
    }


def test_a_file_that_is_mended(tmp_path: Path) -> None:
    whole = output(lun("h", "lun1"), minutes(MIDNIGHT, 4), [["1"], ["3"], ["5"], ["7"]])
    lines = whole.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith("  2"))
    lines[at] = lines[at][:20] + "\n"
    chosen = options(tmp_path / "h.out")
    pieces: list[Path] = []
    for text, count in (("".join(lines), 1), (whole, 0)):
        (tmp_path / "h.out").write_text(text)
        pieces.insert(0, tmp_path / f"piece{len(pieces)}")
        pieces[0].mkdir()
        mmperfmon.SOURCE.fetch_new(chosen, UTC, pieces[0], pieces[1:])
        findings = Findings()
        samples = list(mmperfmon.SOURCE.parse_pieces(chosen, UTC, pieces, findings))
        assert findings.total(FindingKind.UNREADABLE) == count
    (found,) = contract.grids(chosen, UTC, samples, findings).values()
    assert found.values[:4, 0].tolist() == [1, 3, 5, 7]


def test_a_row_too_short_costs_that_row(tmp_path: Path) -> None:
    lines = output(
        lun("h", "lun1", "lun2"),
        minutes(MIDNIGHT, 4),
        [["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]],
    ).splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith("  2"))
    lines[at] = lines[at][:40] + "\n"
    found, findings = grids(tmp_path, "".join(lines))
    np.testing.assert_array_equal(
        found["datatargets/readbytes"].values[:4], [[1, 2], [np.nan, np.nan], [5, 6], [7, 8]]
    )
    (finding,) = findings
    assert (finding.kind, finding.count, finding.where) == (
        FindingKind.UNREADABLE,
        1,
        str(tmp_path / "source/0.out"),
    )
    assert finding.detail == f"line {at + 1}: a row that is not 2 figures of a time"


@pytest.mark.parametrize(
    "row",
    [
        "  2 2026-11-22-00:02:00 3 4 5",
        "  2 2026-11-22-00:02:00 3 four",
        "  2 2026-11-22-00:02:00 3 4 XB",
        "  2 2026-11-22-00:02:00 3 1_0",
        "  2 2026-11-22-00:02:00 nan 4",
        "  2 2026-11-22-00:02:00 inf 4",
        "  2 2026-11-22-00:02:00 3 1e999",
        "  2 2026-13-22-00:02:00 3 4",
        "  2 yesterday 3 4",
        "  x 2026-11-22-00:02:00 3 4",
        "99999999999999999999 2026-11-22-00:02:00 3 4",
        "Error: the collector does not answer",
    ],
)
def test_a_row_that_is_wrong_costs_that_row(tmp_path: Path, row: str) -> None:
    lines = output(
        lun("h", "lun1", "lun2"), minutes(MIDNIGHT, 3), [["1", "2"], ["3", "4"], ["5", "6"]]
    ).splitlines()
    lines[-2] = row
    found, findings = grids(tmp_path, "\n".join(lines) + "\n")
    np.testing.assert_array_equal(
        found["datatargets/readbytes"].values[:3], [[1, 2], [np.nan, np.nan], [5, 6]]
    )
    assert seen(findings) == [(FindingKind.UNREADABLE, 1)]


FOUR = output(
    lun("h", "lun1", "lun2", "lun3", "lun4"),
    minutes(MIDNIGHT, 2),
    [["1", "2", "3", "4"], ["5", "6", "7", "8"]],
    1,
)
"""Legend in lines 3 to 6; tables of three lines and a blank in lines 8, 12, 16 and 20."""


def four(tmp_path: Path, change: Callable[[list[str]], object]) -> tuple[list[Any], Findings]:
    """What is read of the first row of FOUR after a change of its lines, with an intact output
    behind it.
    """
    lines = FOUR.splitlines(keepends=True)
    change(lines)
    found, findings = grids(
        tmp_path, "".join(lines) + output(lun("h", "lun9"), minutes(MIDNIGHT, 1), [["9"]])
    )
    grid = found["datatargets/readbytes"]
    assert grid.values[0, grid.columns.index("h:lun9")] == 9, "the next legend begins anew"
    assert findings.total(FindingKind.UNREADABLE)
    return [
        grid.values[0, grid.columns.index(f"h:lun{n}")] if f"h:lun{n}" in grid.columns else None
        for n in range(1, 5)
    ], findings


@pytest.mark.parametrize(
    "head",
    [
        "Row           Timestamp other_counter \n",
        "Row           Timestamp \n",
        f"Row           Timestamp {READ} {READ[:-1]}\n",
    ],
)
def test_nothing_is_taken_after_a_head_that_contradicts_the_legend(
    tmp_path: Path, head: str
) -> None:
    values, findings = four(tmp_path, lambda lines: lines.__setitem__(11, head))
    assert values == [1, None, None, None]
    assert "line 12: the head of a table is not what the legend says" in str(next(iter(findings)))


def test_nothing_is_taken_after_a_head_that_is_lost(tmp_path: Path) -> None:
    values, findings = four(tmp_path, lambda lines: lines.__delitem__(slice(10, 12)))
    assert values == [1, None, None, None], "the rows that follow are not those of the table before"
    assert "line 11: Row 1 is there twice" in str(next(iter(findings)))
    values, findings = four(
        tmp_path / "garbled", lambda lines: lines.__setitem__(11, "Rwo Timestamp x\n")
    )
    assert values == [1, None, None, None]


def test_nothing_is_taken_after_a_table_that_is_not_as_its_head_says(tmp_path: Path) -> None:
    values, findings = four(
        tmp_path, lambda lines: lines.__setitem__(11, f"Row           Timestamp {READ} {READ}\n")
    )
    assert values == [1, None, None, None]
    assert findings.total(FindingKind.UNREADABLE) == 3


def test_a_column_without_a_legend_entry_costs_that_column(tmp_path: Path) -> None:
    values, findings = four(tmp_path, lambda lines: lines.__setitem__(3, "garbage\n"))
    assert values == [1, None, 3, 4]
    assert findings.total(FindingKind.UNREADABLE) == 2, "the entry and its column"
    assert "line 4: not host|component|device|counter" in str(next(iter(findings)))
    values, _ = four(
        tmp_path / "twice", lambda lines: lines.__setitem__(3, lines[3].replace(" 2:", " 1:"))
    )
    assert values == [None, None, 3, 4], "a number that two entries have says nothing"


@pytest.mark.parametrize("name", ["lun\0", "lun\x1b[2J", "x" * 256, "lun\x85x"])
def test_a_name_that_is_none_costs_its_column(tmp_path: Path, name: str) -> None:
    values, findings = four(
        tmp_path, lambda lines: lines.__setitem__(3, lines[3].replace("lun2", name))
    )
    assert values == [1, None, 3, 4]
    assert "line 4: a name that is too long or not printable" in str(next(iter(findings)))
    values, _ = four(
        tmp_path / "host", lambda lines: lines.__setitem__(3, lines[3].replace("h|", f"{name}|"))
    )
    assert values == [1, None, 3, 4]


def test_lines_of_spaces_cost_no_time(tmp_path: Path) -> None:
    """A legend entry once took time with the square of its length: minutes."""
    spaces = " " * 200_000
    values, _ = four(
        tmp_path, lambda lines: lines.__setitem__(3, f" 2:\t{spaces}x{spaces}|{spaces}y\n")
    )
    assert values == [1, None, 3, 4]
    values, _ = four(
        tmp_path / "row",
        lambda lines: lines.__setitem__(12, f"  1 2026-11-22-00:01:00{spaces}2{spaces}x{spaces}\n"),
    )
    assert values[0] == 1


def test_more_tables_than_the_legend_has_columns(tmp_path: Path) -> None:
    text = FOUR + "\nRow           Timestamp cpu_user \n  1 2026-11-22-00:01:00 7 \n"
    found, findings = grids(tmp_path, text)
    assert found["datatargets/readbytes"].values[0].tolist() == [1, 2, 3, 4]
    assert [finding.detail for finding in findings] == ["line 24: the legend has no column 5"]


def test_a_text_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    body = FOUR.encode()
    whole = body.rindex(b"Row")
    details = set()
    for end in range(whole - 60, len(body)):
        found, findings = grids(tmp_path / str(end), body[:end])
        values = found["datatargets/readbytes"].values[:2].copy()
        values[np.isnan(values)] = np.broadcast_to([[1, 2, 3, 4], [5, 6, 7, 8]], (2, 4))[
            :, : values.shape[1]
        ][np.isnan(values)]
        assert (
            values.tolist() == np.array([[1, 2, 3, 4], [5, 6, 7, 8]])[:, : values.shape[1]].tolist()
        ), "a number that was cut is not taken"
        if body[end:].strip():
            assert findings.total(FindingKind.UNREADABLE), end
        details |= {finding.detail.partition(": ")[2] for finding in findings}
    assert "the last line breaks off" in details
    assert "the text ends after 3 of the legend's 4 columns" in details
    assert "a table has 1 rows, others of the query have 2" in details


def test_a_text_without_the_last_newline_is_whole(tmp_path: Path) -> None:
    found, findings = grids(tmp_path, FOUR.rstrip())
    assert found["datatargets/readbytes"].values[1].tolist() == [5, 6, 7, 8]
    assert not len(findings)


def test_what_is_no_output_is_named(tmp_path: Path) -> None:
    found, findings = grids(
        tmp_path,
        "",
        "hello\n",
        b"\xff\x00" * 99,
        "Row Timestamp cpu_user\n 1 2026-11-22-00:01:00 5\n",
        FOUR,
    )
    assert found["datatargets/readbytes"].columns == ("h:lun1", "h:lun2", "h:lun3", "h:lun4")
    said = [f"{Path(finding.where).name} {finding.detail}" for finding in findings]
    assert said == [
        "0.out line 1: the file is empty",
        "1.out line 1: no output of mmperfmon query",
        "2.out line 1: no output of mmperfmon query",
        "3.out line 1: a table without a legend, as of a comparison by node: nothing says what its"
        " columns are; query the counters by name instead of compareNodes",
    ]


# Other forms


ENTRIES = [
    "nsd1.site|CPU|cpu_user",
    "nsd1.site|Memory|mem_total",
    *lun("nsd1.site", "lun1", "lun2"),
]
CELLS = [["0.25", "31371.0 MB", "7", "8"], ["0.5", "null", "9", "null"]]


def with_commas(text: str, head: str = "Row,Timestamp,", end: str = "\n", quote: str = "") -> str:
    """A text of one table as --csv has it: no blanks, nothing for null."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Row "))
    names = head + ",".join(lines[start].split()[2:])
    rows = [
        [f"{n}", *minutes(MIDNIGHT, len(CELLS))[n - 1 : n], *row] for n, row in enumerate(CELLS, 1)
    ]
    cells = [
        ",".join("" if cell == "null" else f"{quote}{cell}{quote}" for cell in row) for row in rows
    ]
    return "\n".join(lines[:start]) + "\n" + end.join([names, *cells, ""])


def same(ours: dict[str, Grid], others: dict[str, Grid]) -> bool:
    return set(ours) == set(others) and all(
        grid.columns == others[name].columns
        and np.array_equal(grid.values, others[name].values, equal_nan=True)
        for name, grid in ours.items()
    )


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"head": "Row, Timestamp, "},
        {"end": "\r\n"},
        {"end": ",\n"},
        {"quote": '"', "head": '"Row","Timestamp",'},
    ],
)
def test_csv_is_read_as_a_table_is(tmp_path: Path, form: dict[str, str]) -> None:
    table = output(ENTRIES, minutes(MIDNIGHT, 2), CELLS, 4)
    expected, _ = grids(tmp_path / "table", table)
    assert expected["dataservers/memtotal"].values[0] == 31371.0 * 1024**2
    found, findings = grids(tmp_path / "csv", with_commas(table, **form))
    assert not len(findings)
    assert same(found, expected)
    both, findings = grids(tmp_path / "both", with_commas(table, **form) + table)
    assert {finding.kind for finding in findings} == {FindingKind.DUPLICATES}
    assert same(both, expected), "a table in blanks may follow"


def test_a_line_of_csv_that_breaks_off_is_no_row(tmp_path: Path) -> None:
    text = with_commas(output(lun("h", "lun1"), minutes(MIDNIGHT, 2), [["1"], ["1"]]))
    text = text[: text.index("1,")] + "1,2026-11-22-00:01:00,1234\n2,2026-11-22-00:02:00,12"
    found, findings = grids(tmp_path, text)
    assert np.nansum(found["datatargets/readbytes"].values) == 1234
    assert "line 7" in str(next(iter(findings))), "the lines are those of the file"


@pytest.mark.parametrize("names", ["nsd1.site nsd2.site", "nsd1 nsd2"])
def test_a_comparison_by_node_is_read_by_its_legend(tmp_path: Path, names: str) -> None:
    entries = [f"nsd{n}.site|CPU|cpu_user" for n in (1, 2)]
    table = output(entries, minutes(MIDNIGHT, 2), [["1", "2"], ["3", "4"]])
    found, findings = grids(
        tmp_path, table.replace(" cpu_user cpu_user", f" {names}").replace("cpu_user ", "")
    )
    assert not len(findings)
    assert found["dataservers/cpuuser"].columns == ("nsd1.site", "nsd2.site")
    assert found["dataservers/cpuuser"].values[:2].tolist() == [[1, 2], [3, 4]]


def test_a_comparison_of_other_nodes_than_the_legend_has_is_not_read(tmp_path: Path) -> None:
    table = output(["nsd1|CPU|cpu_user", "nsd2|CPU|cpu_user"], minutes(MIDNIGHT, 1), [["1", "2"]])
    found, findings = grids(tmp_path, table.replace(" cpu_user cpu_user", " nsd2 nsd1"))
    assert not found
    assert "the head of a table is not what the legend says" in str(next(iter(findings)))


@pytest.mark.parametrize("head", ["Row Timestamp nsd1 nsd2", "Row,Timestamp,nsd1,nsd2"])
def test_a_comparison_without_a_legend_is_refused_by_name(tmp_path: Path, head: str) -> None:
    found, findings = grids(tmp_path, f"{head}\n1 2026-11-22-00:01:00 1 2\n")
    assert not found
    assert "query the counters by name instead of compareNodes" in str(next(iter(findings)))


def test_a_query_without_rows_is_no_damage(tmp_path: Path) -> None:
    found, findings = grids(tmp_path, output(lun("h", "lun1"), [], []))
    assert not found
    assert not len(findings)


def test_names_that_are_no_utf8_stay_apart(tmp_path: Path) -> None:
    text = (
        output(lun("h", "lunA"), minutes(MIDNIGHT, 1), [["5"]])
        .encode()
        .replace(b"lunA", b"lun\xe9")
    )
    found, _ = grids(tmp_path, text)
    assert found["datatargets/readbytes"].columns == ("h:lun\ufffd",)


# Names: what counts, and as what


def test_devices_are_told_by_the_first_pattern_that_matches(tmp_path: Path) -> None:
    legend = [
        *lun("h", "lun1", "md1", "other", "more"),
        "h|GPFSFilesystem|cluster.site|lunfs|gpfs_fs_read_ops",
        *lun("h", "lun1", counter=WRITTEN),
    ]
    found, findings = grids(
        tmp_path,
        output(legend, minutes(MIDNIGHT, 1), [["1", "2", "3", "4", "5", "null"]]),
        mmperfmon_lun_map=BOTH,
    )
    assert {name: grid.columns for name, grid in found.items()} == {
        "datatargets/readbytes": ("h:lun1",),
        "mdtargets/readbytes": ("h:md1",),
        "datatargets/readops": ("h:lunfs",),
        "datatargets/writebytes": ("h:lun1",),
    }
    assert np.isnan(found["datatargets/writebytes"].values).all(), (
        "a column that was always null is there, and empty"
    )
    assert found["datatargets/readops"].values[0, 0] == 5
    (finding,) = findings
    assert (
        str(finding)
        == "devices that mmperfmon_lun_map does not know: 2 (40 % of the rows; 'more', 'other')"
    )
    chosen = {"^lun1$": "mdtarget", "": "datatarget"}
    found, _ = grids(
        tmp_path / "order",
        output(legend, minutes(MIDNIGHT, 1), [["1", "2", "3", "4", "5", "6"]]),
        mmperfmon_lun_map=chosen,
    )
    assert found["mdtargets/readbytes"].columns == ("h:lun1",)
    assert found["datatargets/readbytes"].columns == ("h:md1", "h:more", "h:other")


def test_metadata_servers(tmp_path: Path) -> None:
    texts = [
        output(
            [f"{host}|CPU|cpu_user", f"{host}|CPU|cpu_idle"], minutes(MIDNIGHT, 1), [["1", "98"]]
        )
        for host in ("mds1", "nsd1", "mds2")
    ]
    found, _ = grids(
        tmp_path, *texts, mmperfmon_server_map={"mds1": "mdserver", "mds": "dataserver"}
    )
    assert found["mdservers/cpuuser"].columns == ("mds1",)
    assert found["dataservers/cpuuser"].columns == ("mds2", "nsd1")
    assert found["mdservers/cpuidle"].values[0, 0] == 98


def test_interfaces_are_added_up(tmp_path: Path) -> None:
    legend = [f"h|Network|{name}|netdev_bytes_r" for name in ("lo", "ib0", "ib1", "eth0")] + [
        "h|Network|ib0|net_s"
    ]
    text = output(
        legend,
        minutes(MIDNIGHT, 2),
        [["1", "20", "300", "4000", "5"], ["1", "20", "null", "4000", "null"]],
    )
    found, findings = grids(tmp_path, text, interfaces="ib.*")
    assert found["dataservers/netinbytes"].columns == ("h",)
    assert found["dataservers/netinbytes"].values[:2, 0].tolist() == [320, 20]
    assert found["dataservers/netoutbytes"].values[0, 0] == 5
    assert [str(finding) for finding in findings] == ["interfaces that are left out: 2 (eth0, lo)"]


def test_parts_of_different_servers_are_not_mixed_up(tmp_path: Path) -> None:
    legend = ["a|Network|b:c|net_r", "a:b|Network|c|net_r"]
    found, findings = grids(tmp_path, output(legend, minutes(MIDNIGHT, 1), [["1", "10"]]))
    assert found["dataservers/netinbytes"].columns == ("a", "a:b")
    assert found["dataservers/netinbytes"].values[0].tolist() == [1, 10]
    assert not len(findings)


def test_counters_that_are_not_archived_are_counted(tmp_path: Path) -> None:
    legend = ["h|CPU|cpu_iowait", "h|CPU|cpu_user", "h|CPU|core0|cpu_user", f"h|GPFSNSDDisk|{READ}"]
    found, findings = grids(
        tmp_path,
        output(legend, minutes(MIDNIGHT, 2), [["1", "2", "3", "4"], ["null", "2", "null", "4"]]),
    )
    assert set(found) == {"dataservers/cpuuser"}
    assert [str(finding) for finding in findings] == [
        f"counters that are not archived: 4 (cpu_iowait, cpu_user, {READ})"
    ]


def test_a_negative_figure_is_none_and_minus_zero_is_zero(tmp_path: Path) -> None:
    found, findings = grids(
        tmp_path, output(lun("h", "lun1"), minutes(MIDNIGHT, 3), [["-5"], ["-0"], ["7"]])
    )
    values = found["datatargets/readbytes"].values[:3, 0]
    np.testing.assert_array_equal(values, [np.nan, 0, 7])
    assert not np.signbit(values[1])
    assert seen(findings) == [("negative figures", 1)]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"mmperfmon_lun_map": {"(": "datatarget"}},
            ["mmperfmon_lun_map", "not a regular expression"],
        ),
        (
            {"mmperfmon_lun_map": {"x": "dataserver"}},
            ["mmperfmon_lun_map.x", "'datatarget', 'mdtarget' or 'ignored'", "'dataserver'"],
        ),
        (
            {"mmperfmon_server_map": {"x": "mdtarget"}},
            ["mmperfmon_server_map.x", "'dataserver' or 'mdserver'"],
        ),
        ({"interfaces": "*"}, ["interfaces", "not a regular expression"]),
        ({"max_expanded_mb": 0}, ["max_expanded_mb", "greater than or equal to 1"]),
        ({"timestep": 7}, ["timestep", "divide an hour"]),
        ({"lun_map": {}}, ["lun_map is not known", "mmperfmon_lun_map"]),
    ],
)
def test_wrong_keys_are_named(keys: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        options("x", **keys)
    for word in words:
        assert word in str(error.value)


def test_paths_are_counted_from_the_site_file(tmp_path: Path) -> None:
    site = Site(
        site="s",
        archive="a",
        timezone="Europe/Berlin",
        sources={"gpfs": {"kind": "mmperfmon", "files": ["x_%Y.tgz", "/abs/*"]}},
        folder=tmp_path,
    )
    found = sources.options(site, "gpfs")
    assert isinstance(found, mmperfmon.Options)
    assert found.files == [str(tmp_path / "x_%Y.tgz"), "/abs/*"]
    assert (found.timestep, found.timezone) == (60, "Europe/Berlin")


def test_every_counter_of_the_table_is_used() -> None:
    for metric in sources.find("mmperfmon").metrics():
        assert not (metric.find.plus or metric.find.less) or metric.parts == "total"


# Clocks

AUTUMN = Day(dt.date(2026, 11, 1), "America/Los_Angeles")


def shown(second: int) -> str:
    """What the wall clock showed."""
    return dt.datetime.fromtimestamp(second, ZoneInfo(AUTUMN.timezone)).strftime(STAMP)


def by_hours(day: Day, step: int, hours: int) -> list[str]:
    """Outputs of some hours each; the figure of a row is the number of its interval."""
    numbers = range((day.end - day.start) // step)
    many = 3600 * hours // step
    pieces = [numbers[n : n + many] for n in range(0, len(numbers), many)]
    return [
        output(
            lun("h", "lun1"),
            [shown(day.start + (n + 1) * step) for n in piece],
            [[str(n)] for n in piece],
        )
        for piece in pieces
    ]


@pytest.mark.parametrize("hours", [1, 2, 3, 25])
@pytest.mark.parametrize("step", [60, 300])
@pytest.mark.parametrize("date", [dt.date(2026, 11, 1), dt.date(2026, 3, 8)])
def test_days_on_which_clocks_change(tmp_path: Path, date: dt.date, step: int, hours: int) -> None:
    """Every cell has its own number: none is shifted, lost or added to another; a file of the
    second pass alone, too.
    """
    day = Day(date, AUTUMN.timezone)
    found, findings = grids(tmp_path, *by_hours(day, step, hours), day=day, timestep=step)
    assert found["datatargets/readbytes"].values[:, 0].tolist() == list(
        range((day.end - day.start) // step)
    )
    assert not len(findings)


def test_stamps_that_no_clock_showed_are_counted(tmp_path: Path) -> None:
    day = Day(dt.date(2026, 3, 8), AUTUMN.timezone)
    text = output(
        lun("h", "lun1"),
        ["2026-03-08-01:59:00", "2026-03-08-02:30:00", "2026-03-08-03:01:00"],
        [["1"], ["2"], ["3"]],
    )
    found, findings = grids(tmp_path, text, day=day)
    assert np.nansum(found["datatargets/readbytes"].values) == 4
    assert findings.total("time stamps that no clock showed") == 1


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_stamps_at_the_ends_of_time(tmp_path: Path, year: str) -> None:
    text = output(
        lun("other", "lun1"), [f"{year}-01-01-00:00:00", f"{year}-12-31-23:59:59"], [["1"], ["2"]]
    )
    found, _ = grids(
        tmp_path, text, output(lun("h", "lun1"), ["2026-11-01-00:01:00"], [["3"]]), day=AUTUMN
    )
    assert found["datatargets/readbytes"].columns == ("h:lun1",)
    assert found["datatargets/readbytes"].values[0, 0] == 3


# Packed files


def evil(kind: str) -> bytes:
    """A tarball with a good output and a bad member."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        good = tarfile.TarInfo("day/good.out")
        good.size = len(FOUR)
        tar.addfile(good, io.BytesIO(FOUR.encode()))
        bad = tarfile.TarInfo({"parent": "../evil", "absolute": "/tmp/evil"}.get(kind, "day/link"))
        if kind in ("symlink", "hardlink"):
            bad.type, bad.linkname = (
                (tarfile.SYMTYPE if kind == "symlink" else tarfile.LNKTYPE),
                "/etc/passwd",
            )
        tar.addfile(bad)
    return body.getvalue()


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("parent", "'../evil'"),
        ("absolute", "'/tmp/evil'"),
        ("symlink", "'day/link'"),
        ("hardlink", "'day/link'"),
    ],
)
def test_a_tarball_that_would_leave_its_folder_is_refused(
    tmp_path: Path, kind: str, named: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.tgz").write_bytes(evil(kind))
    tarball(
        source / "b.tgz", {"day/1.out": output(lun("h", "lun1"), minutes(MIDNIGHT, 1), [["5"]])}
    )
    before = sorted(tmp_path.rglob("*"))
    found, findings = archived(options(source), UTC, tmp_path / "raw")
    assert found["datatargets/readbytes"].columns == ("h:lun1",), (
        "nothing of it is read, the other file is"
    )
    assert found["datatargets/readbytes"].values[0, 0] == 5
    (finding,) = findings
    assert (finding.kind, finding.where) == (FindingKind.UNREADABLE, str(source / "a.tgz"))
    assert named in finding.detail
    assert {
        path.relative_to(tmp_path).as_posix() for path in set(tmp_path.rglob("*")) - set(before)
    } == {"raw", "raw/00000", "raw/00001", "raw/files.json"}
    assert (tmp_path / "raw/00000").read_bytes() == (source / "a.tgz").read_bytes()


@pytest.mark.parametrize("where", ["file", "tarball", "member"])
def test_a_bomb_is_refused(tmp_path: Path, where: str) -> None:
    bomb = output(lun("h", "lun1"), [], []).encode() + b" " * (2 << 20)
    source = tmp_path / "source"
    source.mkdir()
    if where == "file":
        (source / "a.out.gz").write_bytes(gzip.compress(bomb))
    else:
        tarball(
            source / "a.tgz",
            {"a.out.gz": gzip.compress(bomb)} if where == "member" else {"a.out": bomb},
        )
    (source / "b.out").write_text(FOUR)
    found, findings = archived(options(source, max_expanded_mb=1), UTC, tmp_path / "raw")
    assert found["datatargets/readbytes"].values[0].tolist() == [1, 2, 3, 4]
    (finding,) = [
        finding for finding in findings if "expands to more than is allowed" in finding.detail
    ]
    assert finding.kind == FindingKind.UNREADABLE
    assert finding.where.startswith(str(source / "a."))


def test_packed_files_that_break_off_are_read_up_to_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    long = output(
        lun("h", *(f"lun{n}" for n in range(20))),
        minutes(MIDNIGHT, 60),
        [[str(traffic(1, n, row)) for n in range(20)] for row in range(60)],
        1,
    )
    tarball(source / "a.tgz", {"1.out": FOUR, "2.out": long.replace("h|", "i|")})
    (source / "b.out.gz").write_bytes(gzip.compress(long.replace("h|", "j|").encode()))
    for path in source.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found, findings = archived(options(source), UTC, tmp_path / "raw")
    grid = found["datatargets/readbytes"]
    assert grid.values[:2, [grid.columns.index(f"h:lun{n}") for n in range(1, 5)]].tolist() == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
    ]
    assert grid.values[0, grid.columns.index("j:lun0")] == traffic(1, 0, 0)
    for n, name in enumerate(grid.columns):
        if name[0] in "ij":
            there = np.flatnonzero(~np.isnan(grid.values[:, n]))
            assert grid.values[there, n].tolist() == [
                traffic(1, int(name[5:]), int(row)) for row in there
            ], "a number that was cut is not taken"
    assert {
        Path(finding.where.partition(":")[0]).name
        for finding in findings
        if finding.kind == FindingKind.UNREADABLE
    } == {"a.tgz", "b.out.gz"}


def test_large_datasets_come_in_pieces_by_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        output(
            [*lun(f"h{n}", "lun1", "lun2"), f"h{n}|CPU|cpu_user"],
            minutes(MIDNIGHT, 2),
            [[str(n), "7", "1"], ["3", "4", "2"]],
        )
        for n in range(5)
    ]
    whole, _ = grids(tmp_path / "whole", *texts)
    monkeypatch.setattr(figures, "PIECE", 5)
    samples, _, _ = contract.parsed(options(tmp_path / "whole/source"), UTC, tmp_path / "raw")
    assert [piece.dataset for piece in samples] == ["datatargets/readbytes"] * 3 + [
        "dataservers/cpuuser"
    ] * 2
    contract.assert_same(whole, contract.grids(options("x"), UTC, samples))


def test_templates_name_files_tarballs_folders_and_globs(tmp_path: Path) -> None:
    texts = [output(lun("h", f"lun{n}"), minutes(MIDNIGHT, 1), [[str(n)]]) for n in range(5)]
    (tmp_path / "d/2026-11-22/deep").mkdir(parents=True)
    (tmp_path / "one_20261122.out").write_text(texts[0])
    (tmp_path / "d/2026-11-22/deep/x.out").write_text(texts[1])
    (tmp_path / "d/2026-11-22/.hidden").write_text("no output")
    (tmp_path / "g_2026-11-22_a.out.gz").write_bytes(gzip.compress(texts[2].encode()))
    tarball(
        tmp_path / "g_2026-11-22_b.tar.gz",
        {"x/3.out": texts[3], "x/4.out.gz": gzip.compress(texts[4].encode())},
    )
    chosen = options(
        [
            f"{tmp_path}/one_%Y%m%d.out",
            f"{tmp_path}/d/%F",
            f"{tmp_path}/g_%F_*",
            f"{tmp_path}/none_%F",
        ]
    )
    found, findings = archived(chosen, UTC, tmp_path / "raw")
    assert found["datatargets/readbytes"].values[0].tolist() == [0, 1, 2, 3, 4]
    assert not len(findings)
    with pytest.raises(NoData):
        mmperfmon.SOURCE.fetch(chosen, Day(dt.date(2026, 11, 23)), tmp_path / "raw")


# Real data

MAPS = {
    "mmperfmon_lun_map": {r"^ddn\d+dt\d+$": "datatarget", r"^na\d+md\d+$": "mdtarget"},
    "mmperfmon_server_map": {"^ngfsv49[23]": "mdserver"},
    "timezone": "America/Los_Angeles",
    "interfaces": ".*",
}
SHORT = {
    "cpu_user": "cpuuser",
    "cpu_sys": "cpusys",
    "mem_total": "memtotal",
    "mem_free": "memfree",
    "net_r": "netinbytes",
    "net_s": "netoutbytes",
    READ: "readbytes",
    WRITTEN: "writebytes",
}


class Cell(NamedTuple):
    """A number of a text, as a slow reader finds it."""

    stamp: str
    host: str
    device: str
    counter: str
    value: float


def by_offsets(text: str) -> Iterator[Cell]:
    """Every number of an output: by the offsets at which the head's names end."""
    legend: list[list[str]] = []
    done, ends = 0, []
    for line in text.split("\n"):
        if "|" in line:
            legend.append(line.split("\t")[1].split("|"))
        elif line.startswith("Row"):
            done += max(0, len(ends) - 2)
            ends = [n for n in range(1, len(line)) if line[n] == " " and line[n - 1] != " "]
        elif line[:3].strip().isdigit():
            cells = [line[a:b].strip() for a, b in zip([0, *ends], ends, strict=False)]
            assert len(cells) == len(ends)
            for entry, cell in zip(legend[done:], cells[2:], strict=False):
                number, _, unit = cell.partition(" ")
                if cell != "null":
                    yield Cell(
                        cells[1],
                        entry[0],
                        entry[2] if len(entry) > 3 else "",
                        entry[-1],
                        float(number) * {"": 1, "kB": 1024, "MB": 1024 * 1024}[unit],
                    )


def texts_of(path: Path) -> Iterator[str]:
    if path.suffix == ".tgz":
        with tarfile.open(path) as tar:
            yield from (found.read().decode() for found in map(tar.extractfile, tar) if found)
    else:
        yield gzip.decompress(path.read_bytes()).decode()


@pytest.mark.parametrize(
    ("date", "file", "numbers"),
    [
        ("2019-05-15", "mmperfmon.2019-05-15-mini.tgz", 51_120),
        ("2019-03-04", "mmperfmon-nsdds.txt.gz", 2_520),
        ("2019-01-11", "mmperfmon-usage.txt.gz", 360),
    ],
)
def test_every_number_of_the_real_data_is_in_its_cell(
    real: Path, tmp_path: Path, date: str, file: str, numbers: int
) -> None:
    day = Day(dt.date.fromisoformat(date), "America/Los_Angeles")
    found, findings = archived(options(real / "mmperfmon" / file, **MAPS), day, tmp_path / "raw")
    expected = {name: np.full(grid.values.shape, np.nan) for name, grid in found.items()}
    cells = [cell for text in texts_of(real / "mmperfmon" / file) for cell in by_offsets(text)]
    assert len(cells) == numbers
    for cell in cells:
        metadata = (
            cell.host.startswith(("ngfsv492", "ngfsv493"))
            if "gpfs" not in cell.counter
            else cell.device.startswith("na")
        )
        group = ("md" if metadata else "data") + (
            "targets" if "gpfs" in cell.counter else "servers"
        )
        name = f"{group}/{SHORT[cell.counter]}"
        when = dt.datetime.strptime(cell.stamp, STAMP).replace(
            tzinfo=ZoneInfo("America/Los_Angeles")
        )
        row = int(when.timestamp() - 60 - day.start) // 60
        column = found[name].columns.index(
            f"{cell.host}:{cell.device}" if "gpfs" in cell.counter else cell.host
        )
        assert np.isnan(expected[name][row, column]), "each cell has one number"
        expected[name][row, column] = cell.value
    for group in {name.partition("/")[0] for name in found if "servers" in name}:
        expected[f"{group}/cpuload"] = expected[f"{group}/cpuuser"] + expected[f"{group}/cpusys"]
    assert (
        sum(
            int((~np.isnan(values)).sum())
            for name, values in expected.items()
            if "cpuload" not in name
        )
        == numbers
    )
    for name, grid in found.items():
        np.testing.assert_array_equal(grid.values, expected[name], err_msg=name)
    kinds = {finding.kind for finding in findings}
    assert kinds <= {FindingKind.PATTERNS_UNMATCHED}, "everything is archived"


def test_what_the_maps_do_not_know_is_listed(real: Path, tmp_path: Path) -> None:
    day = Day(dt.date(2019, 5, 15), "America/Los_Angeles")
    found, findings = archived(
        options(
            real / "mmperfmon/mmperfmon.2019-05-15-mini.tgz",
            **{**MAPS, "mmperfmon_lun_map": {}, "interfaces": "ib"},
        ),
        day,
        tmp_path / "raw",
    )
    assert {name.partition("/")[0] for name in found} == {"dataservers"} | {"mdservers"}
    assert seen(findings) == [
        ("devices that mmperfmon_lun_map does not know", 62),
        ("interfaces that are left out", 1),
        ("patterns that match nothing", 1),
    ], "ib is not the whole name of an interface"


# Contract


class Record(NamedTuple):
    """What a case's source measured: at a minute of the day, of a server or of one of its LUNs."""

    minute: int
    host: str
    name: str
    value: str


def write(folder: Path, records: Sequence[Record]) -> None:
    """A file a host; the second of two equal records goes into a second output of the file."""
    for path in folder.iterdir():
        path.unlink()
    for host in sorted({record.host for record in records}):
        outputs = []
        mine = list(dict.fromkeys(record for record in records if record.host == host))
        again = [record for record in mine if sum(record == other for other in records) > 1]
        for part in (mine, again):
            names, times = (
                list(dict.fromkeys(record.name for record in part)),
                list(dict.fromkeys(record.minute for record in part)),
            )
            given = {(record.minute, record.name): record.value for record in part}
            rows = [
                [given.get((minute, name), "null") for name in names] for minute in sorted(times)
            ]
            stamps = [
                (MIDNIGHT + dt.timedelta(minutes=minute + 1)).strftime(STAMP)
                for minute in sorted(times)
            ]
            if part:
                outputs.append(
                    output(
                        [f"{host}|{name}" for name in names],
                        stamps,
                        rows,
                        3,
                        [sorted(times).index(minute) for minute in times],
                    )
                )
        (folder / f"{host}.2026-11-22.out").write_text("".join(outputs))


def cut(folder: Path) -> str:
    """Cut the first host's file in the middle of a line."""
    path = min(folder.iterdir())
    text = path.read_text()
    path.write_text(text[: text.rindex("2026-11-22") + 15])
    return f"in {path} (line "


class TestContract(contract.Contract):
    @pytest.fixture
    def case(self) -> contract.Case:
        records = [
            Record(minute, host, name, value)
            for minute in (0, 1, 2, 3, 720, 1439)
            for host in ("nsd1", "nsd2", "mds1")
            for name, value in (
                (f"GPFSNSDDisk|lun1|{READ}", str(1000 + minute)),
                (f"GPFSNSDDisk|lun2|{READ}", str(10 * minute)),
                (f"GPFSNSDDisk|lun2|{WRITTEN}", str(7 * minute)),
                ("CPU|cpu_user", f"{minute / 100}"),
                ("CPU|cpu_sys", "0.5"),
                ("Memory|mem_total", "31371.0 MB"),
                ("Network|ib0|net_r", f"{minute}.5 kB"),
                ("Network|ib1|net_r", "null" if minute == 2 else "3 B"),
            )
        ]
        return contract.Case(
            UTC,
            records,
            write,
            lambda folder: options(
                f"{folder}/*.%Y-%m-%d.out", mmperfmon_server_map={"mds": "mdserver"}
            ),
            cut,
        )


# Properties and fuzz


@given(
    st.integers(1, 9),
    st.lists(
        st.lists(
            st.one_of(st.none(), st.integers(0, 2**53), st.floats(0, 1e15)), min_size=5, max_size=5
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_every_number_that_is_written_is_read(
    wide: int, figures: list[list[float | None]], chance: random.Random
) -> None:
    cells = [["null" if cell is None else repr(cell) for cell in row] for row in figures]
    order = chance.sample(range(len(cells)), len(cells))
    text = output(lun("h", *"abcde"), minutes(MIDNIGHT, len(cells)), cells, wide, order).encode()
    damage = Damage(text)
    (table,) = tables(text, damage)
    assert not damage.count
    assert [column.device for column in table.columns] == list("abcde")
    assert (table.row - 1).tolist() == order
    np.testing.assert_array_equal(
        table.values,
        np.array([[np.nan if cell is None else cell for cell in figures[n]] for n in order]),
    )


def test_damaged_texts_cost_no_other_file(tmp_path: Path) -> None:
    chance = random.Random(11)
    usage = [
        ["0.2", "31371.0 MB", "1.7 kB"],
        ["null", "31371.0 MB", "98.7 kB"],
        ["0.3", "null", "1.7 kB"],
    ]
    bad = output(
        lun("omega", "lun1", "lun2", "lun3"),
        minutes(MIDNIGHT, 3),
        [["1", "22", "333"], ["4", "55", "666"], ["7", "88", "999"]],
    )
    bad += output(
        ["omega|CPU|cpu_user", "omega|Memory|mem_total", "omega|Network|ib0|net_r"],
        minutes(MIDNIGHT, 3),
        usage,
    )
    source = tmp_path / "source"
    source.mkdir()
    (source / "b.out").write_text(
        output(lun("alpha", "lun1", "lun2"), minutes(MIDNIGHT, 2), [["1", "2"], ["3", "4"]])
    )
    named = 0
    for number in range(int(os.environ.get("TOKIO_FUZZ", 200))):
        text = mutated(bad.encode(), chance)
        (source / "a.out").write_bytes(text)
        try:
            found, findings = archived(options(source), UTC, tmp_path / f"raw{number}")
        except TokioError:
            continue
        grid = found["datatargets/readbytes"]
        place = [grid.columns.index(f"alpha:lun{n}") for n in (1, 2)]
        assert grid.values[:2, place].tolist() == [[1, 2], [3, 4]], text
        named += any(finding.where == str(source / "a.out") for finding in findings)
    assert named, "damage is found and named"


# The whole way


def test_a_night_with_a_tarball(tmp_path: Path, site: Callable[..., Path]) -> None:
    date = dt.date(2026, 11, 22)
    make(tmp_path / "gpfs/mmperfmon.2026-11-22.tgz", date, servers=2, luns=3, paths=1)
    site(
        {
            "gpfs": {
                "kind": "mmperfmon",
                "files": "gpfs/mmperfmon.%Y-%m-%d.tgz",
                "mmperfmon_lun_map": LUNS,
            }
        },
        timezone="America/Los_Angeles",
    )
    assert main(["nightly", "--date", "2026-11-22"]) == COMPLETE
    with open_tts(tmp_path / "archive/2026/2026-11-22/gpfs.hdf5") as tts:
        frame = tts.to_dataframe("datatargets/readbytes")
        assert list(frame.columns) == ["nsd000:lun0000", "nsd000:lun0002", "nsd001:lun0001"]
        assert frame.to_numpy().tolist() == [
            [traffic(0, 0, n), traffic(0, 2, n), traffic(1, 1, n)] for n in range(1440)
        ]
        assert tts.to_numpy("dataservers/cpuload").tolist() == [
            [n % 60 / 10 + 0.25] * 2 for n in range(1440)
        ]
        assert (tts.to_numpy("dataservers/netinbytes") == 1.7 * 1024).all()
        assert "dataservers/memused" not in tts.datasets()


def test_a_day_without_a_row_becomes_no_file(tmp_path: Path, site: Callable[..., Path]) -> None:
    (tmp_path / "always.out").write_text(FOUR)
    site({"gpfs": {"kind": "mmperfmon", "files": "always.out", "mmperfmon_lun_map": LUNS}})
    main(["nightly", "--date", "2026-11-21"])
    assert not (tmp_path / "archive/2026/2026-11-21/gpfs.hdf5").exists()
