"""`tokio-archive` and the commands with older names, against numbers that are computed here."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import errno
import functools
import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import archive_tools
from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.cli.main import PROGRAM, main
from archive_tools.cli.pytokio.darshan_scoreboard import darshan_scoreboard
from archive_tools.cli.pytokio.find_darshanlogs import find_darshanlogs
from archive_tools.cli.pytokio.summarize_h5lmt import summarize_h5lmt
from archive_tools.cli.pytokio.summarize_job import summarize_job
from archive_tools.cli.pytokio.summarize_tts import summarize_tts
from archive_tools.core import printable
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NotFound, TokioError
from archive_tools.core.grid import Grid
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs import scoreboards
from archive_tools.reading import day_summary, export, reduction, summary
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from pipeline.cli.main import main as pipeline_main
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT, SITEDAY_LOGS

READ, LOAD = "datatargets/readbytes", "dataservers/cpuload"
ZONE = "America/Los_Angeles"
STEP = 600
DAY = dt.date(2026, 11, 22)
HOSTILE = "evil\x1b[31m[red]\nname"


def write_days(root: Path, step: int = STEP) -> archive_tools.Archive:
    """Three days of "fs" around the end of summer time, with other columns and gaps; the second has
    25 hours.
    """
    root.mkdir(exist_ok=True)
    (root / layout.ABOUT).write_text(json.dumps({"site": "test", "timezone": ZONE}))
    for date, names in [
        ((2026, 10, 31), ("a", "b")),
        ((2026, 11, 1), ("b", HOSTILE)),
        ((2026, 11, 2), ("a", "b")),
    ]:
        day = Day(dt.date(*date), ZONE)
        path = layout.path(root, layout.TTS, day.date, "fs")
        path.parent.mkdir(parents=True)
        values = np.arange(2.0 * day.rows(step)).reshape(-1, 2)
        values[3:7, 0] = np.nan
        values[5] = np.nan
        with TtsWriter(path, day) as writer:
            for name in (READ, LOAD):
                writer.write(
                    Grid(name, names, day.start, step, values),
                    catalogue()[name],
                    source="t",
                    updated=0,
                )
    return archive_tools.Archive(root)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> archive_tools.Archive:
    return write_days(tmp_path_factory.mktemp("days") / "archive")


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example site with one archived day."""
    folder = tmp_path_factory.mktemp("site")
    make_lmt.make(folder / "lmt.db", dt.date(2026, 11, 22), osts=6, oss=2, mds=2)
    sources = {
        "scratch": {"kind": "lmt", "database": f"sqlite:///{folder}/lmt.db"},
        "darshan": {"kind": "darshan", "logs": str(SITEDAY_LOGS)},
    }
    keys = {
        "site": "test",
        "archive": "archive",
        "sources": sources,
        "mount_to_fsname": {"^/scratch": "scratch", "^/project": "project"},
    }
    (folder / "site.json").write_text(json.dumps(keys))
    assert (
        pipeline_main(["nightly", "--site", str(folder / "site.json"), "--date", "2026-11-22"]) == 0
    )
    return folder


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit code, output and messages."""

    def called(*arguments: object, of: Callable[[list[str]], int] = main) -> tuple[int, str, str]:
        capsysbinary.readouterr()
        code = of([str(argument) for argument in arguments])
        shown = capsysbinary.readouterr()
        return code, shown.out.decode(), shown.err.decode()

    return called


Run = Callable[..., tuple[int, str, str]]


# Which archive, which time


def test_the_archive_is_named_by_the_option_the_environment_the_site_or_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOKIO_SITE", raising=False)
    assert common_options.archive_folder() == Path("archive")
    (tmp_path / "site.json").write_text('{"archive": "here", "what": "else"}')
    assert common_options.archive_folder() == tmp_path / "here"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/site.json").write_text('{"archive": "there"}')
    monkeypatch.setenv("TOKIO_SITE", "other/site.json")
    assert common_options.archive_folder() == tmp_path / "other/there"
    monkeypatch.setenv("TOKIO_ARCHIVE", "/by/environment")
    assert common_options.archive_folder() == Path("/by/environment")
    assert common_options.archive_folder("/by/option") == Path("/by/option")
    monkeypatch.delenv("TOKIO_ARCHIVE")
    (tmp_path / "other/site.json").write_text('{"archive": 7}')
    with pytest.raises(ConfigError, match="does not name an archive"):
        common_options.archive_folder()
    monkeypatch.setenv("TOKIO_SITE", "gone.json")
    with pytest.raises(NotFound, match=r"gone\.json"):
        common_options.archive_folder()


def test_the_archive_is_where_the_pipeline_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline import site as sites

    for named in ("archive", "../up", "/abs", "~/home"):
        (tmp_path / "site.json").write_text(
            json.dumps({"site": "x", "archive": named, "sources": {}})
        )
        monkeypatch.setenv("TOKIO_SITE", str(tmp_path / "site.json"))
        assert common_options.archive_folder() == sites.load().root


def epoch(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("start", "stop", "first", "last"),
    [
        ("2026-11-01", None, "2026-11-01T00:00-07:00", "2026-11-02T00:00-08:00"),
        ("2026-10-31", "2026-11-01", "2026-10-31T00:00-07:00", "2026-11-02T00:00-08:00"),
        (
            "2026-11-01T12:00",
            "2026-11-01T13:00",
            "2026-11-01T12:00-08:00",
            "2026-11-01T13:00-08:00",
        ),
        (
            "2026-11-01 12:00:05",
            "2026-11-02",
            "2026-11-01T12:00:05-08:00",
            "2026-11-03T00:00-08:00",
        ),
        (
            "2026-11-01T12:00Z",
            "2026-11-01T15:00+02:00",
            "2026-11-01T12:00+00:00",
            "2026-11-01T13:00+00:00",
        ),
    ],
)
def test_dates_are_whole_days_and_times_are_times(
    start: str, stop: str | None, first: str, last: str
) -> None:
    assert common_options.between(
        common_options.date_or_time(start), stop and common_options.date_or_time(stop), ZONE
    ) == (
        epoch(first),
        epoch(last),
    )


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (None, None),
        ("2026-11-02", "2026-11-01"),
        ("2026-11-02T07:00", None),
        ("2026-11-02T07:00", "2026-11-02T07:00"),
    ],
)
def test_ranges_that_are_none(start: str | None, stop: str | None) -> None:
    with pytest.raises(exit_codes.WrongCommand):
        common_options.between(
            start and common_options.date_or_time(start),
            stop and common_options.date_or_time(stop),
            ZONE,
        )


def test_what_is_no_time_is_a_wrong_command() -> None:
    for text in ("soon", "2026-13-01", "", "1e9"):
        with pytest.raises(argparse.ArgumentTypeError):
            common_options.date_or_time(text)
    assert common_options.dates_between(None, None, ZONE) == (dt.date.min, dt.date.max)
    touched = common_options.dates_between(
        common_options.date_or_time("2026-11-01T05:00Z"),
        common_options.date_or_time("2026-11-02T08:00Z"),
        ZONE,
    )
    assert touched == (dt.date(2026, 10, 31), dt.date(2026, 11, 1))


def test_arguments_may_stand_in_any_order(archive: archive_tools.Archive, run: Run) -> None:
    expected = run(
        "summarize", "fs", "2026-10-31", "2026-11-01", "--json", "--archive", archive.root
    )
    assert expected[0] == 0
    assert (
        run("summarize", "--archive", archive.root, "fs", "--json", "2026-10-31", "2026-11-01")
        == expected
    )
    assert (
        run(
            "summarize",
            "--json",
            "fs",
            "--start",
            "2026-10-31",
            "--archive",
            archive.root,
            "--stop",
            "2026-11-01",
        )
        == expected
    )
    assert (
        run(
            "summarize",
            "fs",
            "2026-10-31",
            "--stop",
            "2026-11-01",
            "--json",
            "--archive",
            archive.root,
        )
        == expected
    )


# Tables


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_a_table_in_a_pipe_has_a_line_a_row_and_nothing_that_a_terminal_obeys(
    first: list[str], second: list[str]
) -> None:
    count = min(len(first), len(second))
    text = tables.plain([f"h{n}" for n in range(count)], [first[:count], second[:count]])
    lines = text.removesuffix("\n").split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    for row, line in zip((first, second), lines[1:], strict=True):
        assert all(printable.clean(cell).rstrip() in line for cell in row[:count]), (
            "nothing is cut off"
        )


def test_numbers_stand_below_each_other() -> None:
    assert (
        tables.plain(["name", "n"], [["a", "5"], ["漢字", "1,000"]])
        == "name      n\na         5\n漢字  1,000\n"
    )


@pytest.mark.parametrize("no_color", [False, True])
def test_a_table_on_a_terminal_is_that_of_a_pipe_with_a_bold_header(
    monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for key, value in {
        "TERM": "xterm-256color",
        "COLUMNS": "40",
        **({"NO_COLOR": "1"} if no_color else {}),
    }.items():
        monkeypatch.setenv(key, value)
    stream, long = Terminal(), "OST" + "0123456789" * 6
    header, rows = (
        ["name", "[bold]n", "at"],
        [
            [HOSTILE, "1", "2026-11-22T07:50:00-08:00"],
            [long, ":smiley: 2", "–"],
        ],
    )
    tables.table(stream, header, rows)
    shown = stream.getvalue()
    lines = [line.rstrip() for line in ESCAPE.sub("", shown).splitlines()]
    assert lines == tables.plain(header, rows).splitlines(), "too wide, and nothing is broken"
    first, *others = shown.splitlines()
    assert "\x1b[1m" in first, "bold also where there shall be no colour"
    assert not any("\x1b[1m" in line for line in others)


def test_free_text_in_the_last_column_is_wrapped_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    reported = "3 values are infinite, first in /a/long/path/of/a/file.hdf5"
    tables.table(
        stream, ["kind", "n", "what"], [["bad", "17", reported], ["漢字", "1", "no"]], left=(0, 2)
    )
    header, *lines = (line.rstrip() for line in ESCAPE.sub("", stream.getvalue()).splitlines())
    assert header == "kind   n  what"
    assert [line[:8].rstrip() for line in lines] == ["bad   17", "", "", "漢字   1"]
    assert " ".join(line[8:].strip() for line in lines[:3]) == reported
    assert lines[2].strip() == "/a/long/path/of/a/file.hdf5", "words are not broken"
    monkeypatch.setenv("COLUMNS", "12")
    narrow = Terminal()
    tables.table(narrow, ["kind", "n", "what"], [["bad", "17", reported]], left=(0, 2))
    cells = " ".join(ESCAPE.sub("", narrow.getvalue()).split())
    assert cells == f"kind n what bad 17 {reported}", "nothing is lost or broken"


@given(st.lists(st.integers(0, 60), min_size=1, max_size=14), st.integers(1, 120))
def test_columns_of_a_wide_table_are_all_there_once_and_fit(widths: list[int], places: int) -> None:
    found = tables.blocks(widths, places)
    assert [column for some in found for column in some[1:]] == list(range(1, len(widths)))
    assert {some[0] for some in found} == {0}
    taken = [sum(widths[column] for column in some) + 2 * (len(some) - 1) for some in found]
    beside_first = max((widths[0] + 2 + one for one in widths[1:]), default=widths[0])
    assert max(taken) <= places or (beside_first > places and len(found) == 1)


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        ["summarize", "fs", "2026-11-01"],
        ["summarize", "fs", "2026-11-01", "--by-component"],
        ["info", "fs", "2026-11-01"],
        ["growth", "fs", "--by", "week"],
        ["compare", "2026-11-01", "2026-11-02"],
        ["ls"],
    ],
)
def test_tables_fit_a_terminal(
    archive: archive_tools.Archive,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    columns: int,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    shown: list[list[str]] = []

    def table(
        stream: Any, header: list[str], rows: list[list[str]], *, left: tuple[int, ...] = (0,)
    ) -> None:
        terminal = Terminal()
        written(terminal, header, rows, left=left)
        text = ESCAPE.sub("", terminal.getvalue())
        shown.append(text.splitlines())
        words = set(text.split())
        cells = [printable.clean(cell) for row in [header, *rows] for cell in row]
        assert {word for cell in cells for word in cell.split()} <= words, "nothing is lost"

    written = tables.table
    monkeypatch.setattr(tables, "table", table)
    assert main([*arguments, "--archive", str(archive.root)]) in (0, 1)
    assert shown
    assert max(len(line.rstrip()) for lines in shown for line in lines) <= columns


def test_a_long_table_on_a_terminal_has_columns_below_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "12")
    stream = Terminal()
    with tables.LongTable() as table:
        table.add(["a", "1,000", "x", "not shown"])
        table.add(["bb", "2", "yyyy", "not shown"])
        table.write(stream, ["job", "bytes", "user"], left=(0, 2))
    assert stream.getvalue().splitlines() == [
        "job  bytes",
        "a    1,000",
        "bb       2",
        "",
        "job  user",
        "a    x",
        "bb   yyyy",
    ]


def test_dumb_terminals_are_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    tables.table(stream, ["a"], [["b"]])
    assert stream.getvalue() == "a\nb\n"


def test_what_an_encoding_has_not_is_escaped() -> None:
    target = io.BytesIO()
    stream = io.TextIOWrapper(target, encoding="ascii")
    tables.write(stream, "–\n")
    stream.flush()
    assert target.getvalue() == b"\\u2013\n"


# summarize


def plain_summary(
    values: np.ndarray, stamps: np.ndarray, kind: str
) -> tuple[float | None, float | None, float | None, int | None, float]:
    """Total, mean, peak, when, missing: as the documentation of `DatasetSummary` says it."""
    cells = values[~np.isnan(values)]
    missing = 100 * (1 - cells.size / values.size) if values.size else 100.0
    if not cells.size:
        return None, None, None, None, missing
    rows = []
    for number, row in enumerate(values):
        counts = ~np.isnan(row)
        if kind != "gauge" and number:
            counts &= ~np.isnan(values[number - 1])
        some = row[counts].tolist()
        rows.append((max(some) if kind == "gauge" else sum(some)) if some else -np.inf)
    at = int(np.argmax(rows))
    has_peak = rows[at] > -np.inf
    return (
        (float(cells.sum()) if kind == "delta" else None),
        float(cells.sum() / cells.size),
        rows[at] if has_peak else None,
        int(stamps[at]) if has_peak else None,
        missing,
    )


KINDS = st.sampled_from(["delta", "gauge", "rate"])
numbers = st.integers(-(2**40), 2**40).map(float) | st.just(np.nan) | st.just(0.0)


tables_of_numbers = hnp.arrays(
    np.float64, st.tuples(st.integers(0, 30), st.integers(0, 5)), elements=numbers
)


@settings(max_examples=200)
@given(tables_of_numbers, KINDS, st.integers(1, 30))
def test_reducing_parts_equals_the_plain_computation(
    values: np.ndarray, kind: str, cut: int
) -> None:
    """Whole numbers, so that sums are exact whatever their order."""
    stamps = 1000 + 5 * np.arange(len(values))
    names = tuple(f"c{n}" for n in range(values.shape[1]))
    growing = summary._Growing(reduction.Header("d", "bytes", kind, names, 5), set(names))
    before = values.copy()
    reduced = [
        reduction.reduce(values[low : low + cut], stamps[low : low + cut], kind, by_component=True)
        for low in range(0, len(values), cut)
    ]
    np.testing.assert_array_equal(values, before)
    if reduced:
        whole = functools.reduce(day_summary.merged, reduced)
        growing.add(growing.header, whole.after(np.zeros(values.shape[1], bool)))
    found = growing.finished()
    assert (found.total, found.mean, found.peak, found.peak_at, found.missing) == pytest.approx(
        plain_summary(values, stamps, kind)
    )
    assert (found.rows, found.columns) == values.shape
    for one in found.components:
        column = values[:, [names.index(one.name)]]
        expected = plain_summary(column, stamps, kind)
        assert (one.total, one.mean, one.peak, one.peak_at, one.missing) == pytest.approx(expected)
    np.testing.assert_array_equal(
        reduction.row_sums(values).totals,
        [np.nan if np.isnan(row).all() else np.nansum(row) for row in values],
    )


def test_summarize_a_range_equals_reading_it(archive: archive_tools.Archive, run: Run) -> None:
    code, out, err = run(
        "summarize",
        "fs",
        "2026-10-30",
        "2026-11-01T12:00",
        "--json",
        "--by-component",
        "--archive",
        archive.root,
    )
    assert (code, err) == (0, "2 of 3 days are in the archive\n")
    load, read = json.loads(out)
    for reported, name in ((load, LOAD), (read, READ)):
        series = archive.read("fs", name, "2026-10-30", "2026-11-01T12:00")
        with_both = {one["name"]: one for one in reported["components"]}
        assert set(with_both) == {"a", "b", HOSTILE}
        values = series.values
        total, mean, peak, at, _ = plain_summary(values, series.timestamps, series.kind)
        assert [reported[key] for key in ("total", "mean", "peak", "peak_at")] == pytest.approx(
            [total, mean, peak, at]
        )
        assert reported["columns"] == 3
        assert reported["days"] == {"requested": 3, "there": 2}
        assert reported["rows"] == len(values)
        own = series.timestamps < archive.day(dt.date(2026, 11, 1)).start
        missing = np.isnan(values[own][:, :2]).sum() + np.isnan(values[~own][:, 1:]).sum()
        assert reported["missing"] == pytest.approx(100 * missing / (2 * len(values))), (
            "a day without a component has no cells of it"
        )


def test_summarize_a_file_a_day_and_a_dataset(archive: archive_tools.Archive, run: Run) -> None:
    path = archive.path("fs", dt.date(2026, 11, 1))
    code, of_file, _ = run("summarize", path, "--json")
    of_day = run("summarize", "fs", "2026-11-01", "--json", "--archive", archive.root)
    days = {"days": {"requested": 1, "there": 1}}
    assert code == of_day[0] == 0
    assert [one | days for one in json.loads(of_file)] == json.loads(of_day[1])
    assert [item["dataset"] for item in json.loads(of_file)] == [LOAD, READ]
    code, out, _ = run("summarize", path, "--dataset", "data*/read*", "--by-component")
    assert code == 0
    header, whole, *components = out.splitlines()
    assert header.split()[0] == "dataset"
    assert "2026-11-01T23:50:00-08:00" in whole, "local time"
    assert [line.split()[0] for line in components] == ["b", printable.clean(HOSTILE).split()[0]]
    rates = json.loads(run("summarize", path, "--dataset", "datatargets/readrates", "--json")[1])
    assert [(item["dataset"], item["unit"], item["kind"]) for item in rates] == [
        ("datatargets/readrates", "bytes/s", "rate")
    ]
    code, _, err = run("summarize", path, "--dataset", "nothing*")
    assert code == 1
    assert READ in err


NUMBERS = [
    ("jobs", [], "--limit"),
    ("jobs", [], "--min-bytes"),
    ("job", ["1"], "--limit"),
    ("umami", ["1"], "--days"),
    ("scoreboard", [], "--limit"),
]


def test_wrong_commands_exit_2(archive: archive_tools.Archive, run: Run) -> None:
    root = ["--archive", archive.root]
    for arguments in (
        ["summarize", "fs", *root],
        ["summarize", "fs", "2026-11-01T07:00", *root],
        ["summarize", "fs", "2026-11-01", "--start", "2026-11-01", *root],
        ["cat", "fs", READ, *root],
        ["cat", "fs", READ, "2026-11-01", "--format", "parquet", *root],
        ["cat", "fs", READ, "2026-11-01", "--output", "/dev/null", *root],
        ["cat", "fs", READ, "2026-11-01", "--resample", "7parsec", *root],
        ["cat", "fs", READ, "2026-11-01", "--output", "out.xlsx", *root],
        ["plot", "fs", READ, "--start", "2026-11-01", "--output", "out.pdf", *root],
        [
            "plot",
            "fs",
            READ,
            "--start",
            "2026-11-01",
            "--resample",
            "7parsec",
            "--output",
            "out.png",
            *root,
        ],
        ["umami", "1", "--output", "out.pdf", *root],
        ["job", "1", "--plot", "out", *root],
        ["scoreboard", "--start", "2026-11-01T07:00", "--stop", "2026-11-02", *root],
        ["check", "--stop", "2026-11-01T07:00", *root],
        ["jobs", "2026-11-01T07:00", *root],
        ["job", "1", "--start", "2026-11-01T07:00", *root],
        ["ls", archive.root, *root],
        ["check", archive.path("fs", dt.date(2026, 11, 1)), "--start", "2026-11-01"],
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, ""), arguments
        assert err.startswith("tokio-archive: ")
        assert err.count("\n") == 1
    for wrong in (
        [],
        ["nonsense"],
        ["cat"],
        ["ls", "--nonsense"],
        ["summarize", "fs", "tomorrow"],
        *(
            [name, *reported, option, number]
            for name, reported, option in NUMBERS
            for number in ("-1", "1.5", "x", str(2**63))
        ),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(wrong)
        assert stopped.value.code == 2, wrong


def test_numbers_are_not_below_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert [common_options.count(text) for text in ("0", "20", str(2**63 - 1))] == [
        0,
        20,
        2**63 - 1,
    ]
    with pytest.raises(SystemExit) as stopped:
        darshan_scoreboard(["x.sqlite", "--max-show", "-1"])
    assert stopped.value.code == 2
    assert "expected: 0 or more" in capsys.readouterr().err


@pytest.mark.system
def test_find_logs_is_of_whole_days(site_folder: Path, run: Run) -> None:
    site = ["--site", site_folder / "site.json"]
    for reported in ([], ["2026-11-22T07:00", "2026-11-22T08:00"], ["--stop", "2026-11-22"]):
        assert run("find-logs", *reported, *site)[:2] == (2, "")
    assert run("find-logs", "2026-11-22", "--user", "nobody", *site) == (1, "", "no log matches\n")
    assert len(run("find-logs", "2026-11-22", "--job", "9100001", *site)[1].splitlines()) == 1


@pytest.mark.system
def test_a_start_alone_is_that_day(site_folder: Path, run: Run) -> None:
    root = ["--archive", site_folder / "archive"]
    assert common_options.dates_between(DAY, None, ZONE) == (DAY, DAY)
    assert common_options.dates_between(None, DAY, ZONE) == (dt.date.min, DAY)
    for command_, *reported in (["scoreboard"], ["job", "9100003"], ["umami", "9100003"], ["jobs"]):
        assert run(command_, *reported, "--start", "2026-11-22", *root)[0] == 0
        assert run(command_, *reported, "--stop", "2026-11-22", *root)[0] == 0
        assert run(command_, *reported, "--start", "2026-11-21", *root)[0] == 1, command_
        assert run(command_, *reported, "--stop", "2026-11-21", *root)[0] == 1
    code, out, err = run("check", "--start", "2026-11-21", *root)
    assert (code, out) == (1, "")
    assert "no day of the range is in" in err


def test_an_archive_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, _, err = run("ls", tmp_path / "none")
    assert code == 1
    assert "--archive" in err
    assert "TOKIO_ARCHIVE" in err


def test_times_that_no_calendar_has_are_numbers() -> None:
    assert printing.local(-(10**11), ZONE) == "-100000000000"
    assert printing.local(10**18, ZONE) == str(10**18)


def test_a_folder_that_is_not_there_is_told_before_anything_is_read(
    archive: archive_tools.Archive, run: Run, tmp_path: Path
) -> None:
    for reported in (
        ["cat", "nothing", READ, "2026-11-01"],
        ["plot", "nothing", READ, "--start", "2026-11-01"],
        ["umami", "1"],
        ["job", "1"],
    ):
        option, name = (
            ("--plot" if reported[0] == "job" else "--output"),
            ("x.csv" if reported[0] == "cat" else "x.png"),
        )
        code, _, err = run(*reported, option, tmp_path / "none" / name, "--archive", archive.root)
        assert code == 1
        assert f"no folder {tmp_path / 'none'}" in err


def test_errors_of_writing_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with (
        pytest.raises(TokioError, match=r"out\.csv cannot be written: No space"),
        printing.writing(Path("out.csv")),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(TokioError, match=r"out\.csv cannot be written"),
        printing.writing(Path("out.csv")),
    ):
        raise PermissionError(
            errno.EACCES, "Permission denied", str(tmp_path / ".out.csv.host.1.ab.tmp")
        )
    with pytest.raises(OSError, match="cannot read data"), printing.writing(Path("out.csv")):
        raise OSError("cannot read data")


def test_output_says_which_file_was_written(
    archive: archive_tools.Archive, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "out.xlsx"
    assert run(
        "cat",
        "fs",
        READ,
        "2026-11-01",
        "--format",
        "csv",
        "--output",
        path,
        "--archive",
        archive.root,
    ) == (0, "", f"{path} written\n")
    assert path.read_text().startswith("timestamp,")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_nothing_is_written_of_what_cannot_be_read(
    archive: archive_tools.Archive, run: Run, form: str
) -> None:
    code, out, err = run(
        "cat",
        "fs",
        READ,
        "2026-11-01",
        "--resample",
        "7s",
        "--format",
        form,
        "--archive",
        archive.root,
    )
    assert (code, out) == (1, "")
    assert "multiple of 600" in err


@pytest.mark.system
def test_closed_streams_are_no_traceback(archive: archive_tools.Archive) -> None:
    python = (
        "from archive_tools.cli.main import main; import sys; sys.exit(main(['ls',"
        f" {str(archive.root)!r}]))"
    )
    closing = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, python]
    shown = subprocess.run(closing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert (shown.returncode, shown.stderr) == (0, "")


def without_rights() -> list[str]:
    """What a program is started with so that modes of files hold for it, too, where the tests are
    root's.
    """
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root reads everything")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def as_user(*arguments: object) -> subprocess.CompletedProcess[str]:
    python = "from archive_tools.cli.main import main; import sys; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [*without_rights(), sys.executable, "-c", python, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.system
@pytest.mark.parametrize("closed", ["2026/2026-11-22", "2026", "."])
def test_a_folder_that_may_not_be_read_is_not_an_archive_without_days(
    site_folder: Path, tmp_path: Path, closed: str
) -> None:
    root = shutil.copytree(site_folder / "archive", tmp_path / "archive")
    folder = root / closed
    folder.chmod(0o311)
    try:
        for reported in (["ls"], ["jobs"], ["job", "9100003"], ["jobs", "2026-11-22"]):
            shown = as_user(*reported, "--archive", root)
            assert (shown.returncode, shown.stdout) == (1, ""), reported
            assert "Traceback" not in shown.stderr
            assert str(folder) in shown.stderr
            assert "cannot be read" in shown.stderr or "Permission denied" in shown.stderr
        shown = as_user("check", "--json", "--archive", root)
        assert (shown.returncode, shown.stderr) == (1, "")
        assert ("cannot be opened", str(folder)) in {
            (one["kind"], one["where"]) for one in json.loads(shown.stdout)
        }
    finally:
        folder.chmod(0o755)


@pytest.mark.system
def test_a_job_table_that_may_not_be_read_is_not_said_to_be_none(
    site_folder: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(site_folder / "archive", tmp_path / "archive")
    (root / "2026/2026-11-22/darshan_jobs.parquet").chmod(0)
    shown = as_user("jobs", "--archive", root)
    assert shown.returncode == 1
    assert "darshan_jobs.parquet cannot be read" in shown.stderr
    assert "next run" not in shown.stderr


@pytest.mark.system
def test_check_goes_on_past_what_may_not_be_read(site_folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(site_folder / "archive", tmp_path / "archive")
    day = root / "2026/2026-11-22"
    shutil.copytree(day, root / "2026/2026-11-21")
    for name in ("scratch.hdf5", "darshan_index.sqlite", "darshan_jobs.parquet"):
        (day / name).chmod(0)
    (root / "2026/2026-11-21").chmod(0)
    try:
        shown = as_user("check", "--json", "--archive", root)
        assert (shown.returncode, shown.stderr) == (1, "")
        closed = {
            Path(one["where"]).name
            for one in json.loads(shown.stdout)
            if one["kind"] == "cannot be opened"
        }
        assert closed == {
            "scratch.hdf5",
            "darshan_index.sqlite",
            "darshan_jobs.parquet",
            "2026-11-21",
        }
        one = as_user("check", day / "scratch.hdf5")
        assert "cannot be opened" in one.stdout
    finally:
        (root / "2026/2026-11-21").chmod(0o755)


def test_messages_are_one_line_whatever_the_names(archive: archive_tools.Archive, run: Run) -> None:
    code, _, err = run(
        "cat", "fs", READ, "2026-11-01", "--components", "\x1b[2Jx\ny", "--archive", archive.root
    )
    assert code == 1
    assert err.count("\n") == 1
    assert "\x1b" not in err


# cat


def as_text(seconds: np.ndarray) -> list[str]:
    """Local times by pandas."""
    return [
        stamp.isoformat() for stamp in pd.to_datetime(seconds, unit="s", utc=True).tz_convert(ZONE)
    ]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--rate"],
        ["--resample", "1h"],
        ["--components", "b", "--components", "e*"],
        ["--resample", "1d"],
    ],
)
def test_csv_and_json_hold_what_is_read(
    archive: archive_tools.Archive, run: Run, options: list[str]
) -> None:
    wanted: dict[str, Any] = {
        "rate": "--rate" in options,
        "resample": options[1] if "--resample" in options else None,
    }
    wanted["components"] = ["b", "e*"] if "--components" in options else None
    series = archive.read("fs", READ, "2026-10-31", "2026-11-02T12:00", **wanted)
    arguments = [
        "cat",
        "fs",
        READ,
        "2026-10-31",
        "2026-11-02T12:00",
        "--archive",
        archive.root,
        *options,
    ]
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["timestamp", *series.columns]
    assert [row[0] for row in rows] == as_text(series.timestamps)
    np.testing.assert_array_equal(
        np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows]),
        series.values,
    )
    code, _, err = run(
        "cat", "fs", READ, "2026-10-30", "2026-11-03", "--archive", archive.root, *options
    )
    assert (code, err) == (0, "3 of 5 days are in the archive\n")
    code, out, _ = run(*arguments, "--format", "json")
    reported = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (code, reported["columns"], reported["unit"], reported["kind"]) == (
        0,
        list(series.columns),
        series.unit,
        series.kind,
    )
    assert [row[0] for row in reported["rows"]] == as_text(series.timestamps)
    np.testing.assert_array_equal(
        np.array([row[1:] for row in reported["rows"]], dtype=float), series.values
    )


def test_both_one_o_clocks_are_told_apart(archive: archive_tools.Archive, run: Run) -> None:
    _, out, _ = run(
        "cat",
        "fs",
        READ,
        "2026-11-01T01:00:00-07:00",
        "2026-11-01T03:00",
        "--resample",
        "1h",
        "--components",
        "b",
        "--archive",
        archive.root,
    )
    assert [line.partition(",")[0] for line in out.splitlines()[1:]] == [
        "2026-11-01T01:00:00-07:00",
        "2026-11-01T01:00:00-08:00",
        "2026-11-01T02:00:00-08:00",
    ]


def test_parquet(archive: archive_tools.Archive, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert run(
        "cat", "fs", READ, "2026-10-31", "2026-11-02", "--output", path, "--archive", archive.root
    ) == (0, "", f"{path} written\n")
    import pyarrow.parquet as pq

    series = archive.read("fs", READ, "2026-10-31", "2026-11-03")
    table = pq.read_table(path)
    assert table.column_names == ["timestamp", *series.columns]
    np.testing.assert_array_equal(
        table["timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64), series.timestamps
    )
    for number, name in enumerate(series.columns):
        assert table[name].null_count == np.isnan(series.values[:, number]).sum()
        np.testing.assert_array_equal(table[name].to_numpy(), series.values[:, number])
    assert pq.ParquetFile(path).num_row_groups == 3, "a day at a time"
    assert table.schema.metadata[b"unit"] == b"bytes"


steps = st.sampled_from([None, "10min", "1h", "7h", "1d"])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-2000, 270_000),
    st.integers(1, 270_000),
    steps,
    st.sampled_from([None, "a", ["b", "a"], "e*"]),
)
def test_pieces_together_are_what_is_read(
    archive: archive_tools.Archive, start: int, length: int, step: str | None, components: Any
) -> None:
    first = archive.day(dt.date(2026, 10, 31)).start + start
    request = archive.request(
        "fs", READ, first, first + length, components=components, resample=step
    )
    try:
        whole = archive.read(
            "fs", READ, first, first + length, components=components, resample=step
        )
    except NotFound:
        with pytest.raises(NotFound):
            export.pieces(archive, request)
        return
    names, found = export.pieces(archive, request)
    assert names == list(whole.columns)
    pieces = list(found)
    assert all(len(piece.timestamps) <= 25 * 6 for piece in pieces)
    np.testing.assert_array_equal(
        np.concatenate([piece.timestamps for piece in pieces]), whole.timestamps
    )
    np.testing.assert_array_equal(np.concatenate([piece.values for piece in pieces]), whole.values)


def test_an_output_appears_whole_or_not_at_all(
    archive: archive_tools.Archive, run: Run, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    output.write_text("before")
    damaged = write_days(tmp_path / "archive")
    path = damaged.path("fs", dt.date(2026, 11, 2))
    with h5py.File(path) as file:
        found: list[Any] = []
        file[READ].id.chunk_iter(found.append)
    with path.open("r+b") as raw:
        raw.seek(found[-1].byte_offset)
        raw.write(b"\xff" * found[-1].size)
    code, _, err = run(
        "cat", "fs", READ, "2026-10-31", "2026-11-02", "--output", output, "--archive", damaged.root
    )
    assert code == 1
    assert "2026-11-02" in err
    assert output.read_text() == "before"
    assert (
        run("cat", "fs", READ, "2026-10-31", "--output", output, "--archive", archive.root)[0] == 0
    )
    assert output.read_text().startswith("timestamp,a,b\n")
    assert (
        run(
            "cat",
            "fs",
            READ,
            "2026-10-31",
            "--output",
            tmp_path / "none/out.csv",
            "--archive",
            archive.root,
        )[0]
        == 1
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "out.csv"]


@pytest.mark.system
def test_a_reader_that_goes_away_is_no_traceback(archive: archive_tools.Archive) -> None:
    python = (
        "from archive_tools.cli.main import main; import sys;"
        f" sys.exit(main(['cat', 'fs', '{READ}', '2026-10-31', '--archive',"
        f" {str(archive.root)!r}]))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    shown = subprocess.run(
        [sys.executable, "-c", python], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    os.close(writer)
    assert shown.returncode == 1
    assert shown.stderr == ""


# ls, info


@pytest.mark.system
def test_info_of_a_file_and_of_an_instances_day(
    archive: archive_tools.Archive, site_folder: Path, run: Run
) -> None:
    path = archive.path("fs", dt.date(2026, 11, 1))
    code, out, _ = run("info", path, "--json")
    reported = json.loads(out)
    assert code == 0
    assert reported["datasets"][READ] == {
        "unit": "bytes",
        "kind": "delta",
        "timestep": STEP,
        "rows": 150,
        "columns": ["b", HOSTILE],
        "missing": pytest.approx(100 * 5 / 300),
        "source": "t",
    }
    assert "receipt" not in reported
    shown = run("info", path)[1]
    assert f"start: {epoch('2026-11-01T00:00-07:00')} (2026-11-01T00:00:00-07:00)" in shown
    assert printable.clean(HOSTILE) in shown
    assert "\x1b" not in shown
    assert run("info", path)[0] == 0
    code, out, _ = run(
        "info", "scratch", "2026-11-22", "--json", "--archive", site_folder / "archive"
    )
    reported = json.loads(out)
    assert (code, reported["receipt"]["state"], reported["instance"]) == (0, "complete", "scratch")
    assert reported["datasets"][READ]["source"] == "lmt"
    assert run("info", "scratch", "2026-11-23", "--archive", site_folder / "archive")[0] == 1


def test_info_and_check_of_a_damaged_dataset(run: Run, tmp_path: Path) -> None:
    path = write_days(tmp_path / "archive").path("fs", dt.date(2026, 11, 2))
    with h5py.File(path) as file:
        found: list[Any] = []
        file[READ].id.chunk_iter(found.append)
    with path.open("r+b") as raw:
        raw.seek(found[-1].byte_offset)
        raw.write(b"\xff" * found[-1].size)
    code, out, err = run("info", path)
    assert (code, err.count("\n")) == (1, 1)
    assert "damaged" in out
    assert run("info", path, "--json")[0] == 1
    code, out, _ = run("check", path)
    assert code == 1
    assert "damaged" in out
    assert "to do" not in out


@pytest.mark.system
def test_plots_components_of_several_datasets(site_folder: Path, run: Run, tmp_path: Path) -> None:
    given = ["plot", "scratch", READ, LOAD, "--start", "2026-11-22"]
    given += ["--archive", str(site_folder / "archive"), "--output", str(tmp_path / "a.png")]
    archive = archive_tools.Archive(site_folder / "archive")
    target, server = (archive.components("scratch", name)[0] for name in (READ, LOAD))
    wanted = ["--components", target, "--components", server]
    assert run(*given, *wanted)[0] == 0
    code, _, err = run(*given, *wanted, "--components", "nope*")
    assert code == 1
    assert "no component nope* in" in err


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures that `plot` saves."""
    from archive_tools import plotting

    found: list[Any] = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: found.append(figure))
    return found


