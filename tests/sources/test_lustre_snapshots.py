"""The source of Lustre snapshots: what `lfs` and `lctl` print, and what comes of it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from pipeline.cli.main import COMPLETE, PARTIAL, main
from pipeline.site import validated
from pipeline.sources.lustre_snapshots import SOURCE, Options, text
from pipeline.testing import contract
from tests.support.mutants import mutated
from tests.support.paths import ROOT, needed

DAY = Day(dt.date(2026, 11, 22))
STEP = 900
HEAD = "UUID                   1K-blocks        Used   Available Use% Mounted on\n"
INODE_HEAD = "UUID                      Inodes       IUsed       IFree IUse% Mounted on\n"
COUNT = int(os.environ.get("TOKIO_FUZZ", 40))


def options(files: Path | list[str], **keys: Any) -> Options:
    named = files if isinstance(files, list) else str(files)
    content = {"kind": "lustre_snapshots", "files": named, "timezone": "UTC", **keys}
    return validated(Options, content, "test")


def begin(second: int) -> str:
    return f"BEGIN {second}\n"


def df(target: str, total: int, used: int, end: str = "\n") -> str:
    kind, number = target.rpartition("-")[2][:3], int(target[-4:], 16)
    return f"{target}_UUID {total:>11} {used:>11} {total - used:>11}  72% /fs[{kind}:{number}]{end}"


def device(target: str, address: str, state: str = "UP") -> str:
    kind = "osc" if "-OST" in target else "mdc"
    address = f" {address}" if address else ""
    return f"  4 {state} {kind} {target}-{kind}-ffff885f81a64000 8dbdc7f6-8f86-86ea 5{address}\n"


def grids(
    folder: Path, *texts: str | bytes, day: Day = DAY, **keys: Any
) -> tuple[dict[str, Grid], Findings]:
    """The day's grids of texts, each in a file of its own."""
    (folder / "source").mkdir(parents=True)
    for number, one in enumerate(texts):
        content = one.encode() if isinstance(one, str) else one
        (folder / "source" / f"{number}.txt").write_bytes(content)
    chosen = options(folder / "source", **keys)
    samples, findings, _ = contract.parsed(chosen, day, folder / "raw")
    return contract.grids(chosen, day, samples, findings), findings


def cell(found: dict[str, Grid], dataset: str, component: str, row: int = 0) -> float:
    grid = found[dataset]
    return float(grid.values[row, grid.columns.index(component)])


def series(found: dict[str, Grid], dataset: str, component: str, rows: int) -> list[float]:
    grid = found[dataset]
    return grid.values[:rows, grid.columns.index(component)].tolist()


RECORDS = [
    (
        DAY.start + STEP * row,
        target,
        1000 + number,
        10 * row + number,
        50,
        row,
        f"10.0.0.{number}@tcp",
    )
    for row in range(4)
    for number, target in enumerate(("fs-OST0000", "fs-OST0001", "fs-MDT0000"))
]


def write(folder: Path, records: Sequence[tuple[Any, ...]]) -> None:
    """A file for each command; of each record a snapshot of its own."""
    for name, body in (
        ("osts", lambda r: HEAD + df(r[1], r[2], r[3])),
        ("inodes", lambda r: INODE_HEAD + df(r[1], r[4], r[5])),
        ("map", lambda r: device(r[1], r[6])),
    ):
        text = "".join(begin(record[0]) + body(record) for record in records)
        (folder / f"{name}.txt").write_text(text)


def corrupt(folder: Path) -> str:
    text = (folder / "osts.txt").read_text()
    (folder / "osts.txt").write_text(text.replace("fs-OST0000_UUID", "fs-OST0000 UUID", 1))
    return "osts.txt (line "


class TestContract(contract.Contract):
    @pytest.fixture
    def case(self) -> contract.Case:
        names = {"fs-OST0000": 0, "fs-OST0001": 1}
        return contract.Case(
            DAY,
            RECORDS,
            write,
            options,
            corrupt,
            totals={
                "fullness/bytes": {name: 1024.0 * (60 + 4 * n) for name, n in names.items()},
                "fullness/bytestotal": {name: 4096.0 * (1000 + n) for name, n in names.items()},
                "fullness/inodes": dict.fromkeys(names, 6.0),
                "fullness/inodestotal": dict.fromkeys(names, 200.0),
                "mdfullness/bytes": {"fs-MDT0000": 1024.0 * 68},
                "mdfullness/bytestotal": {"fs-MDT0000": 4096.0 * 1002},
                "mdfullness/inodes": {"fs-MDT0000": 6.0},
                "mdfullness/inodestotal": {"fs-MDT0000": 200.0},
                "failover/datatargets": dict.fromkeys(names, 0.0),
                "failover/mdtargets": {"fs-MDT0000": 0.0},
            },
        )


