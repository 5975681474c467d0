"""A day that goes on is made from the file that is there and what came: each collect gives what a
build of all raw data gives.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.building import tts, verified
from pipeline.building.instance_day import InstanceDay
from pipeline.building.run_context import current
from pipeline.building.site_cache import load_options, load_site
from pipeline.building.so_far import KEY, CannotGoOn, Earlier, SoFar
from pipeline.cli.main import COMPLETE, main
from tests.support.lmt_hours import DAY, STEP, at, lmt_day, lmt_keys, seen_of
from tests.support.lmtdb import every

Site = Callable[..., Path]
ALIKE = ("counts", "quality", "percent", "missing_components", "roster", "why")


class Builds:
    """What was built, and from how many rows on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.firsts: list[int | None] = []
        self.failures: list[str] = []

    def check(self, request: Any, target: Path, made: Any) -> None:
        """Compare a file with one that is made from all raw data."""
        other = self.folder / "whole.hdf5"
        request = dataclasses.replace(request, earlier=None)
        attributes = {"inputs_fingerprint": request.raw.name.rpartition(".")[2]}
        attributes |= {"site": request.where.site.site, "instance": request.where.instance}
        whole = tts._written(request, other, attributes, None)
        for what in ALIKE:
            assert made.content().get(what) == whole.content().get(what), what
        assert totals(made) == totals(whole)
        with h5py.File(target) as one, h5py.File(other) as two:
            assert_alike(one, two)


def totals(made: Any) -> dict[tuple[str, str], int]:
    """How many there are of each kind of finding in each place."""
    found: dict[tuple[str, str], int] = {}
    for one in made.findings:
        found[one.kind, one.where] = found.get((one.kind, one.where), 0) + one.count
    return found


def assert_alike(one: h5py.File, other: h5py.File) -> None:
    """Files with the same datasets, attributes and stored bytes."""
    names: list[str] = []
    one.visit(names.append)
    others: list[str] = []
    other.visit(others.append)
    assert names == others
    for name in names:
        for key, value in one[name].attrs.items():
            if key not in ("REFERENCE_LIST", "DIMENSION_LIST"):
                np.testing.assert_array_equal(
                    value, other[name].attrs[key], err_msg=f"{name} {key}"
                )
        if isinstance(one[name], h5py.Dataset):
            np.testing.assert_array_equal(one[name][...], other[name][...], err_msg=name)
            if one[name].chunks:
                count = one[name].id.get_num_chunks()
                assert count == other[name].id.get_num_chunks(), name


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Builds]:
    found = Builds(tmp_path)
    write, start, samples = tts.write_tts, SoFar.__init__, SoFar.samples

    def checked(request: Any, target: Path) -> Any:
        found.firsts.append(None)
        made = write(request, target)
        found.check(request, target, made)
        return made

    def noted(self: SoFar) -> Any:
        found.firsts[-1] = min((one.rows for one in self.before.values()), default=0)
        return samples(self)

    def started(self: SoFar, *arguments: Any) -> None:
        try:
            start(self, *arguments)
        except CannotGoOn as error:
            found.failures.append(str(error))
            raise

    monkeypatch.setattr(tts, "write_tts", checked)
    monkeypatch.setattr(SoFar, "samples", noted)
    monkeypatch.setattr(SoFar, "__init__", started)
    return found


def collect(monkeypatch: pytest.MonkeyPatch, hour: float) -> None:
    now = DAY.start + 3600.0 * hour + 60
    monkeypatch.setattr(time, "time", lambda: now)
    at(monkeypatch, now)
    current().answers.forget()
    assert main(["collect", "--quiet", "--workers", "1"]) == COMPLETE


@pytest.mark.system
def test_collects_go_on_from_the_file_that_is_there(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, builds: Builds
) -> None:
    """Hours with gaps, resets and a silent component; rows before the last hours are not made
    again.
    """
    whole, live = tmp_path / "whole.db", tmp_path / "live.db"
    lmt_day(whole).connection.close()
    site({"fs": lmt_keys(live)})
    for hour in (1, 2.5, 3.2, 5, 12, 13, 23):
        seen_of(whole, live, 0, hour)
        collect(monkeypatch, hour)
    assert builds.firsts == [0, 0, 120, 120, 240, 660, 660], builds.failures


