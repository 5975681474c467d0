"""The verdict on a job: what it rests on, and what it does not claim."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from archive_tools import Archive
from archive_tools.cli.main import main
from archive_tools.jobs.verdicts import VerdictKind, judged
from archive_tools.store import layout
from tests.support.job_accounts import DATE, DAY, HOUR, logged, write_day

MB = 10**6


def run(
    n: int, *, rate: float = 100 * MB, served: float = 150 * MB, done: float = 10, **cells: Any
) -> dict[str, Any]:
    """A run of 100 s at a rate, while the servers moved `served` bytes/s in all."""
    start = DAY.start + HOUR * n
    row = logged(str(n), start, start + 100, bytes_written=round(100 * rate))
    return {
        **row,
        "bytes_moved": round(100 * rate),
        "first_read": None,
        "last_read": None,
        "first_write": float(start),
        "last_write": start + 100.0,
        "fs_instance": "servers",
        "fs_start": start,
        "fs_end": start + 100,
        "fs_bytes_read": 0,
        "fs_bytes_written": round(100 * served),
        "fs_peak_read_rate": 0.0,
        "fs_peak_write_rate": 2 * served,
        "fs_opens": round(100 * done),
        "fs_missing": 0.0,
        **cells,
    }


USUAL = [run(n, rate=(96 + 2 * n) * MB, served=(146 + 2 * n) * MB) for n in range(5)]
"""Five runs of 96 to 104 MB/s, while others moved 50 MB/s."""


def test_slower_while_others_moved_several_times_as_much() -> None:
    found = judged([*USUAL, run(9, rate=40 * MB, served=340 * MB)])
    assert found.kind == VerdictKind.CONTENTION
    assert found.figures["slowdown"] == pytest.approx(2.5)
    assert found.figures["others_rate"] == pytest.approx(300 * MB)
    assert found.figures["usual_others_rate"] == pytest.approx(50 * MB)
    assert found.figures["others_factor"] == pytest.approx(6)
    assert found.sentence.startswith("Slower than its history (")
    assert "6 times its usual" in found.sentence


def test_slower_while_metadata_servers_did_several_times_as_much() -> None:
    found = judged([*USUAL, run(9, rate=40 * MB, served=90 * MB, done=5000)])
    assert found.kind == VerdictKind.CONTENTION
    assert found.figures["operations_factor"] == pytest.approx(500)
    assert "moved" not in found.sentence


def test_slower_without_anything_unusual_is_not_contention() -> None:
    found = judged([*USUAL, run(9, rate=40 * MB, served=90 * MB)])
    assert found.kind == VerdictKind.SLOWER
    assert "with no sign of contention" in found.sentence


def test_others_that_are_few_are_not_contention() -> None:
    """Twice the usual of next to nothing slows nobody down."""
    alone = [run(n, served=101 * MB) for n in range(5)]
    found = judged([*alone, run(9, rate=40 * MB, served=44 * MB)])
    assert found.figures["others_factor"] == pytest.approx(4)
    assert found.kind == VerdictKind.SLOWER


@pytest.mark.parametrize("rate", [67, 100, 400])
def test_not_slower_is_no_sign(rate: int) -> None:
    found = judged([*USUAL, run(9, rate=rate * MB, served=(rate + 300) * MB)])
    assert found.kind == VerdictKind.NO_SIGN
    assert found.sentence.startswith("No sign of contention.")


def test_a_rate_among_those_of_its_history_is_not_slower() -> None:
    """Runs differ much: two thirds of the median are within the lower quarter."""
    rates = [30, 40, 90, 100, 110]
    wide = [run(n, rate=rate * MB) for n, rate in enumerate(rates)]
    assert judged([*wide, run(9, rate=50 * MB, served=350 * MB)]).kind == VerdictKind.NO_SIGN


@pytest.mark.parametrize(
    ("history", "cells", "because"),
    [
        (USUAL[:4], {}, "4 earlier runs of the same program"),
        (USUAL, {"partial_modules": "POSIX"}, "its logs are partial"),
        (USUAL, {"logs": 2, "last_write": DAY.start + 10.0 * HOUR}, "0 earlier runs of the same"),
        (USUAL, {"starts": 2}, "it was requeued"),
        (USUAL, {"fs_instance": None}, "no servers are known behind fs"),
        (USUAL, {"fs_missing": 40.0}, "40 % of their cells are missing"),
        (USUAL, {"fs_missing": None}, "were not measured"),
        (USUAL, {"fs_peak_write_rate": 30.0 * MB}, "the growth of a gap"),
        (USUAL, {"last_write": DAY.start + 9 * HOUR + 4.0}, "for only 4 s"),
        (USUAL, {"first_write": None, "last_write": None}, "how long that took"),
        ([row | {"fs_missing": 50.0} for row in USUAL], {}, "of only 0 earlier runs"),
        (
            [row | {"partial_modules": "POSIX"} for row in USUAL],
            {},
            "0 earlier runs of the",
        ),
    ],
)
def test_what_is_not_known_is_not_claimed(
    history: list[dict[str, Any]], cells: dict[str, Any], because: str
) -> None:
    found = judged([*history, run(9, rate=40 * MB, served=340 * MB, **cells)])
    assert found.kind == VerdictKind.NOT_KNOWN
    assert because in found.because
    assert because in found.sentence


def test_the_commands_last_line_and_json_and_python_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = run(9, rate=40 * MB, served=340 * MB)
    for n, row in enumerate([*USUAL, slow]):
        write_day(tmp_path, date=DATE - dt.timedelta(days=5 - n), logs={"darshan": [row]})
    assert main(["job", "9", "--archive", str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert main(["job", "9", "--json", "--archive", str(tmp_path)]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    found = Archive(tmp_path).job(9).verdict()
    assert found.kind == VerdictKind.CONTENTION
    assert last == said["verdict"]["sentence"] == found.sentence
    assert said["verdict"]["figures"]["runs"] == 5


def test_a_damaged_table_of_an_earlier_day_does_not_hide_the_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = DATE - dt.timedelta(days=3)
    write_day(tmp_path, date=before, logs={"darshan": [run(1)]})
    write_day(tmp_path, logs={"darshan": [run(9)]})
    layout.path(tmp_path, layout.JOBS, before, "darshan").write_bytes(b"PAR1 no table")
    assert main(["job", "9", "--json", "--archive", str(tmp_path)]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["verdict"]["kind"] == "not known"
    assert "is not a table of jobs" in said["verdict"]["because"]