@pytest.fixture(scope="module")
def edison() -> tuple[str, str]:
    """One answer each of `lfs df` and `lctl dl -t` on an Edison client."""
    shared = os.environ.get("TOKIO_SHARED", str(ROOT.parent / "shared"))
    folder = Path(shared) / "data/lustre"
    if not folder.is_dir():
        needed(f"the samples in {folder}")
    return tuple(  # type: ignore[return-value]
        gzip.decompress((folder / name).read_bytes()).decode()
        for name in ("lfs-df.txt.gz", "lctl-dl-t.txt.gz")
    )


def test_every_number_of_the_samples_is_in_its_cell(
    edison: tuple[str, str], tmp_path: Path
) -> None:
    """By a reading of words, of blanks and of nothing else."""
    now = DAY.start + 5 * STEP + 7
    found, findings = grids(tmp_path, begin(now) + edison[0], begin(now) + edison[1])
    seen = 0
    sums = {"total": 0, "used": 0}
    for words in map(str.split, edison[0].splitlines()):
        if words and words[0].endswith("_UUID"):
            target = words[0][:-5]
            group = "fullness" if "OST" in target else "mdfullness"
            assert cell(found, f"{group}/bytestotal", target, 5) == int(words[1]) * 1024
            assert cell(found, f"{group}/bytes", target, 5) == int(words[2]) * 1024
            seen += 1
        elif words and words[0] == "filesystem":
            sums = {"total": sums["total"] + int(words[2]), "used": sums["used"] + int(words[3])}
    whole = sum(len(found[f"{group}/bytes"].columns) for group in ("fullness", "mdfullness"))
    assert seen == whole == 332 + 8
    assert np.nansum(found["fullness/bytestotal"].values) == sums["total"] * 1024
    assert np.nansum(found["fullness/bytes"].values) == sums["used"] * 1024
    devices = [words for words in map(str.split, edison[1].splitlines()) if len(words) == 7]
    assert len(devices) == 340
    for words in devices:
        dataset = "datatargets" if words[2] == "osc" else "mdtargets"
        assert cell(found, f"failover/{dataset}", words[3].rsplit("-", 2)[0], 5) == 0.0
    assert not findings.total(FindingKind.UNREADABLE)
    for grid in found.values():
        assert np.isfinite(grid.values).sum() == len(grid.columns), "one row alone was measured"


def test_a_target_that_was_moved_before_the_samples_were_taken_is_a_finding(
    edison: tuple[str, str], tmp_path: Path
) -> None:
    _, findings = grids(tmp_path, begin(DAY.start) + edison[1])
    crowded = [one for one in findings if one.kind == FindingKind.SERVERS_CROWDED]
    places = dict[str, list[str]]()
    for words in map(str.split, edison[1].splitlines()):
        if len(words) == 7 and words[2] == "osc":
            places.setdefault(words[6], []).append(words[3].rsplit("-", 2)[0])
    shared = {tuple(sorted(names)) for names in places.values() if len(names) > 1}
    assert shared
    assert {tuple(sorted(one.components)) for one in crowded} == shared


def test_servers_are_held_against_those_of_their_own_file_system(tmp_path: Path) -> None:
    """One with one OST a server, one with two, one of whose servers has three."""
    text = begin(DAY.start)
    for number in range(8):
        text += device(f"a-OST{number:04x}", f"10.0.0.{number}@tcp")
        text += device(f"b-OST{number:04x}", f"10.0.1.{number // 2}@tcp")
    _, findings = grids(tmp_path / "even", text)
    assert not findings.total(FindingKind.SERVERS_CROWDED)
    moved = text + device("b-OST0008", "10.0.1.0@tcp")
    _, findings = grids(tmp_path / "moved", moved)
    (one,) = [one for one in findings if one.kind == FindingKind.SERVERS_CROWDED]
    assert one.components == ("b-OST0000", "b-OST0001", "b-OST0008")
    usual = dict.fromkeys(one.components, "10.0.1.0@tcp")
    _, findings = grids(tmp_path / "known", moved, usual_servers=usual)
    assert not findings.total(FindingKind.SERVERS_CROWDED)