def hatched(figure: Any) -> list[tuple[float, float]]:
    """The times of a picture's first panel that nobody measured."""
    shapes = [one for one in figure.axes[0].collections if one.get_hatch() == "////"]
    corners = [path.vertices[:, 0] for one in shapes for path in one.get_paths()]
    return [(float(x.min()), float(x.max())) for x in corners]


@pytest.mark.parametrize("more", [[], ["--heat-map"]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["2026-11-01", READ],
        [READ, "2026-11-01"],
        [READ, "--start", "2026-11-01"],
        ["2026-11-01", "--dataset", "datatargets/*"],
        ["2026-11-01", "2026-11-01", READ],
    ],
)
def test_plot_takes_what_summarize_takes(
    archive: archive_tools.Archive,
    run: Run,
    tmp_path: Path,
    drawn: list[Any],
    arguments: list[str],
    more: list[str],
) -> None:
    given = ["plot", "fs", *arguments, *more, "--archive", archive.root]
    code, _, err = run(*given, "--output", tmp_path / "a.png")
    assert (code, err) == (0, f"{tmp_path / 'a.png'} written\n")
    day = Day(dt.date(2026, 11, 1), ZONE)
    assert drawn[0].axes[0].get_xlim() == (day.start, day.end)
    title = drawn[0].get_suptitle()
    assert title == ("fs 2026-11-01, datatargets/readbytes" if more else "fs 2026-11-01")


