"""job_stats by an exporter's series out of a real Prometheus and a real VictoriaMetrics, and out of
saved answers.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NoData, SourceError
from archive_tools.formats.records_file import read_records
from pipeline.cli.main import PARTIAL, main
from pipeline.site import validated
from pipeline.sources import job_stats
from pipeline.sources._shared import http_client
from pipeline.sources.job_stats import exported
from pipeline.sources.job_stats.table import COLUMNS, OPERATIONS
from pipeline.testing import contract, record_contract
from tests.support import victoria_server
from tests.support.prometheus_server import filled, started

DAY = Day(dt.date(2026, 11, 22))
STEP = 600
NOON = DAY.start + 12 * 3600
HOSTILE = 'a"b\\\\c\x1b'

# what an exporter said at noon and every ten minutes after: bytes written by target and job
WRITTEN: dict[tuple[str, str], list[int | None]] = {
    ("fs-OST0000", "7"): [100, 300, None, 700, 900],  # a scrape failed
    ("fs-OST0000", "8"): [None, 50, None, 20, 30],  # cleared, and begun again
    ("fs-OST0001", "7"): [None, 5, 5, None, 4],  # cleared while 9 went on
    ("fs-OST0001", "9"): [1, 2, 3, 4, 5],
    ("fs-OST0001", "cp.1001"): [0, 0, 0, 0, 8],
}
EXPECTED = {
    ("fs-OST0000", "7"): (800, 0),
    ("fs-OST0000", "8"): (50 + 20 + 10, 1),
    ("fs-OST0001", "7"): (5 + 4, 1),
    ("fs-OST0001", "9"): (4, 0),
    ("fs-OST0001", "cp.1001"): (8, 0),
}
"""Growth and restarts, worked out by hand."""


def samples() -> Iterator[tuple[str, str, str, int, int]]:
    """Series, target, job, time, value."""
    for (target, job), values in WRITTEN.items():
        for n, value in enumerate(values):
            if value is not None:
                stamp = NOON + n * STEP - 30
                yield "lustre_job_write_bytes_total", target, job, stamp, value
                yield "lustre_job_write_samples_total", target, job, stamp, 1
    yield "lustre_job_write_bytes_total", "not a target", "7", NOON, 5
    yield "lustre_job_read_minimum_size_bytes", "fs-OST0001", "9", NOON, 5
    for n in range(3):
        yield "open", "fs-MDT0000", "7", NOON + n * STEP - 30, 10 * n


def lines() -> Iterator[str]:
    """OpenMetrics text of all samples, series by series."""
    found = sorted(samples())
    name = ""
    for series, target, job, stamp, value in found:
        metric = "lustre_job_stats_total" if series == "open" else series
        if metric != name:
            name = metric
            kind = "counter" if name.endswith("_total") else "gauge"
            yield f"# TYPE {name.removesuffix('_total')} {kind}"
        operation = ',operation="open"' if series == "open" else ""
        labels = f'component="x",target="{target}",jobid="{job}"{operation}'
        yield f"{metric}{{{labels}}} {value} {stamp}"


@pytest.fixture(scope="module", params=["Prometheus", "VictoriaMetrics"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server") / "data"
    process, url = serving(request.param, folder, lines())
    yield url
    process.terminate()
    process.wait()


def serving(
    program: str, folder: Path, given: Iterable[str]
) -> tuple[subprocess.Popen[bytes], str]:
    """A server that has these samples."""
    if program == "Prometheus":
        filled(folder, given)
        return started(folder)
    process, url = victoria_server.started(folder)
    victoria_server.fill(url, (line if line[0] == "#" else f"{line}000" for line in given))
    return process, url


def options(**keys: Any) -> job_stats.Options:
    content = {"kind": "job_stats", "timezone": "UTC", "timestep": STEP, **keys}
    return validated(job_stats.Options, content, "test")


def table(folder: Path, **keys: Any) -> list[dict[str, Any]]:
    chosen = options(**keys)
    contract.parsed(chosen, DAY, folder)
    rows: list[dict[str, Any]] = record_contract.table_of(chosen, DAY, [folder]).to_pylist()
    return rows


@pytest.mark.server
def test_growth_resets_and_gaps_of_a_real_server(server: str, tmp_path: Path) -> None:
    rows = table(tmp_path / "raw", url=server)
    found = {
        (row["target"], row["job"]): (row["bytes_written"], row["restarts"])
        for row in rows
        if "OST" in row["target"]
    }
    assert found == EXPECTED
    (opens,) = [row for row in rows if row["target"] == "fs-MDT0000"]
    assert (opens["opens"], opens["bytes_written"]) == (20, None)
    by_program = next(row for row in rows if row["job"] == "cp.1001")
    assert (by_program["jobid"], by_program["exe"], by_program["uid"]) == (None, "cp", 1001)


@pytest.mark.server
def test_a_target_that_was_not_scraped_was_not_looked_at(server: str, tmp_path: Path) -> None:
    """At 12:20 only one of the targets has a snapshot."""
    (found,), _, _ = contract.parsed(options(url=server), DAY, tmp_path / "raw")
    targets = [found.names[place] for place in found.column]
    there = set(zip(targets, found.time.tolist(), strict=True))
    assert ("fs-OST0001", NOON + 2 * STEP) in there
    assert ("fs-OST0000", NOON + 2 * STEP) not in there


@pytest.mark.server
@pytest.mark.parametrize("program", ["Prometheus", "VictoriaMetrics"])
def test_the_first_scrape_after_midnight_closes_the_day(program: str, tmp_path: Path) -> None:
    """None was made at midnight: what grew until twenty past is of the day before."""
    stamped = ((DAY.end - STEP, 100), (DAY.end + 2 * STEP, 700), (DAY.end + 3 * STEP, 900))
    series = 'lustre_job_write_bytes_total{target="fs-OST0000",jobid="7"}'
    text = [f"{series} {value} {stamp - 30}" for stamp, value in stamped]
    given = ["# TYPE lustre_job_write_bytes counter", *text]
    process, url = serving(program, tmp_path / "data", given)
    try:
        (row,) = table(tmp_path / "raw", url=url)
    finally:
        process.terminate()
        process.wait()
    assert (row["bytes_written"], row["last_seen"]) == (600, DAY.end + 2 * STEP)


@pytest.mark.server
def test_no_answer_has_more_than_one_target_and_some_hours(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is held does not grow with the number of targets."""
    asked: list[dict[str, Any]] = []
    ask = http_client.Server.ask

    def noted(self: http_client.Server, method: str, path: str, **request: Any) -> bytes:
        asked.append(dict(request.get("form") or {}))
        return ask(self, method, path, **request)

    monkeypatch.setattr(http_client.Server, "ask", noted)
    table(tmp_path / "raw", url=server)
    ranges = [form for form in asked if form.get("query", "").startswith("last_over_time")]
    assert len(ranges) == 3 * 5, "targets, and pieces of six hours with the end of the day"
    assert all('target="fs-' in form["query"] for form in ranges)
    assert all(float(form["end"]) - float(form["start"]) < exported.PIECE for form in ranges)