def test_a_target_at_another_address_than_usual_is_failed_over(tmp_path: Path) -> None:
    usual, other = "10.0.0.1@tcp", "10.0.0.2@tcp"
    places = [usual, other, other, usual, usual]
    text = "".join(
        begin(DAY.start + STEP * row) + device("fs-OST0000", at) + device("fs-MDT0000", usual)
        for row, at in enumerate(places)
    )
    found, _ = grids(tmp_path / "a", text)
    assert series(found, "failover/datatargets", "fs-OST0000", 6)[:5] == [0, 1, 1, 0, 0]
    assert np.isnan(series(found, "failover/datatargets", "fs-OST0000", 6)[5])
    assert series(found, "failover/mdtargets", "fs-MDT0000", 5) == [0] * 5
    found, _ = grids(tmp_path / "b", text, usual_servers={"fs-OST0000": other})
    assert series(found, "failover/datatargets", "fs-OST0000", 5) == [1, 0, 0, 1, 1]


def test_a_target_that_was_moved_all_day_is_known_by_its_neighbours(tmp_path: Path) -> None:
    home, away = "10.0.0.1@tcp", "10.0.0.2@tcp"
    for days, at in ((-1, home), (0, away), (1, home)):
        start = DAY.start + 86400 * days
        name = f"{DAY.date + dt.timedelta(days=days)}.txt"
        (tmp_path / name).write_text(begin(start) + device("fs-OST0000", at))
    template = [str(tmp_path / "%Y-%m-%d.txt")]
    for neighbours, expected in ((0, 0.0), (1, 1.0)):
        chosen = options(template, neighbours=neighbours)
        samples, _, counts = contract.parsed(chosen, DAY, tmp_path / f"raw-{neighbours}")
        assert counts["snapshots"] == 1
        assert counts["files"] == 1 + 2 * neighbours
        found = contract.grids(chosen, DAY, samples)
        assert cell(found, "failover/datatargets", "fs-OST0000") == expected


def test_two_clients_that_differ_are_a_failover(tmp_path: Path) -> None:
    texts = [
        begin(DAY.start + 5) + device("fs-OST0000", "10.0.0.1@tcp"),
        begin(DAY.start + 5) + device("fs-OST0000", "10.0.0.2@tcp"),
        begin(DAY.start + STEP) + device("fs-OST0000", "10.0.0.1@tcp"),
    ]
    found, _ = grids(tmp_path / "some", *texts)
    assert series(found, "failover/datatargets", "fs-OST0000", 2) == [1, 0]
    found, _ = grids(tmp_path / "none", *texts[:2])
    assert series(found, "failover/datatargets", "fs-OST0000", 1) == [1]


def test_rounded_sizes_are_refused_and_the_next_table_is_read(tmp_path: Path) -> None:
    text = (
        begin(DAY.start)
        + HEAD.replace("1K-blocks", "    bytes")
        + "fs-OST0000_UUID  84.5T  60.9T  22.7T  73% /fs[OST:0]\n"
        + "\n"
        + INODE_HEAD
        + df("fs-OST0000", 100, 7)
        + begin(DAY.start + STEP)
        + HEAD
        + df("fs-OST0000", 1000, 8)
    )
    found, findings = grids(tmp_path, text)
    assert np.isnan(cell(found, "fullness/bytes", "fs-OST0000", 0))
    assert cell(found, "fullness/bytes", "fs-OST0000", 1) == 8 * 1024
    assert cell(found, "fullness/inodes", "fs-OST0000", 0) == 7
    assert findings.total(FindingKind.UNREADABLE) == 1
    assert "run these without -h" in " ".join(map(str, findings))


@pytest.mark.parametrize(
    "line",
    [
        "fs-OST0001_UUID     : inactive device\n",
        "fs-OST0001_UUID : Resource temporarily unavailable\n",
        "OST0001             : inactive device\n",
    ],
)
def test_an_inactive_target_is_not_measured_and_is_a_finding(tmp_path: Path, line: str) -> None:
    text = (
        begin(DAY.start)
        + HEAD
        + df("fs-OST0000", 10, 1)
        + df("fs-OST0001", 10, 1)
        + "\nfilesystem_summary:  20 2 18 10% /fs\n"
        + begin(DAY.start + STEP)
        + HEAD
        + df("fs-OST0000", 10, 1)
        + line
    )
    found, findings = grids(tmp_path, text)
    assert np.isnan(cell(found, "fullness/bytes", "fs-OST0001", 1))
    assert cell(found, "fullness/bytes", "fs-OST0000", 1) == 1024
    assert findings.total(FindingKind.TARGETS_SILENT) == 1
    assert not findings.total(FindingKind.UNREADABLE)


