"""What is missing of a day, and what is then said: the table in `docs/operations.md`."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, main
from tests.support.lmtdb import LmtDb, every
from tests.support.nights import some_logs
from tests.support.paths import ROOT
from tests.support.prometheus_server import SAVED

pytestmark = pytest.mark.system

Site = Callable[..., Path]
BEFORE, DATE = "2026-11-22", "2026-11-23"
START = 144
"""Samples before the day: a day of one each ten minutes."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    state: str
    code: int
    text: str


def table() -> list[Row]:
    """The table in the docs."""
    lines = (ROOT / "docs/operations.md").read_text("utf-8").splitlines()
    first = lines.index("| missing of the day | state | exit code | text |") + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        what, state, code, text = (cell.strip() for cell in line.strip("|").split(" | "))
        rows.append(Row(what, state, int(code), text.strip("`")))
    return rows


def database(path: Path, keep: Callable[[int, int], bool], *, servers: bool = True) -> None:
    """Two days of two OSTs and an OSS, ten minutes apart; of the second day what is kept, by sample
    of the day and OST (0 is the OSS).
    """
    db = LmtDb(path)
    for n, ts in enumerate(db.stamps(every(600, BEFORE, 2 * 144 + 1))):
        at = n - START
        for ost in (1, 2):
            if at < 0 or keep(at, ost):
                db.ost(ts, ost, n * 1000 * ost)
        if at < 0 or (servers and keep(at, 0)):
            db.add("OSS_DATA", (1, ts, 5.0, 50.0))
    db.connection.close()


def fault(what: str, folder: Path) -> None:
    """Make the sources of the day as the table says."""
    keep: dict[str, Callable[[int, int], bool]] = {
        "nothing": lambda at, ost: True,
        "all but its last ten minutes": lambda at, ost: at >= 143,
        "the first eight hours (as with a wrong `timezone`)": lambda at, ost: at >= 48,
        "an OST from 08:00 on": lambda at, ost: ost != 2 or at < 48,
        "an OST all day": lambda at, ost: ost != 2,
        "one sample of 145": lambda at, ost: at != 70,
        "all rows": lambda at, ost: False,
    }
    if what == "the database's file":
        (folder / "lmt.db").unlink(missing_ok=True)
    elif what == "a dataset (a table that stays empty)":
        database(folder / "lmt.db", lambda at, ost: True, servers=False)
    elif what in keep:
        database(folder / "lmt.db", keep[what])


LOGS = {
    "logs: the right to open the day's folder",
    "logs: the right to open a folder in it",
    "logs: all that are there are damaged",
}