@pytest.mark.server
def test_saved_answers_give_the_same_table(server: str, tmp_path: Path) -> None:
    def saved(name: str) -> Any:
        form = exported.span(options(url=server), DAY, 2**40).form(f"last_over_time({name}[600s])")
        answer = httpx.post(f"{server}/api/v1/query_range", data=form)
        return answer.json()

    names = ("lustre_job_stats_total", "lustre_job_write_samples_total")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/one.json").write_text(json.dumps(saved("lustre_job_write_bytes_total")))
    (tmp_path / "saved/two.json").write_text(json.dumps([saved(name) for name in names]))
    live = table(tmp_path / "live", url=server)
    assert table(tmp_path / "raw", answers=str(tmp_path / "saved")) == live


@pytest.mark.server
def test_what_a_server_has_more_of_changes_the_inputs(server: str) -> None:
    source, chosen = job_stats.SOURCE, options(url=server)
    now = exported.inputs(chosen, DAY, NOON + STEP)
    assert now["targets"] == 3
    assert now != exported.inputs(chosen, DAY, NOON + 4 * 3600)
    assert source.inputs(chosen, DAY) == exported.inputs(chosen, DAY, 2**40)
    assert exported.inputs(options(url=server, extra={"site": "x"}), DAY, 2**40)["targets"] == 0


@pytest.mark.server
def test_a_longer_answer_has_all_of_a_shorter_one(server: str, tmp_path: Path) -> None:
    chosen = options(url=server)
    for name, now in (("older", NOON + STEP), ("newer", NOON + 2**30)):
        (tmp_path / name).mkdir()
        exported.fetch(chosen, DAY, tmp_path / name, now)
    pieces = [tmp_path / "newer", tmp_path / "older"]
    both = record_contract.table_of(chosen, DAY, pieces).to_pylist()
    assert both == record_contract.table_of(chosen, DAY, pieces[:1]).to_pylist()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.server
