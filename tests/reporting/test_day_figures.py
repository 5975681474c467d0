"""The figures of a day: by hand, damaged, grouped problems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archive_tools import OwnSeries, open_tts, write_series
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.reading import summary
from archive_tools.reporting import figures_of_day, measuring, report
from archive_tools.reporting.day_figures import (
    DatasetFigures,
    InstanceFigures,
    read_day_figures,
)
from archive_tools.reporting.problems import problems_of
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, main
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source, some_logs

Site = Callable[..., Path]
DAY = dt.date.fromisoformat(DATE)
START = Day(DAY).start
NIGHT = ["nightly", "--quiet", "--date", DATE]
READ = "datatargets/readbytes"


def test_a_night_leaves_figures_that_are_those_of_its_files(tmp_path: Path, site: Site) -> None:
    """OST n reads (n + 1) * 1000 bytes in each ten minutes: 18,000 an hour of both."""
    lmt_db(tmp_path / "lmt.db")
    some_logs(tmp_path / "logs", 3)
    site(
        {
            "fs": lmt_source(tmp_path / "lmt.db"),
            "darshan": {"kind": "darshan", "logs": "logs"},
        },
        **FOREVER,
    )
    assert main(NIGHT) == COMPLETE
    root = tmp_path / "archive"
    found = read_day_figures(root, [DAY, DAY - dt.timedelta(days=1)])
    assert (list(found.days), found.damaged) == ([DAY], {})
    figures = found.days[DAY]
    assert list(figures.instances) == ["fs", "darshan"]
    fs, logs = figures.instances["fs"], figures.instances["darshan"]
    assert (fs.state, logs.state) == ("complete", "complete")
    assert fs.datasets[READ].hours == [18_000.0] * 24
    assert fs.datasets[READ].hours_peak == [5.0] * 24, "3,000 bytes in 600 s"
    assert fs.datasets[READ].hours_measured == [1.0] * 24
    assert fs.moved()[0] == 24 * 18_000
    assert sum(user.logs for user in logs.users) == 3
    assert {one.name for one in logs.programs}
    with open_tts(layout.path(root, layout.TTS, DAY, "fs")) as tts:
        for one in summary.summarize(tts):
            mine = fs.datasets.get(one.dataset)
            if mine:
                assert (mine.total, mine.peak, mine.peak_at) == (one.total, one.peak, one.peak_at)
                assert mine.missing == pytest.approx(one.missing)
    receipt = Receipts(root).day(DAY).good("_day", Product.FIGURES)
    assert receipt


def test_figures_that_are_lost_or_cut_are_made_again_by_the_next_night(
    tmp_path: Path, site: Site
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(NIGHT) == COMPLETE
    path = layout.path(tmp_path / "archive", layout.FIGURES, DAY)
    whole = path.read_bytes()
    for content in (None, whole[:100]):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        assert main(NIGHT) == COMPLETE
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not what this version writes"),
        (b'{"layout": 1, "date"', "not what this version writes"),
        (b"[" * 100_000, "not what this version writes"),
        (b"\xff\xfe", "not what this version writes"),
        (
            b'{"layout":9,"date":"2026-11-22","timezone":"UTC","start":0,"end":1,"instances":{}}',
            "it is layout 9",
        ),
        (
            b'{"layout":1,"date":"2026-11-23","timezone":"UTC","start":0,"end":1,"instances":{}}',
            "of 2026-11-23",
        ),
    ],
)
def test_figures_that_cannot_be_read_are_named_and_stop_nothing(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = layout.path(tmp_path, layout.FIGURES, DAY)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    found = read_day_figures(tmp_path, [DAY])
    assert not found.days
    assert reason in found.damaged[DAY]


def test_a_damaged_file_of_series_is_a_problem_of_the_day(tmp_path: Path) -> None:
    path = layout.path(tmp_path, layout.TTS, DAY, "fs")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no HDF5")
    target = tmp_path / "figures.json"
    figures_of_day.write_figures(tmp_path, DAY, target, instances={"fs": [Product.TTS]})
    target.rename(layout.path(tmp_path, layout.FIGURES, DAY))
    fs = read_day_figures(tmp_path, [DAY]).days[DAY].instances["fs"]
    assert "fs.hdf5" in fs.problems[0].sentence
    assert fs.datasets == {}


def with_findings(root: Path, findings: Findings) -> None:
    receipt = Receipt(DAY, "fs", Product.TTS, 1, "0" * 16, "complete")  # type: ignore[arg-type]
    events = [event.as_json() for event in findings.events()]
    Receipts(root).write(receipt, {"events": events, "findings": findings.sentences()})


def test_a_gap_that_is_in_many_findings_is_one_sentence(tmp_path: Path) -> None:
    findings = Findings()
    span = (START + 3600, START + 7200)
    for number in range(9):
        place = f"datatargets/d{number}"
        findings.add(FindingKind.NOT_MEASURED, 5, place, components=["a"], span=span)
        late = (span[0] - 5, span[1] + 5)
        findings.add(
            FindingKind.GROWTH_ACROSS_GAPS, 5, place, f"x{number}", components=["a"], span=late
        )
    findings.add(FindingKind.EMPTY_ROWS, 720)
    findings.add(FindingKind.RESETS, 1, READ, components=["b"], span=(START, START + 5))
    with_findings(tmp_path, findings)
    first, gap = problems_of(Receipts(tmp_path).day(DAY), "fs", Day(DAY))
    assert first.kinds == [FindingKind.RESETS]
    assert gap.kinds == [FindingKind.NOT_MEASURED, FindingKind.GROWTH_ACROSS_GAPS]
    assert gap.sentence.startswith(f"{FindingKind.NOT_MEASURED}: 45 in 9 datasets, of a, ")
    assert "00:59:55 to 02:00:05" in gap.sentence
    assert len(gap.details) == 10, "each finding can still be read"


def test_two_gaps_are_two_sentences(tmp_path: Path) -> None:
    findings = Findings()
    for hour in (1, 9):
        span = (START + 3600 * hour, START + 3600 * hour + 1800)
        findings.add(FindingKind.NOT_MEASURED, 5, READ, components=["a"], span=span)
    with_findings(tmp_path, findings)
    assert len(problems_of(Receipts(tmp_path).day(DAY), "fs", Day(DAY))) == 2


def test_rows_without_a_measurement_are_said_where_no_gap_is(tmp_path: Path) -> None:
    findings = Findings()
    findings.add(FindingKind.EMPTY_ROWS, 720)
    with_findings(tmp_path, findings)
    assert len(problems_of(Receipts(tmp_path).day(DAY), "fs", Day(DAY))) == 1


def map_of(rates: list[float]) -> measuring.Measured:
    """A day of which each target has a rate, twice as high in the second half."""
    columns = tuple(f"t{number}" for number in range(len(rates)))
    rows = np.repeat([[1.0], [2.0]], 48, axis=0) * np.array(rates)
    one = measuring.Dataset(READ, "bytes", "delta", columns, 5, by_component=rows)
    return measuring.Measured(Day(DAY), {READ: one})


def test_the_target_at_half_speed_is_the_slowest() -> None:
    rates = [100.0 + number for number in range(20)]
    rates[7] = 50.0
    first, *_ = figures_of_day.slow_targets(map_of(rates))
    assert first.name == "t7"
    assert first.share == pytest.approx(50 / 109.5, abs=0.01)
    assert first.deviations < -5


@pytest.mark.parametrize("rates", [[], [1.0, 2.0, 3.0], [0.0] * 9])
def test_no_target_is_slow_among_few_or_idle_ones(rates: list[float]) -> None:
    assert figures_of_day.slow_targets(map_of(rates)) == []


def test_a_partial_day_s_figures_say_so(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db", upto=100)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(NIGHT) == PARTIAL
    fs = read_day_figures(tmp_path / "archive", [DAY]).days[DAY].instances["fs"]
    assert (fs.state, fs.percent) == ("partial", 68)
    assert fs.datasets[READ].hours[17:] == [None] * 7
    assert fs.datasets[READ].hours_measured[15:17] == [1.0, 0.5]


@pytest.mark.parametrize("gap", [slice(90, 175), slice(100, 121), slice(60, 80), slice(30, 1000)])
def test_an_hour_with_the_growth_of_hours_before_does_not_pass_for_measured(
    tmp_path: Path, gap: slice
) -> None:
    """One of two targets, rows of a minute; the growth of the gap is in the row after it."""
    values = np.ones((1440, 2))
    values[gap, 0] = np.nan
    values[gap.stop, 0] += gap.stop - gap.start
    series = OwnSeries(READ, ["t0", "t1"], 60, values)
    path = write_series(tmp_path, "fs", DAY, [series], timezone="UTC")
    hours = measuring.measured(path, Day(DAY)).datasets[READ].hours
    assert hours
    expected = np.ones(24)
    for minute in range(gap.start, gap.stop):
        expected[minute // 60] -= 1 / 120
        expected[gap.stop // 60] -= (minute // 60 < gap.stop // 60) / 120
    assert hours.measured == pytest.approx(np.maximum(expected, 0), abs=1e-9)
    assert hours.amount.sum() == 2880


def test_findings_without_a_time_are_one_sentence_a_kind(tmp_path: Path) -> None:
    findings = Findings()
    for number in range(6):
        findings.add(FindingKind.AMOUNT_OUTSIDE_DAY, 7, f"datatargets/d{number}", f"x{number}")
    with_findings(tmp_path, findings)
    (one,) = problems_of(Receipts(tmp_path).day(DAY), "fs", Day(DAY))
    assert one.sentence.startswith(f"{FindingKind.AMOUNT_OUTSIDE_DAY}: 6 findings in ")
    assert len(one.details) == 6


@pytest.mark.parametrize(
    ("state", "share", "said"),
    [
        ("complete", 0.0, ""),
        ("complete", None, ""),
        ("complete", 0.69, "0.69 % of a dataset at most."),
        ("partial", 0.69, "partial 08:00-09:00 not measured"),
    ],
)
def test_a_complete_day_does_not_say_that_nothing_is_missing_where_cells_are(
    state: str, share: float | None, said: str
) -> None:
    datasets = {"a/b": DatasetFigures("bytes", "delta", 1, missing=share)}
    detail = "08:00-09:00 not measured" if state == "partial" else ""
    assert report.missing_of(InstanceFigures(state, detail, datasets=datasets)) == said


def test_a_complete_day_lacks_nothing_of_datasets_that_nobody_samples() -> None:
    """`status` and `tokio_missing_percent` say that all expected cells were measured: so does the
    page.
    """
    shares = {"a/b": 0.0, "a/c": 0.69, **{f"m/{n}": 100.0 for n in range(5)}}
    datasets = {
        name: DatasetFigures("bytes", "delta", 1, missing=share) for name, share in shares.items()
    }
    assert report.missing_of(InstanceFigures("complete", datasets=datasets)) == (
        "0.69 % of a dataset at most. Of m/0, m/1, m/2 and 2 more there is no sample, and none was"
        " expected."
    )