class Split:
    """Rows of two OSTs that come in pieces, and the file of the day so far."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.folder = folder
        self.where = InstanceDay(site, "fs", DAY, load_options("", "fs"))
        self.raw = folder / "fs.0123456789abcdef"
        self.listed: list[dict[str, Any]] = []
        self.earlier: Earlier | None = None

    def piece(self, rows: list[tuple[int, int, int]]) -> None:
        """Add a piece of rows, (OST, minute, figure) each."""
        path = self.raw / f"piece-{len(self.listed) + 1:04d}"
        path.mkdir(parents=True)
        minutes = [minute for _, minute, _ in rows]
        stamps = every(STEP, "2026-11-22", 24 * 60 + 1)
        ids = [100 + minute for minute in minutes]
        others = dict.fromkeys(["KBYTES_FREE", "KBYTES_USED", "INODES_FREE", "INODES_USED"], 5)
        tables: dict[str, dict[str, Any]] = {
            "TIMESTAMP_INFO": {
                "TS_ID": [100 + n for n in range(len(stamps))],
                "TIMESTAMP": list(map(str, stamps)),
            },
            "OST_INFO": {
                "OST_ID": [1, 2],
                "OST_NAME": ["fs-OST0000", "fs-OST0001"],
                "HOSTNAME": ["oss0", "oss0"],
            },
            "OST_DATA": {
                "OST_ID": [ost for ost, _, _ in rows],
                "TS_ID": ids,
                "READ_BYTES": [figure for _, _, figure in rows],
                "WRITE_BYTES": [figure for _, _, figure in rows],
                "PCT_CPU": [0.5] * len(rows),
                **{name: [value] * len(rows) for name, value in others.items()},
            },
        }
        for name, columns in tables.items():
            pq.write_table(pa.table(columns), path / f"{name}.parquet")
        span = [DAY.start + STEP * minute for minute in (min(minutes), max(minutes))]
        self.listed.append({"name": path.name, "span": span})

    def made(self) -> tuple[Path, Any, Path, Any]:
        """The file that goes on, and the one of all raw data."""
        found = []
        fetched = {"so_far": True, "pieces": self.listed, "files": verified.hashes(self.raw)}
        for name, earlier in (("file", self.earlier), ("whole", None)):
            target = self.folder / f"{name}-{len(self.listed)}.hdf5"
            request = tts.TtsRequest(self.where, self.raw, fetched, {}, False, earlier=earlier)
            if name == "file":
                found += [target, tts.write_tts(request, target)]
            else:
                attributes = {"site": "x", "instance": "fs", "inputs_fingerprint": "0" * 16}
                found += [target, tts._written(request, target, attributes, None)]
        known = found[1].more.get(KEY)
        self.earlier = Earlier(found[0], json.loads(json.dumps(known))) if known else None
        return tuple(found)


SERIES = st.lists(
    st.sampled_from(["on", "on", "on", "on", "on", "gap", "reset", "low", "long gap"]),
    min_size=5,
    max_size=5,
)
"""What happens to a counter, once in each two hours."""


def counter(events: list[str], seed: int) -> dict[int, int]:
    """Minute to figure."""
    found: dict[int, int] = {}
    value = 1000
    for minute in range(600):
        which, at_minute = divmod(minute, 120)
        value += 7 + (minute * seed) % 11
        place = (37 * seed + 61 * which) % 120
        if events[which] == "reset" and at_minute == place:
            value = 3
        if events[which] == "gap" and place <= at_minute < place + 4:
            continue
        if events[which] == "long gap" and at_minute >= place:
            continue
        is_low = events[which] == "low" and at_minute == place
        found[minute] = 1 if is_low else value
    return found


@settings(
    max_examples=int(os.environ.get("TOKIO_SPLITS", "5")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    first=SERIES,
    second=SERIES,
    splits=st.lists(st.integers(10, 590), min_size=2, max_size=5, unique=True),
    late=st.booleans(),
    seed=st.integers(1, 50),
)
def test_any_split_is_the_day(
    site: Site,
    tmp_path_factory: pytest.TempPathFactory,
    first: list[str],
    second: list[str],
    splits: list[int],
    late: bool,
    seed: int,
) -> None:
    """Whatever happens to counters, and wherever the day is split, with rows that come late: each
    file is the one of all raw data.
    """
    folder = tmp_path_factory.mktemp("split")
    site({"fs": lmt_keys(folder / "live.db")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: DAY.end - 3600.0)
        split = Split(load_site(""), folder)
        rows = [
            (ost, minute, figure)
            for ost, events in ((1, first), (2, second))
            for minute, figure in counter(events, seed + ost).items()
        ]
        edges = [0, *sorted(splits), 600]
        held_back = rows[seed::97] if late else []
        for begin, end in itertools.pairwise(edges):
            is_last = end == edges[-1]
            its = [one for one in rows if begin <= one[1] < end and one not in held_back]
            if its or is_last:
                split.piece(its + (held_back if is_last else []))
                file, made, other, whole = split.made()
                for what in ALIKE:
                    assert made.content().get(what) == whole.content().get(what), what
                assert totals(made) == totals(whole)
                with h5py.File(file) as one, h5py.File(other) as two:
                    assert_alike(one, two)