@pytest.mark.parametrize(("address", "state"), [("", "UP"), ("10.0.0.9@tcp", "IN")])
def test_a_device_without_a_server_is_not_failed_over(
    tmp_path: Path, address: str, state: str
) -> None:
    text = begin(DAY.start) + device("fs-OST0000", "10.0.0.1@tcp")
    text += begin(DAY.start + STEP) + device("fs-OST0000", address, state)
    found, findings = grids(tmp_path, text)
    assert series(found, "failover/datatargets", "fs-OST0000", 1) == [0]
    assert np.isnan(cell(found, "failover/datatargets", "fs-OST0000", 1))
    assert findings.total(FindingKind.TARGETS_SILENT) == 1


def test_a_cut_last_snapshot_gives_no_number_that_was_not_printed() -> None:
    whole = begin(DAY.start) + HEAD + df("fs-OST0000", 1000, 123)
    whole += device("fs-OST0000", "1.2.3.45@tcp")
    for length in range(1, len(whole)):
        cut = whole[:length].encode()
        damage = text.Damage()
        found = list(text.readings(text.lines_of(io.BytesIO(cut)), damage))
        assert (
            found
            == list(text.readings(whole.encode().splitlines(True), text.Damage()))[: len(found)]
        )
        assert len(found) == max(0, cut.count(b"\n") - 2)
        assert damage.count == (not cut.endswith(b"\n"))


def test_snapshots_out_of_order_and_a_clock_that_jumps_go_by_their_stamps(tmp_path: Path) -> None:
    rows = [3, 0, 2, 1]
    text = "".join(begin(DAY.start + STEP * r + r) + HEAD + df("fs-OST0000", 10, r) for r in rows)
    text += begin(DAY.start - 1) + HEAD + df("fs-OST0000", 10, 9)
    text += begin(DAY.end) + HEAD + df("fs-OST0000", 10, 9)
    found, findings = grids(tmp_path, text)
    assert series(found, "fullness/bytes", "fs-OST0000", 4) == [0, 1024, 2048, 3072]
    assert np.isfinite(found["fullness/bytes"].values).sum() == 4
    assert not findings.total(FindingKind.OUTSIDE_DAY)


def test_snapshots_of_a_clock_that_was_wrong_are_a_finding(tmp_path: Path) -> None:
    text = begin(DAY.start) + HEAD + df("fs-OST0000", 10, 1)
    for second in (60, DAY.start + 3 * 86400, DAY.start + 400 * 86400, DAY.start - 86400):
        text += begin(second) + HEAD + df("fs-OST0000", 10, 2)
    found, findings = grids(tmp_path, text)
    assert findings.total(FindingKind.OUTSIDE_DAY) == 3, "the day before is a neighbour"
    assert np.isfinite(found["fullness/bytes"].values).sum() == 1