def test_plot_takes_a_file(
    archive: archive_tools.Archive, run: Run, tmp_path: Path, drawn: list[Any]
) -> None:
    path = archive.path("fs", dt.date(2026, 11, 1))
    for more in ([READ, LOAD], [READ, "--components", "b", "--resample", "1h"]):
        assert run("plot", path, *more, "--output", tmp_path / "a.png")[0] == 0
    day = Day(dt.date(2026, 11, 1), ZONE)
    assert [one.axes[-1].get_xlim() for one in drawn] == [(day.start, day.end)] * 2
    code, _, err = run("plot", path, READ, "--components", "nope", "--output", tmp_path / "a.png")
    assert code == 1
    assert "nope" in err


def test_plot_hatches_what_is_missing_at_both_ends(
    archive: archive_tools.Archive, run: Run, tmp_path: Path, drawn: list[Any]
) -> None:
    """The archive has three days of the seven."""
    given = ["plot", "fs", READ, "2026-10-29", "2026-11-04", "--archive", archive.root]
    code, _, err = run(*given, "--output", tmp_path / "a.png")
    assert code == 0
    assert "3 of 7 days are in the archive" in err
    first, last = Day(dt.date(2026, 10, 29), ZONE), Day(dt.date(2026, 11, 4), ZONE)
    assert drawn[0].get_suptitle() == "fs 2026-10-29 to 2026-11-04"
    gaps = hatched(drawn[0])
    assert gaps[0] == (first.start, Day(dt.date(2026, 10, 31), ZONE).start)
    assert gaps[-1] == (Day(dt.date(2026, 11, 3), ZONE).start, last.end)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the dataset is missing"),
        (["2026-11-01"], "the dataset is missing"),
        (["soon", READ], "not a date or a time"),
        (["2026-11-01", "2026-11-02", "2026-11-03", READ], "more than START and STOP"),
        (["2026-11-01", "--dataset", "*", "--heat-map"], "a heat map is of one dataset"),
        ([READ], "say also which day"),
    ],
)
def test_what_plot_cannot_draw_is_a_wrong_command(
    archive: archive_tools.Archive, run: Run, arguments: list[str], words: str
) -> None:
    given = ["plot", "fs", *arguments, "--archive", archive.root, "--output", "out.png"]
    code, _, err = run(*given)
    assert code == 2
    assert words in err


