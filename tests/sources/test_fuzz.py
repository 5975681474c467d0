"""Damaged input of every source: an error or a result, never a hang, a crash or a wrong neighbour.

Each case has an undamaged file of host alpha and one of host omega, of which mutants are made.
TOKIO_FUZZ says how many; of one seed they are always the same. mmperfmon's are in test_mmperfmon,
Darshan's in test_darshan.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import TokioError
from pipeline.testing.contract import built
from tests.support import collectd_day, prometheus_day
from tests.support.lmt_source import UTC
from tests.support.lmt_source import options as lmt_options
from tests.support.lmtdb import LmtDb, every
from tests.support.mutants import mutated

COUNT = int(os.environ.get("TOKIO_FUZZ", 16))
LONGEST = 300
"""Seconds that a small mutant may take: a hang, not a measurement."""


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    def too_long(number: int, frame: Any) -> None:
        raise AssertionError(f"a mutant took {LONGEST} s")

    signal.signal(signal.SIGALRM, too_long)
    yield
    signal.alarm(0)


def outcomes(victims: Sequence[Path], options: Any, day: Day, folder: Path) -> Iterator[Any]:
    """Of each mutant the grids, or None where there was an error; the victims in turn."""
    whole = {path: path.read_bytes() for path in victims}
    chance = random.Random(20261122)
    for number in range(COUNT):
        victim = victims[number % len(victims)]
        victim.write_bytes(mutated(whole[victim], chance))
        signal.alarm(LONGEST)
        try:
            yield built(options, day, folder / "raw")
        except TokioError:
            yield None
        finally:
            signal.alarm(0)
            shutil.rmtree(folder / "raw", ignore_errors=True)
            victim.write_bytes(whole[victim])


def check_neighbour(expected: Any, found: Any) -> None:
    """Every cell of host alpha is as it was."""
    for name, grid in expected.items():
        columns = [column for column in grid.columns if column.startswith("alpha")]
        there = found[name]
        before = grid.values[:, [grid.columns.index(column) for column in columns]]
        after = there.values[:, [there.columns.index(column) for column in columns]]
        np.testing.assert_array_equal(after, before, err_msg=name)


def sides() -> tuple[list[Any], list[Any]]:
    records = collectd_day.records(hosts=("alpha", "omega"))
    return [r for r in records if r[1] == "alpha"], [r for r in records if r[1] == "omega"]


def lines(path: Path, some: Sequence[Any]) -> None:
    collectd_day.write_lines(path, some)


def packed(write: Callable[[Path, Sequence[Any]], None]) -> Callable[[Path, Sequence[Any]], None]:
    def write_packed(path: Path, some: Sequence[Any]) -> None:
        write(path, some)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return write_packed


FORMS = {
    "write_http": ("write_http", "json", lines),
    "write_http.gz": ("write_http", "json.gz", packed(lines)),
    "documents": ("elasticsearch", "json", collectd_day.write_documents),
    "pages": ("elasticsearch", "json", collectd_day.write_pages),
    "pages.gz": ("elasticsearch", "json.gz", packed(collectd_day.write_pages)),
}


@pytest.mark.parametrize("form", FORMS)
def test_collectd_json(form: str, tmp_path: Path) -> None:
    kind, suffix, write = FORMS[form]
    (tmp_path / "source").mkdir()
    good, bad = sides()
    write(tmp_path / f"source/a.{suffix}", good)
    write(tmp_path / f"source/b.{suffix}", bad)
    options = collectd_day.options(tmp_path / "source", kind, store_rates=True)
    expected = built(options, collectd_day.DAY, tmp_path / "whole")
    some = [
        found
        for found in outcomes(
            [tmp_path / f"source/b.{suffix}"], options, collectd_day.DAY, tmp_path
        )
        if found is not None
    ]
    for found in some:
        check_neighbour(expected, found)
    assert len(some) == COUNT, "the undamaged file is archived whatever the other one holds"


def test_collectd_csv(tmp_path: Path) -> None:
    good, bad = (
        [r for r in collectd_day.records(("alpha", "omega"), rate=False) if r[1] == host]
        for host in ("alpha", "omega")
    )
    collectd_day.write_csv(tmp_path / "source", [*good, *bad])
    options = collectd_day.options(tmp_path / "source", "csv")
    expected = built(options, collectd_day.DAY, tmp_path / "whole")
    victims = sorted(path for path in (tmp_path / "source/omega").rglob("*") if path.is_file())
    some = [
        found
        for found in outcomes(victims, options, collectd_day.DAY, tmp_path)
        if found is not None
    ]
    for found in some:
        check_neighbour(expected, found)
    assert len(some) == COUNT


def test_prometheus_answers(tmp_path: Path) -> None:
    names = {"oss1:9100": "alpha:9100", "oss2:9100": "omega:9100"}
    for host, file in (("oss1:9100", "a.json"), ("oss2:9100", "b.json")):
        series: dict[Any, list[Any]] = {}
        for r in prometheus_day.records():
            if dict(r.more)["instance"] == host:
                series.setdefault((r.name, r.more), []).append(
                    (prometheus_day.START + 5 * r.row, f"{r.value:g}")
                )
        result = [
            ({"__name__": name, **dict(more), "instance": names[host]}, values)
            for (name, more), values in series.items()
        ]
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source" / file).write_text(json.dumps(prometheus_day.matrix(*result)))
    options = prometheus_day.options(answers=str(tmp_path / "source/*"))
    expected = built(options, prometheus_day.DAY, tmp_path / "whole")
    assert {"alpha", "omega"} <= set(expected["dataservers/memfree"].columns)
    some = [
        found
        for found in outcomes([tmp_path / "source/b.json"], options, prometheus_day.DAY, tmp_path)
        if found is not None
    ]
    for found in some:
        check_neighbour(expected, found)
    assert len(some) == COUNT


@pytest.mark.system
def test_lmt_database(tmp_path: Path) -> None:
    """SQLite has no check sums: a figure may be another one, but the reader comes to an end and
    stays alive.
    """
    db = LmtDb(tmp_path / "lmt.db")
    for n, ts in enumerate(db.stamps(every(60, "2026-11-22", 60))):
        db.ost(ts, 1, n * 10)
        db.ost(ts, 2, n * 10)
    db.connection.close()
    options = lmt_options(db)
    results = list(outcomes([tmp_path / "lmt.db"], options, UTC, tmp_path))
    assert any(found is not None for found in results)
    assert any(found is None for found in results)
