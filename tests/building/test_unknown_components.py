"""Figures that were measured and belong to no component that can be archived: which, how many, and
what that makes of the day.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.findings import events_of
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, main
from tests.support.collectd_day import DAY, disk, write_lines
from tests.support.mmperfmon_day import minutes, output
from tests.support.nights import DATE, FOREVER
from tests.support.prometheus_day import labels, matrix

STEP = 600
ROWS = 144
Write = Callable[[Path, list[str]], dict[str, Any]]


def prometheus(folder: Path, unknown: list[str]) -> dict[str, Any]:
    """Of a disk of one server, and of disks whose servers are not named."""
    values = [(DAY.start + STEP * n, str(1000 * n)) for n in range(ROWS + 1)]
    name = "node_disk_read_bytes_total"
    series = [(labels(name, device="sda"), values)]
    series += [({"__name__": name, "device": "sda", "rack": each}, values) for each in unknown]
    (folder / "answers.json").write_text(json.dumps(matrix(*series)))
    return {"kind": "prometheus", "answers": "answers.json", "timestep": STEP}


def collectd(folder: Path, unknown: list[str]) -> dict[str, Any]:
    """Of one server, and of some whose names cannot be archived."""
    hosts = ["oss1", *(f"{each}\n" for each in unknown)]
    some = [disk(STEP * n + 3, float(n), host) for n in range(-1, ROWS + 1) for host in hosts]
    write_lines(folder / "values.json", some)
    keys = {"kind": "collectd", "form": "write_http", "files": "values.json", "interval": STEP}
    return {**keys, "timestep": STEP, "store_rates": True}


def mmperfmon(folder: Path, unknown: list[str]) -> dict[str, Any]:
    """Of a device that the map knows, and of others."""
    devices = ["lun1", *unknown]
    legend = [f"nsd1|GPFSNSDDisk|{name}|gpfs_nsdds_bytes_read" for name in devices]
    stamps = minutes(dt.datetime(2026, 11, 22), ROWS, STEP)
    text = output(legend, stamps, [["1"] * len(devices)] * ROWS, wide=9)
    (folder / "day.txt").write_text(text)
    luns = {"^lun": "datatarget", "^own": "ignored"}
    keys = {"kind": "mmperfmon", "files": "day.txt", "mmperfmon_lun_map": luns}
    return {**keys, "timestep": STEP}


def run(
    tmp_path: Path, site: Callable[..., Path], write: Write, unknown: list[str]
) -> tuple[int, list[tuple[int, list[float]]]]:
    """The exit code of a nightly run; how many names, and their shares by dataset."""
    site({"it": write(tmp_path, unknown)}, **FOREVER)
    code = main(["nightly", "--date", DATE])
    day = Receipts(tmp_path / "archive").day(dt.date.fromisoformat(DATE))
    receipt = day.good("it", Product.TTS)
    assert receipt
    kinds = {
        FindingKind.NAMES_UNUSABLE,
        FindingKind.LABELS_UNNAMED,
        FindingKind.DEVICES_UNMAPPED,
    }
    events = [event for event in events_of(day.content(receipt)) if event.kind in kinds]
    return code, [(event.count, [*event.amounts.values()]) for event in events]


@pytest.mark.parametrize("write", [prometheus, collectd, mmperfmon])
def test_many_rows_of_components_without_a_name_make_the_day_partial(
    write: Write,
    tmp_path: Path,
    site: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What has a name is all there, so nothing else says that the rest is not."""
    code, found = run(tmp_path, site, write, ["un1", "un2", "un3"])
    assert code == PARTIAL
    assert {share for _, shares in found for share in shares} == {75.0}
    first = capsys.readouterr().out.splitlines()[0]
    assert "75 % of the rows; " in first
    assert "un1" in first


@pytest.mark.parametrize("write", [prometheus, collectd, mmperfmon])
def test_without_such_rows_the_same_day_is_complete(
    write: Write, tmp_path: Path, site: Callable[..., Path]
) -> None:
    assert run(tmp_path, site, write, []) == (COMPLETE, [])


def test_devices_that_are_ignored_are_not_missed(tmp_path: Path, site: Callable[..., Path]) -> None:
    assert run(tmp_path, site, mmperfmon, ["own1", "own2"]) == (COMPLETE, [])


@pytest.mark.parametrize("write", [prometheus, collectd])
def test_servers_of_no_group_are_named_and_not_missed(
    write: Write, tmp_path: Path, site: Callable[..., Path]
) -> None:
    """The site may want them so: the patterns say which servers count."""
    keys = write(tmp_path, [])
    if write is prometheus:
        answers = json.loads((tmp_path / "answers.json").read_text())
        (one,) = answers["data"]["result"]
        other = {**one, "metric": {**one["metric"], "instance": "login1:9100"}}
        answers["data"]["result"].append(other)
        (tmp_path / "answers.json").write_text(json.dumps(answers))
    else:
        some = [
            disk(STEP * n + 3, float(n), h) for n in range(-1, ROWS + 1) for h in ("oss1", "login1")
        ]
        write_lines(tmp_path / "values.json", some)
    site({"it": keys | {"dataservers": "oss.*"}}, **FOREVER)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    day = Receipts(tmp_path / "archive").day(dt.date.fromisoformat(DATE))
    receipt = day.good("it", Product.TTS)
    assert receipt
    events = [e for e in events_of(day.content(receipt)) if e.kind == FindingKind.HOSTS_LEFT_OUT]
    assert [(one.count, one.detail) for one in events] == [(1, "'login1'")]
