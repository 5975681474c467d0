"""Tables of schedulers and job_stats in a published copy: no name of the original, all counters."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from archive_tools.cli.main import main
from archive_tools.core.errors import FormatError
from archive_tools.formats.records_file import read_records, write_records
from archive_tools.jobs import job_tables, top
from archive_tools.publishing import records
from archive_tools.publishing.names import Names
from pipeline.cli.main import main as pipeline
from pipeline.sources import job_stats
from pipeline.sources.slurm import records as slurm_records
from tests.support.job_stats_text import ost, text
from tests.support.sacct_answers import answer, job

DATE = dt.date(2026, 11, 22)
NOON = 1_795_348_800
SECRET = ("ann", "physics", "secretqueue", "hushqos", "alpha", "nid", "topsecret", "hiddenexe")
NAMES = Names(b"k" * 32)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An archive of Slurm and job_stats, and its copy."""
    folder = tmp_path_factory.mktemp("records")
    cells = {"Partition": "secretqueue", "QOS": "hushqos", "JobName": "topsecret"}
    rows = [
        job(4711001, NOON, NOON + 600, JobID="4711000_3", **cells),
        job(4711002, NOON, NOON + 60, State="CANCELLED by 4242", **cells),
    ]
    (folder / "sacct.txt").write_text(answer(rows))
    (folder / "stats").mkdir()
    for n, stamp in enumerate((NOON, NOON + 600)):
        entries = [ost(name, stamp, n << 20, n << 21) for name in ("4711001", "hiddenexe.4242")]
        (folder / f"stats/fs-OST0000.{stamp}").write_text(text(entries))
    sources = {
        "slurm": {"kind": "slurm", "files": "sacct.txt", "timestep": 600},
        "job-stats": {"kind": "job_stats", "files": "stats"},
    }
    site = {"site": "x", "archive": "archive", "sources": sources}
    site["schedulers"] = {"job-stats": "slurm"}
    site["alerts"] = [{"name": "topsecret", "kind": "errors", "where": "*", "threshold": 0.0}]
    (folder / "site.json").write_text(json.dumps(site))
    pipeline(["nightly", "--quiet", "--site", str(folder / "site.json"), "--date", str(DATE)])
    root, out = folder / "archive", folder / "out"
    more = ["--out", str(out), "--key", str(folder / "key")]
    assert main(["publish", "--archive", str(root), *more]) == 0, "nothing is refused"
    return root, out


def table(root: Path, instance: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_records(
        root / f"2026/{DATE}/{instance}_jobs.parquet"
    ).to_pylist()
    return found


def test_no_name_is_in_any_byte_or_value(copy: tuple[Path, Path]) -> None:
    _, out = copy
    values = [table(out, name) for name in ("slurm", "job-stats")]
    whole = repr(values).encode() + b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())
    for name in (*SECRET, "4711001", "4711002", "4711000", "4242"):
        assert name.encode() not in whole, name


def test_what_pages_and_alerts_are_made_of_is_not_in_the_copy(copy: tuple[Path, Path]) -> None:
    root, out = copy
    left_out = {"figures.json", "alerts.json", "report.html", "index.html", "pages.json"}
    assert left_out <= {path.name for path in root.rglob("*")}
    assert not left_out & {path.name for path in out.rglob("*")}


@pytest.mark.parametrize("by", ["account", "partition", "user", "fs"])
def test_totals_of_the_copy_are_those_of_the_original(copy: tuple[Path, Path], by: str) -> None:
    old, new = (
        sorted(
            (one.jobs, one.node_seconds or 0, one.server_bytes_written or 0)
            for one in top.top(root, DATE, DATE, by).totals
        )
        for root in copy
    )
    assert old == new


def test_figures_are_those_of_the_original(copy: tuple[Path, Path]) -> None:
    for instance, rules in (("slurm", records.OF_SLURM), ("job-stats", records.OF_JOB_STATS)):
        old, new = (table(root, instance) for root in copy)
        kept = [name for name, rule in rules.items() if rule is records._as_it_is]
        for name in kept:
            assert sorted(map(repr, (row[name] for row in old))) == sorted(
                map(repr, (row[name] for row in new))
            ), name
    states = {row["state"] for row in table(copy[1], "slurm")}
    assert states == {"COMPLETED", "CANCELLED"}


def test_jobs_are_joined_in_the_copy_as_in_the_original(copy: tuple[Path, Path]) -> None:
    wanted = job_tables.JobFilter()
    old, new = (job_tables.find_jobs(root, DATE, DATE, wanted).to_pylist() for root in copy)
    for name in ("known_by", "server_bytes_written", "node_seconds", "state"):
        assert sorted(map(repr, (row[name] for row in old))) == sorted(
            map(repr, (row[name] for row in new))
        )
    assert any(row["known_by"] == "servers,scheduler" for row in new)


def test_nothing_is_wrong_with_the_copy(
    copy: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["check", "--archive", str(copy[1]), "--deep"])
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "rules"), [(slurm_records, records.OF_SLURM), (job_stats, records.OF_JOB_STATS)]
)
def test_every_column_of_our_sources_has_a_rule(kind: Any, rules: Any) -> None:
    assert set(kind.SCHEMA.names) | {"date"} == set(rules)


@pytest.mark.parametrize(
    ("schema", "kind", "says"),
    [
        ([("x", pa.int64())], "slurm", "columns that publish does not know: x"),
        ([("user", pa.binary())], "slurm", "a type"),
        ([("user", pa.string())], "other", "a kind"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, schema: Any, kind: str, says: str) -> None:
    found = pa.schema(schema)
    write_records([found.empty_table()], found, tmp_path / "a", date=str(DATE), kind=kind)
    with pytest.raises(FormatError, match=says):
        records.publish_records(tmp_path / "a", tmp_path / "b", NAMES, str(DATE))
