"""Small sources that were once archived wrongly: what each must give."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.core.arrays import Float64
from archive_tools.core.vocabulary import Product
from archive_tools.store.receipts import Receipts
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support import paths
from tests.support.prometheus_server import filled, started
from tests.support.waiting import PATIENCE

DATE = "2026-11-22"


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases."""
    return paths.cases("servers")


@dataclass(frozen=True)
class Outcome:
    """What a backfill of a case says, and what it archives of the last day."""

    folder: Path
    code: int
    printed: str

    def values(self, dataset: str) -> Float64:
        """Cells of the last day."""
        with archive_tools.open_tts(self._file) as tts:
            return tts.to_numpy(dataset)

    def columns(self, dataset: str) -> tuple[str, ...]:
        with archive_tools.open_tts(self._file) as tts:
            return tts.columns(dataset)

    def total(self, dataset: str) -> float:
        return float(np.nansum(self.values(dataset)))

    def findings(self) -> str:
        """The findings of the last day's table."""
        receipts = Receipts(self.folder / "archive").day(dt.date.fromisoformat(DATE))
        receipt = receipts.good("x", Product.TTS)
        assert receipt
        return "\n".join(receipts.content(receipt)["findings"])

    @property
    def _file(self) -> Path:
        return self.folder / f"archive/2026/{DATE}/x.hdf5"


def is_told_or_right(outcome: Outcome, dataset: str, total: float) -> None:
    assert outcome.total(dataset) == total or "bond0" in outcome.findings()


def bonded_network_thrice(case: Outcome) -> None:
    is_told_or_right(case, "dataservers/netinbytes", 96_000)


def dataset_gone(case: Outcome) -> None:
    assert case.code == PARTIAL
    assert "not measured: 96 in datatargets/readbytes" in case.findings()
    assert np.isnan(case.values("datatargets/readbytes")).all()
    assert case.total("datatargets/writebytes") == 96 * 900


def interfaces_in_type_instance(case: Outcome) -> None:
    assert case.code == COMPLETE
    assert case.total("dataservers/netinbytes") == 96 * 6000
    assert case.columns("dataservers/netinbytes") == ("oss1",)


def jitter_at_row_edge(case: Outcome) -> None:
    assert case.code == COMPLETE
    written = case.values("datatargets/writebytes")
    np.testing.assert_array_equal(written, np.full((96, 1), 900_000.0))


def lmt_impossible(case: Outcome) -> None:
    names = case.columns("fullness/bytes")
    assert names == ("fs-OST0001", "fs-OST0002", "fs-OST0003")
    used, total = case.values("fullness/bytes"), case.values("fullness/bytestotal")
    assert np.isnan(used[:, :2]).all()
    assert (used[:, 2] == 512_000).all()
    assert np.isnan(total[:, 1]).all()
    assert (total[:, [0, 2]] == 1_024_000).all()
    load = case.values("dataservers/cpuload")[:, 0]
    assert np.flatnonzero(np.isnan(load)).tolist() == [50, 60]
    assert (np.delete(load, [50, 60]) == 10).all()
    for said in (
        "figures that no device can have: 1 in dataservers/cpuload, of oss1, from 2026-11-22T12:30",
        "figures that no device can have: 1 in dataservers/cpuload, of oss1, from 2026-11-22T15:00",
        "figures that no device can have: 384 in 2 datasets: fullness/bytes, fullness/inodes,"
        " of fs-OST0001, fs-OST0002, from",
        "figures that no device can have: 192 in 2 datasets: fullness/bytestotal,"
        " fullness/inodestotal, of fs-OST0002, from",
    ):
        assert said in case.findings(), case.findings()


def logstash_nan_is_zero(case: Outcome) -> None:
    np.testing.assert_allclose(case.values("dataservers/cpuload"), np.full((96, 1), 40.0))


def no_lun_map(case: Outcome) -> None:
    assert case.code == FAILED
    assert "devices that mmperfmon_lun_map does not know: 1 (ddn1d01)" in case.printed


def notification_is_no_damage(case: Outcome) -> None:
    assert case.code == COMPLETE
    assert case.total("datatargets/writebytes") == 96_000


def putval_is_not_named(case: Outcome) -> None:
    assert case.code == FAILED
    assert "w.txt: line 1 is not JSON" in case.printed
    assert "set Format to JSON in write_http" in case.printed


def raw_counters_taken_for_rates(case: Outcome) -> None:
    assert case.code == FAILED
    assert "counters, not rates" in case.printed
    assert "store_rates" in case.printed


def server_gone_all_day(case: Outcome) -> None:
    assert case.code == PARTIAL
    assert "not measured: 96 in datatargets/writebytes, of fs-OST0001" in case.findings()
    written = case.values("datatargets/writebytes")
    gone = case.columns("datatargets/writebytes").index("fs-OST0001")
    assert np.isnan(written[:, gone]).all()
    assert np.nansum(written) == 96 * 900


def why_is_not_said(case: Outcome) -> None:
    assert case.code == FAILED
    assert "a.json (the server says error: bad_data: exceeded maximum resolution" in case.printed


def prometheus_full_day(case: Outcome) -> None:
    for name in ("memfree", "memcached"):
        values = case.values(f"dataservers/{name}")
        assert case.columns(f"dataservers/{name}") == ("oss1",)
        assert values[np.isfinite(values)].tolist() == [1000.0] * 10


OF_FILES = [
    bonded_network_thrice,
    dataset_gone,
    interfaces_in_type_instance,
    jitter_at_row_edge,
    lmt_impossible,
    logstash_nan_is_zero,
    no_lun_map,
    notification_is_no_damage,
    putval_is_not_named,
    raw_counters_taken_for_rates,
    server_gone_all_day,
    why_is_not_said,
]
OF_SERVERS = [prometheus_full_day]


def archived(case: Path, folder: Path, capsys: pytest.CaptureFixture[str], **keys: Any) -> Outcome:
    """Backfill the days of a case in a copy of it, with some keys of its source replaced."""
    copied = Path(shutil.copytree(case, folder / case.name))
    days = copied / "days"
    content = json.loads((copied / "site.json").read_bytes())
    content["sources"]["x"] |= keys
    (copied / "site.json").write_text(json.dumps(content))
    current().answers.forget()
    for date in days.read_text().split() if days.exists() else [DATE]:
        given = ["--site", str(copied / "site.json"), "--start", date, "--stop", date]
        code = main(["backfill", *given])
    printed = capsys.readouterr()
    return Outcome(copied, code, printed.out + printed.err)


@pytest.mark.parametrize("check", OF_FILES)
def test_what_a_case_must_give(
    check: Callable[[Outcome], None],
    cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(archived(cases / check.__name__, tmp_path, capsys))


@pytest.mark.server
@pytest.mark.parametrize("check", OF_SERVERS)
def test_what_a_case_of_a_server_must_give(
    check: Callable[[Outcome], None],
    cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = cases / check.__name__
    lines = (case / "om.txt").read_text().splitlines()
    filled(tmp_path / "server", [line for line in lines if line != "# EOF"])
    running, url = started(tmp_path / "server")
    try:
        check(archived(case, tmp_path, capsys, url=url))
    finally:
        running.terminate()
        running.wait(PATIENCE)


def test_every_case_has_its_values(cases: Path) -> None:
    known = {getattr(check, "__name__", "") or check.values[0].__name__ for check in OF_FILES}
    assert known | {check.__name__ for check in OF_SERVERS} == {
        folder.name for folder in cases.iterdir() if folder.is_dir()
    }