@pytest.mark.parametrize("text", ["1e8", "1GB", "-1"])
def test_numbers_are_whole(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a whole number"):
        common_options.count(text)


def test_info_and_check_of_a_damaged_group(run: Run, tmp_path: Path) -> None:
    path = write_days(tmp_path / "archive").path("fs", dt.date(2026, 11, 2))
    with h5py.File(path) as file:
        place = h5py.h5o.get_info(file["datatargets"].id).addr
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(b"\xff" * 64)
    for shown in ("info", "summarize", "check"):
        code, out, err = run(shown, path)
        assert code == 1
        assert "amage" in out + err
        assert err.count("\n") == (0 if shown == "check" else 1)


# Darshan


@pytest.mark.system
def test_bad_osts_says_which_file_is_damaged(site_folder: Path, run: Run, tmp_path: Path) -> None:
    good = site_folder / "archive/2026/2026-11-22/darshan.hdf5"
    path = Path(shutil.copyfile(good, tmp_path / "bad.hdf5"))
    with h5py.File(path, "r+") as file:
        del file["darshan/stripes/osts"]
        file["darshan/stripes/osts"] = h5py.SoftLink("/nowhere")
    code, out, err = run("bad-osts", good, path)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{path} is damaged" in err
    code, out, _ = run("check", path)
    assert code == 1
    assert "columns that cannot be opened: osts" in " ".join(out.split())
    assert "NoneType" not in out


@pytest.mark.system
def test_scoreboard_counts_what_is_asked_for(site_folder: Path, run: Run) -> None:
    index = site_folder / "archive/2026/2026-11-22/darshan_index.sqlite"
    with sqlite3.connect(index) as connection:
        rows = connection.execute(
            "SELECT log_id, username, exename, fsname, mountpt, bytes_read, bytes_written FROM"
            " summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)"
        ).fetchall()
    connection.close()

    def expected(keep: Callable[[Any], bool]) -> dict[str, tuple[int, int, int]]:
        kept = [row for row in rows if keep(row)]
        by_user = {
            user: [row for row in kept if row[1] == user] for user in {row[1] for row in kept}
        }
        return {
            user: (
                len({row[0] for row in own}),
                sum(row[5] or 0 for row in own),
                sum(row[6] or 0 for row in own),
            )
            for user, own in by_user.items()
        }

    for options, keep in (
        (["--limit-fs", "scratch"], lambda row: row[3] == "scratch"),
        (["--limit-fs", "/pro*"], lambda row: row[4].startswith("/pro")),
        (
            ["--exclude-fs", "scratch", "--exclude-exe", "dd"],
            lambda row: row[3] != "scratch" and row[2] != "dd",
        ),
        (
            ["--limit-user", "user01", "--limit-user", "user02", "--exclude-exe", "m*"],
            lambda row: not row[2].startswith("m"),
        ),
        (["--limit-user", "user0_"], lambda row: False),
        (["--limit-user", "x' OR '1'='1"], lambda row: False),
    ):
        code, out, _ = run("scoreboard", index, "--by", "user", "--json", *options)
        assert code == (0 if json.loads(out)["user"] else 1)
        assert {
            s["name"]: (s["logs"], s["read"], s["written"]) for s in json.loads(out)["user"]
        } == expected(keep), options


@pytest.mark.system
def test_the_archive_is_the_scoreboards_default(
    site_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKIO_ARCHIVE", str(site_folder / "archive"))
    code, out, _ = run("scoreboard", "--by", "fs", "--limit", 1)
    assert code == 0
    assert "1 of 3" in out
    assert run("scoreboard", "--limit-user", "nobody") == (1, "", "no log matches\n")
    assert run("scoreboard", "--stop", "2026-11-21")[0] == 1


@pytest.mark.system
def test_paths_of_logs_are_bytes_in_a_pipe(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "logs/2026/11/2"
    folder.mkdir(parents=True)
    name = b"user_x_id7_\xff\x1b.darshan"
    (folder / os.fsdecode(name)).touch()
    (folder / "user_x_id8_.darshan").touch()
    python = (
        "import sys; from archive_tools.cli.pytokio.find_darshanlogs import find_darshanlogs as f;"
        " sys.exit(f(sys.argv[1:]))"
    )
    arguments = ["-s", "2026-11-02", "-j", "7", "--logdir", str(tmp_path / "logs")]
    shown = subprocess.run(
        [sys.executable, "-c", python, *arguments], capture_output=True, cwd=ROOT
    )
    assert (shown.returncode, shown.stdout) == (0, os.fsencode(folder) + b"/" + name + b"\n")


# Older names


@pytest.mark.system
def test_find_darshanlogs(site_folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKIO_SITE", str(site_folder / "site.json"))
    (log,) = [path for path in SITEDAY_LOGS.iterdir() if "_id9100001" in path.name]
    find = find_darshanlogs
    by_all = ["-e", "2026-11-22", "-u", "user01", "--jobid", "9100001", "--host", "darshan"]
    for arguments in (["-s", "2026-11-22", "-j", "9100001"], ["-j", "9100001"], by_all):
        assert run(*arguments, of=find) == (0, f"{log}\n", "")
    assert run("-s", "2026-11-22", "--host", "scratch", of=find)[:2] == (1, "")
    assert run("-j", "1", of=find)[:2] == (1, "")
    by_folder = [
        "--logdir",
        SITEDAY_LOGS.parents[2],
        "--start",
        "2026-11-21",
        "--end",
        "2026-11-23",
        "--username",
        "user01",
    ]
    assert len(run(*by_folder, of=find)[1].splitlines()) == 52
    assert run("-u", "user01", of=find)[0] == 2
    assert run("-s", "2026-11-22", "-e", "2026-11-21", of=find)[0] == 2


@pytest.mark.parametrize("name", ["sample_tokiots.hdf5", "snx11025_2018-01-28.hdf5"])
def test_summarize_tts_of_files_that_pytokio_wrote(real: Path, run: Run, name: str) -> None:
    """Numbers straight out of the file: there a missing cell is -0.0, and rates stand for
    amounts.
    """
    path = real / "tts" / name
    with h5py.File(path) as file:
        group = file["datatargets"]
        stamps = group["timestamps"][...]
        step = int(stamps[1] - stamps[0]) if "readrates" in group else 1
        names = (
            group["readrates" if "readrates" in group else "readbytes"]
            .attrs["columns"]
            .astype("U")
            .tolist()
        )
        read, written = (
            (
                group[f"{way}bytes"][...]
                if f"{way}bytes" in group
                else group[f"{way}rates"][...] * step
            )
            for way in ("read", "write")
        )
    missing = (read == 0) & np.signbit(read)
    rows = np.flatnonzero(~missing.all(axis=1))
    code, out, _ = run(path, "--json", "--timesteps", "--columns", of=summarize_tts)
    reported = json.loads(out)
    assert code == 0
    assert reported["total"] == {
        "read_bytes": pytest.approx(read.sum()),
        "write_bytes": pytest.approx(written.sum()),
        "missing_pts": missing.sum(),
        "total_pts": read.size,
        "missing_pct": pytest.approx(100 * missing.mean()),
        "first_nonzero_idx": rows[0],
        "last_nonzero_idx": rows[-1],
    }
    assert list(reported["timesteps"]) == [str(stamp) for stamp in stamps]
    for key, values in (("read_bytes", read), ("write_bytes", written)):
        assert [row[key] for row in reported["timesteps"].values()] == pytest.approx(
            values.sum(axis=1).tolist()
        )
        assert {name: row[key] for name, row in reported["columns"].items()} == pytest.approx(
            dict(zip(names, values.sum(axis=0).tolist(), strict=True))
        )
    lines = run(path, of=summarize_tts)[1].splitlines()
    assert [line[:21].rstrip() for line in lines[:3]] == [
        "Data Read:",
        "Data Written:",
        "Missing data points:",
    ]
    assert len(run(path, "--timesteps", "--columns", of=summarize_tts)[1].splitlines()) == 7 + len(
        stamps
    ) + len(names)


def test_summarize_tts_says_what_the_older_tool_says(real: Path, run: Run) -> None:
    assert run(real / "tts/sample_tokiots.hdf5", of=summarize_tts)[1].splitlines() == [
        "Data Read:             15.5 GiB",
        "Data Written:          59.7 GiB",
        "Missing data points:      16002",
        "Expected data points:     23040",
        "Percent data missing:     69.5%",
        "First non-empty row:          0",
        "Last non-empty row:         359",
    ]
    assert run(real / "README.md", of=summarize_tts)[0] == 1


@pytest.mark.system
def test_darshan_scoreboard(site_folder: Path, run: Run) -> None:
    index = site_folder / "archive/2026/2026-11-22/darshan_index.sqlite"
    board = darshan_scoreboard
    reported = json.loads(run(index, "--json", of=board)[1])
    assert set(reported) == {"per_user", "per_fs", "per_exe", "per_user_exe_fs"}
    ours = scoreboards.scoreboard([index], "user")
    assert reported["per_user"] == [[s.read, s.written, s.logs, s.name] for s in ours]
    assert {row[3]: row[4] for row in reported["per_fs"]}["scratch"] == "/scratch"
    assert {row[3] for row in reported["per_user_exe_fs"]} >= {"user01|mpiio|scratch"}
    twice = json.loads(run(index, index, "--json", of=board)[1])
    assert [row[:3] for row in twice["per_exe"]] == [
        [2 * n for n in row[:3]] for row in reported["per_exe"]
    ]
    only = json.loads(
        run(index, "--json", "--limit-fs", "/scr%,nothing", "--exclude-user", "user01", of=board)[1]
    )
    assert [row[3] for row in only["per_fs"]] == ["scratch"]
    assert [row[3] for row in only["per_user"]] == ["user02"]
    assert (
        json.loads(run(index, "--json", "--limit-user", "x' OR '1'='1", of=board)[1])["per_user"]
        == []
    )
    assert (
        json.loads(run(index, "--json", "--limit-user", "user*", of=board)[1])["per_user"] == []
    ), "only % stands for others"
    lines = run(index, "--max-show", 1, of=board)[1].splitlines()
    assert len(lines) == 4 * 3 + 3
    assert lines[2].split()[0] == "1."


# The whole


def test_every_command_tells_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    overview = capsys.readouterr().out
    for name in PROGRAM.names():
        assert re.search(rf"^  {name} ", overview, re.MULTILINE)
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
        shown = capsys.readouterr().out
        assert PROGRAM.exit_codes in shown
        assert f"examples:\n  tokio-archive {name}" in shown


DOCUMENT = (ROOT / "docs/commands.md").read_text()


WRITTEN = {"cat": "--output", "plot": "--output", "umami": "--output", "job": "--plot"}
"""Options that name a file, which is told to be written."""


def shown_commands() -> Iterator[str]:
    for block in re.findall(r"(?:^    .*\n)+", DOCUMENT, re.MULTILINE):
        yield from (line.strip() for line in block.splitlines() if line.strip())


@pytest.mark.system
@pytest.mark.parametrize("line", list(shown_commands()))
def test_what_the_document_shows_is_run(
    line: str, site_folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(site_folder)
    monkeypatch.setenv("TOKIO_SITE", str(site_folder / "site.json"))
    name, *arguments = shlex.split(line)
    programs = {
        "tokio-archive": main,
        "summarize_job": summarize_job,
        "summarize_tts": summarize_tts,
        "summarize_h5lmt": summarize_h5lmt,
        "find_darshanlogs": find_darshanlogs,
        "darshan_scoreboard": darshan_scoreboard,
    }
    code, _, err = run(*arguments, of=programs[name])
    written = (
        f"{arguments[arguments.index(WRITTEN[arguments[0]]) + 1]} written\n"
        if WRITTEN.get(arguments[0]) in arguments
        else ""
    )
    if "bad-osts" in line:
        assert (code, err.partition(";")[0]) == (
            1,
            "tokio-archive: 0 files with Lustre stripes and I/O",
        ), "the example's logs have no Lustre records"
    elif "archive jobs" in line:
        notes = (
            r"(logs ×N: the logs have N times what .*\n)?"
            r"(partial: Darshan ran out .*\n)?(\d+ of \d+; --limit 0 shows all\n)?"
        )
        assert re.fullmatch(notes, err)
        assert code == 0
    elif "archive compare" in line:
        assert code == 1
        assert "nothing of 2026-11-21" in err, "the example has one day"
    elif "archive publish" in line:
        assert re.fullmatch(r"(publish\.key made: .*\n)?", err)
        assert code == 0
    else:
        assert (code, err) == (0, written)


def test_the_document_names_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    for name in PROGRAM.names():
        section = DOCUMENT.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        with pytest.raises(SystemExit):
            main([name, "--help"])
        reported = re.findall(r"--[a-z-]+[a-z]", capsys.readouterr().out.partition("examples:")[0])
        for option in set(reported) - {"--help", "--start", "--stop", "--archive", "--json"}:
            assert f"`{option}" in section, (name, option)


@pytest.mark.system
def test_summarize_loads_nothing_heavy(archive: archive_tools.Archive) -> None:
    from tests.support.imports import HEAVY

    path = archive.path("fs", dt.date(2026, 11, 1))
    loaded = f"[m for m in {(*HEAVY, 'rich')!r} if m in sys.modules]"
    code = (
        f"import sys; from archive_tools.cli.main import main; main(['summarize', {str(path)!r}]);"
        f" print({loaded})"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.splitlines()[-1] == "[]"