@pytest.mark.parametrize("name", ["00000", "files.json"])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_kept_text_that_is_damaged_is_fetched_again(
    server: str,
    tmp_path: Path,
    site: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    name: str,
) -> None:
    """A night, then another one that makes the products again: which file is said, and the table
    is what it was.
    """
    js = {"kind": "job_stats", "url": server, "timezone": "UTC", "timestep": STEP}
    site({"js": js}, late_days=10**5, raw_days=10**5)
    night = ["nightly", "--quiet", "--date", str(DAY)]
    assert main(night) == PARTIAL, "the samples are of noon alone"
    product = tmp_path / f"archive/2026/{DAY}/js_jobs.parquet"
    rows = read_records(product).to_pylist()
    assert len(rows) == len(EXPECTED) + 1
    (kept,) = (tmp_path / "archive/raw").rglob(name)
    before = kept.read_bytes()
    damage(kept)
    shutil.rmtree(product.parent)
    assert main(night) == PARTIAL
    assert f"{kept}: it" in caplog.text
    assert "it is fetched again" in caplog.text
    assert read_records(product).to_pylist() == rows
    (again,) = (tmp_path / "archive/raw").rglob(name)
    assert again.read_bytes() == before


@pytest.mark.server
def test_a_day_without_series_is_no_data(server: str, tmp_path: Path) -> None:
    with pytest.raises(NoData, match=r"no lustre_job_\* series"):
        job_stats.SOURCE.fetch(options(url=server), Day(dt.date(2026, 1, 1)), tmp_path)


@pytest.mark.server
@pytest.mark.parametrize("program", ["Prometheus", "VictoriaMetrics"])
def test_every_number_of_the_exporters_sample_is_in_its_cell(
    real: Path, tmp_path: Path, program: str
) -> None:
    """The sample as scraped by a real server, ten minutes after all of it was 0."""
    sample = (real / "exporters/lustrefs_exporter_jobstats.txt").read_text()
    expected = {
        line.rpartition(" ")[0]: int(line.rpartition(" ")[2])
        for line in sample.splitlines()
        if line.startswith("lustre_job_stats_total{")
    }
    scraped = [
        f"{series} {amount} {stamp}"
        for series, value in expected.items()
        for amount, stamp in ((0, NOON - 30), (value, NOON + STEP - 30))
    ]
    given = ["# TYPE lustre_job_stats counter", *scraped]
    process, url = serving(program, tmp_path / "data", given)
    try:
        rows = table(tmp_path / "raw", url=url)
    finally:
        process.terminate()
        process.wait()
    by_key = {(row["target"], row["job"]): row for row in rows}
    looked_at = 0
    for series, value in expected.items():
        inside = series.partition("{")[2].removesuffix("}").replace('"', "")
        labels = dict(pair.split("=", 1) for pair in inside.split(","))
        operation = labels["operation"]
        column = {"read_bytes": "reads", "write_bytes": "writes"}.get(
            operation, OPERATIONS.get(operation)
        )
        if column is not None:
            assert by_key[labels["target"], labels["jobid"]][column] == value
            looked_at += 1
    known = [value for row in rows for name, value in row.items() if name in COLUMNS]
    assert looked_at == sum(value is not None for value in known) > 200


def result(job: str, value: Any, **labels: str) -> dict[str, Any]:
    name = {"__name__": "lustre_job_read_bytes_total", "target": "fs-OST0000", "jobid": job}
    return {"metric": name | labels, "values": [[NOON, "0"], [NOON + STEP, value]]}


def write_answer(path: Path, *results: Any, **keys: Any) -> None:
    data = {"resultType": "matrix", "result": list(results)}
    path.write_text(json.dumps({"status": "success", "data": data, **keys}))


def test_names_of_jobs_are_as_they_were(tmp_path: Path) -> None:
    """Whoever names a job may write what looks like the next line."""
    line = 'x"} 9\nlustre_job_read_bytes_total{target="fs-OST0009",jobid="y"} 7'
    write_answer(tmp_path / "a.json", result(HOSTILE, "5"), result(line, "6"))
    rows = table(tmp_path / "raw", answers=str(tmp_path / "a.json"))
    assert {row["target"] for row in rows} == {"fs-OST0000"}
    assert {row["bytes_read"] for row in rows} == {5, 6}
    assert HOSTILE in {row["job"] for row in rows}


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        ({"status": "error", "error": "too many"}, "1", "too many"),
        ({"isPartial": True}, "1", "partial"),
        ({}, "x", "is not a number"),
        ({"data": 5}, "1", "not an answer"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(
    tmp_path: Path, keys: dict[str, Any], value: str, says: str
) -> None:
    write_answer(tmp_path / "a.json", result("7", value), **keys)
    with pytest.raises(SourceError, match=says):
        table(tmp_path / "raw", answers=str(tmp_path / "a.json"))


@pytest.mark.parametrize("keys", [{}, {"url": "http://x", "files": "y"}, {"answers": ""}])
def test_exactly_one_place_is_named(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="one of files, url"):
        options(**keys)


def test_where_series_come_from_makes_no_day_stale() -> None:
    """Days of files stay what they were when a site goes over to a server."""
    assert options(files="x").made_of() == options(url="http://x", extra={"a": "b"}).made_of()
    assert "answers" not in options(files="x").made_of()