@pytest.mark.parametrize("row", table(), ids=lambda row: row.what)
def test_the_table(
    row: Row,
    tmp_path: Path,
    site: Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if row.what in LOGS:
        logs_with(row.what, tmp_path, monkeypatch)
        site({"fs": {"kind": "darshan", "logs": "logs"}})
    else:
        database(tmp_path / "lmt.db", lambda at, ost: True)
        keys = {"kind": "lmt", "database": f"sqlite:///{tmp_path}/lmt.db", "timestep": 600}
        site({"fs": keys}, late_days=1)
        assert main(["nightly", "--date", BEFORE]) == COMPLETE
        fault(row.what, tmp_path)
        if row.what == "what is still to come (the day is not over)":
            now = Day(dt.date.fromisoformat(DATE)).start + 12 * 3600.0
            database(tmp_path / "lmt.db", lambda at, ost: at < 72)
            monkeypatch.setattr(time, "time", lambda: now)
    capsys.readouterr()
    current().answers.forget()
    assert main(["nightly", "--date", DATE]) == row.code
    shown = capsys.readouterr().out
    (line,) = re.findall(rf"^{DATE}  fs +(.*)$", shown, re.MULTILINE)
    state, _, text = line.partition(" ")
    assert state == row.state
    assert row.text in text


def logs_with(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = some_logs(folder / "logs", 2)
    if what.endswith("damaged"):
        for log in logs:
            log.write_bytes(log.read_bytes()[:100])
        return
    name = "/logs" if what.endswith("day's folder") else "/logs/closed"
    (folder / "logs/closed").mkdir()
    scandir, listdir = os.scandir, os.listdir

    def refusing(real: Any) -> Any:
        def refused(path: Any = ".") -> Any:
            if str(path).endswith(name):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        return refused

    monkeypatch.setattr(os, "scandir", refusing(scandir))
    monkeypatch.setattr(os, "listdir", refusing(listdir))


# A siteday as long as a day, each of its components silent for an hour

DAY = Day(dt.date(2026, 11, 22))
RECORDED = 540
"""Seconds of the record that are repeated."""


def whole_day() -> Iterator[tuple[dict[str, str], Any, Any]]:
    """The series of siteday, repeated over the day, a sample a minute: labels, times, values."""
    found = json.loads(gzip.decompress(Path(SAVED).read_bytes()))
    answers = found if isinstance(found, list) else list(found.values())
    times = np.arange(DAY.start, DAY.end + 61, 60)
    for answer in answers:
        for series in answer["data"]["result"]:
            pairs = np.array(series["values"], dtype=np.float64)
            first, values = pairs[0, 0], pairs[:, 1]
            at = np.interp((times - DAY.start) % RECORDED + first, pairs[:, 0], values)
            turns = (times - DAY.start) // RECORDED
            grows = series["metric"]["__name__"].endswith("_total")
            total = np.interp(first + RECORDED, pairs[:, 0], values) - values[0]
            yield series["metric"], times, np.rint(at) + (turns * np.rint(total) if grows else 0)


def written(folder: Path, silent: Callable[[dict[str, str]], bool], hour: int) -> None:
    """A file of saved answers, in which some series have no sample of an hour."""
    result = []
    for labels, times, values in whole_day():
        keep = np.ones(len(times), dtype=bool)
        if silent(labels):
            keep = (times < DAY.start + hour * 3600) | (times >= DAY.start + (hour + 1) * 3600)
        pairs = [[t, str(v)] for t, v in zip(times[keep].tolist(), values[keep], strict=True)]
        result.append({"metric": labels, "values": pairs})
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    folder.mkdir(exist_ok=True)
    (folder / "2026-11-22.json").write_text(json.dumps(answer))


def test_each_component_of_a_siteday_in_turn(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = sorted({labels["host"] for labels, _, _ in whole_day()})
    components = [*hosts, *(f"oss01:loop{n}" for n in range(2))]
    keys = {
        "kind": "prometheus",
        "answers": "answers/%Y-%m-%d.json",
        "host_label": "host",
        "devices": "loop[01]",
        "timestep": 60,
    }
    site({"servers": keys})
    for number, component in enumerate(components):
        host, _, device = component.partition(":")

        def silent(labels: dict[str, str], host: str = host, device: str = device) -> bool:
            of_device = labels.get("device", "") == device if device else "device" not in labels
            return labels["host"] == host and of_device

        hour = 3 + 4 * number
        written(tmp_path / "answers", silent, hour)
        current().answers.forget()
        main(["invalidate", "--start", "2026-11-22", "--stop", "2026-11-22"])
        capsys.readouterr()
        assert main(["nightly", "--date", "2026-11-22"]) == 3
        (line,) = re.findall(r"^2026-11-22  servers +(.*)$", capsys.readouterr().out, re.MULTILINE)
        assert component in line
        edges = (f"{hour:02d}:00-{hour + 1:02d}:00", f"{hour - 1:02d}:59-{hour:02d}:59")
        assert any(f"{edge} not measured" in line for edge in edges), line
        others = [name for name in components if name != component and f" {name}: " in line]
        assert not others, line


def test_quiet_runs_say_what_is_missing_once(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    """`collect`: nothing, today's file may come; `nightly`: one line."""
    site({"js": {"kind": "job_stats", "files": "stats/%Y-%m-%d.txt"}})
    assert main(["collect", "--quiet"]) == COMPLETE
    assert capfd.readouterr() == ("", "")
    assert main(["nightly", "--quiet"]) != COMPLETE
    said = capfd.readouterr()
    assert said.out.count("there is no file of the day") == 1
    assert said.err == ""