def test_only_file_systems_that_count_are_archived(tmp_path: Path) -> None:
    text = begin(DAY.start) + HEAD + df("a-OST0000", 10, 1) + "\n" + HEAD + df("b-OST0000", 10, 2)
    text += device("a-OST0000", "1.1.1.1@tcp") + device("b-OST0000", "1.1.1.2@tcp")
    found, findings = grids(tmp_path, text, filesystems="b|c-[0-9]")
    assert {grid.columns for grid in found.values()} == {("b-OST0000",)}
    assert not findings.total(FindingKind.PATTERNS_UNMATCHED)
    _, findings = grids(tmp_path / "none", text, filesystems="scratch")
    assert findings.total(FindingKind.PATTERNS_UNMATCHED) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (df("fs-OST0000", 10, 1), "no BEGIN and time before it"),
        ("BEGIN now\n" + df("fs-OST0000", 10, 1), "not BEGIN and seconds since 1970"),
        (begin(DAY.start) + df("fs-OST0000", 10, 1), "no head of a table before it"),
        (begin(DAY.start) + "lfs: command not found\n", "not a line of `lfs df`"),
        (begin(DAY.start) + HEAD + "x" * 5000 + "\n", "a line without an end"),
        (begin(DAY.start) + HEAD + df("f\x1b[31m-OST0000", 9, 1), "a name that is too long or not"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(
    tmp_path: Path, text: str, what: str
) -> None:
    good = begin(DAY.start) + HEAD + df("fs-OST0007", 10, 1)
    found, findings = grids(tmp_path, text, good)
    shown = " ".join(map(str, findings))
    assert re.search(rf"0\.txt \(line \d+: .*{re.escape(what)}", shown), shown
    assert "\x1b" not in shown
    assert found["fullness/bytes"].columns == ("fs-OST0007",)


def test_a_table_that_lost_its_head_is_not_taken_for_the_one_before_it(tmp_path: Path) -> None:
    """As by `lfs df; lfs df -i | grep OST`: numbers of inodes are not sizes."""
    ends = ("\nfilesystem_summary:  20 2 18 10% /fs\n", "\n", "")
    for number, end in enumerate(ends):
        text = begin(DAY.start) + HEAD + df("fs-OST0000", 10, 1) + end + df("fs-OST0000", 500, 9)
        found, findings = grids(tmp_path / str(number), text)
        assert cell(found, "fullness/bytes", "fs-OST0000") == 1024
        assert findings.total(FindingKind.UNREADABLE) == 1
        assert "fullness/inodes" not in found


def test_a_usual_server_of_no_target_is_a_finding(tmp_path: Path) -> None:
    text = begin(DAY.start) + device("fs-OST0000", "10.0.0.1@tcp")
    usual = {"fs-OST0000": "10.0.0.1@tcp", "fs-OST00[": "10.0.0.2@tcp"}
    _, findings = grids(tmp_path, text, usual_servers=usual)
    assert "usual_servers: 'fs-OST00['" in " ".join(map(str, findings))


def test_a_file_without_a_snapshot_of_the_day_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(begin(DAY.end) + HEAD + df("fs-OST0000", 10, 1))
    (tmp_path / "raw").mkdir()
    with pytest.raises(NoData, match="no snapshot of 2026-11-22"):
        SOURCE.fetch(options(tmp_path / "x.txt"), DAY, tmp_path / "raw")


def test_a_damaged_file_costs_no_other(tmp_path: Path) -> None:
    text = "".join(
        begin(DAY.start + STEP * row)
        + HEAD
        + df("fs-OST0000", 9, row)
        + device("fs-OST0000", "1@o2ib")
        for row in range(6)
    ).encode()
    good = "".join(begin(DAY.start + STEP * r) + HEAD + df("fs-OST0001", 9, r) for r in range(6))
    chance = random.Random(20261122)
    for number in range(COUNT):
        try:
            found, _ = grids(tmp_path / str(number), mutated(text, chance), good)
        except TokioError:
            continue
        expected = [1024.0 * row for row in range(6)]
        assert series(found, "fullness/bytes", "fs-OST0001", 6) == expected


def day_of(folder: Path, missing: Sequence[int] = ()) -> Path:
    """A whole day of snapshots, and a site file."""
    lines = [
        begin(DAY.start + STEP * row + 3)
        + HEAD
        + df("fs-OST0000", 1000, row)
        + INODE_HEAD
        + df("fs-OST0000", 500, row)
        + device("fs-OST0000", "10.0.0.1@tcp")
        for row in range(96)
        if row not in missing
    ]
    (folder / "2026-11-22.txt").write_text("".join(lines))
    site = {
        "site": "x",
        "archive": "archive",
        "sources": {"fs": {"kind": "lustre_snapshots", "files": "%Y-%m-%d.txt"}},
    }
    (folder / "site.json").write_text(json.dumps(site))
    return folder / "site.json"


@pytest.mark.parametrize(("missing", "code"), [((), COMPLETE), (range(40, 50), PARTIAL)])
def test_a_night_archives_the_day_and_checks_clean(
    tmp_path: Path, missing: Sequence[int], code: int
) -> None:
    from archive_tools.cli.main import main as tokio_archive

    site = day_of(tmp_path, missing)
    assert main(["nightly", "--site", str(site), "--date", "2026-11-22"]) == code
    archive = archive_tools.Archive(tmp_path / "archive")
    used = archive.to_numpy("fs", "fullness/bytes", "2026-11-22", "2026-11-23")
    assert np.isnan(used).sum() == len(missing)
    assert np.nansum(used) == 1024 * sum(row for row in range(96) if row not in missing)
    assert tokio_archive(["check", "--deep", "--archive", str(tmp_path / "archive")]) == 0
