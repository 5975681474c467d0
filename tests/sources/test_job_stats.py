"""The job_stats source: what its text can say, and what comes of it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError, NoData
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.formats.records_file import read_records
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, main
from pipeline.site import validated
from pipeline.sources import job_stats
from pipeline.sources.job_stats import job_names, table
from pipeline.sources.job_stats import snapshots as texts
from pipeline.sources.job_stats.entries import COUNTERS, PLACES, SINCE, UNKNOWN, figures_of
from pipeline.sources.job_stats.growth import Target
from pipeline.sources.job_stats.snapshots import Snapshot
from pipeline.testing import contract, record_contract
from tests.support.job_stats_text import mdt, ost, text

DAY = Day(dt.date(2026, 11, 22))
MIB = 1 << 20
NOON = DAY.start + 12 * 3600


def options(files: Path | str, **keys: Any) -> job_stats.Options:
    content = {"kind": "job_stats", "files": str(files), "timezone": "UTC", **keys}
    return validated(job_stats.Options, content, "test")


def archived(
    folder: Path, texts: dict[str, str | bytes], day: Day = DAY, **keys: Any
) -> tuple[list[dict[str, Any]], Findings]:
    """The day's table and findings of files."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name, found in texts.items():
        (source / name).write_bytes(found.encode() if isinstance(found, str) else found)
    chosen = options(source, **keys)
    _, findings, _ = contract.parsed(chosen, day, folder / "raw")
    return record_contract.table_of(chosen, day, [folder / "raw"]).to_pylist(), findings


def series(folder: Path, *snapshots: str, step: int = 600) -> list[dict[str, Any]]:
    """The table of texts of one OST, `step` seconds apart from noon on."""
    names = {f"fs-OST0000.{NOON + n * step}": one for n, one in enumerate(snapshots)}
    return archived(folder, names)[0]


# The contract

TARGETS = ("fs-MDT0000", "fs-OST0000", "fs-OST0001")
CASE = [
    (target, DAY.start + 600 * n, job, n * (number + 1) * MIB)
    for n in range(6)
    for number, job in enumerate(("100", "101", "cp.1001", "dd:0:oss1"))
    for target in TARGETS
    if n >= number
]


def write(folder: Path, records: Sequence[Any]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for time in {time for _, time, _, _ in records}:
        found = []
        for target in TARGETS:
            entries = [
                mdt(job, time, {"open": amount >> 20})
                if "MDT" in target
                else ost(job, time, amount, 2 * amount)
                for its, at, job, amount in records
                if (its, at) == (target, time)
            ]
            found += [text(entries, target)] if entries else []
        (folder / f"server1.{time}.txt").write_text("".join(found))


def corrupt(folder: Path) -> str:
    path = folder / f"server1.{DAY.start + 3000}.txt"
    whole = path.read_text()
    at = whole.rindex("sum:")
    path.write_text(f"{whole[:at]}sum: x{whole[at + 4 :]}")
    return f"server1.{DAY.start + 3000}.txt (line "


class TestContract(record_contract.RecordContract):
    @pytest.fixture
    def case(self) -> contract.Case:
        tracked = dict.fromkeys(TARGETS, float(1 + 2 + 3 + 4 + 4 + 4))
        return contract.Case(DAY, CASE, write, options, corrupt, {"jobs/tracked": tracked})


# Growth


def test_growth_is_added_up_from_the_first_snapshot_on(tmp_path: Path) -> None:
    (row,) = series(
        tmp_path,
        text([ost("7", NOON, 10 * MIB, 0)]),
        text([ost("7", NOON, 12 * MIB, MIB, punch=2)]),
        text([ost("7", NOON, 12 * MIB, 5 * MIB, punch=3)]),
    )
    amounts = ("bytes_read", "reads", "bytes_written", "writes", "punches", "syncs", "restarts")
    assert [row[name] for name in amounts] == [2 * MIB, 2, 5 * MIB, 5, 3, 0, 0]
    assert (row["first_seen"], row["last_seen"]) == (NOON, NOON + 1200)
    assert (row["target"], row["fsname"], row["jobid"]) == ("fs-OST0000", "fs", "7")
    assert row["opens"] is None, "an OST does not count them"


def test_an_entry_that_was_cleared_and_came_back_starts_from_0(tmp_path: Path) -> None:
    (row, _) = series(
        tmp_path,
        text([ost("7", NOON, 10 * MIB, 0), ost("8", NOON, 0, 0)]),
        text([ost("7", NOON, 11 * MIB, 0), ost("8", NOON, 0, 0)]),
        text([ost("8", NOON, 0, 0)]),
        text([ost("7", NOON, 20 * MIB, 0), ost("8", NOON, 0, 0)]),
    )
    assert (row["bytes_read"], row["restarts"]) == (21 * MIB, 1)


def test_an_entry_of_which_any_figure_fell_was_cleared_between(tmp_path: Path) -> None:
    (row,) = series(
        tmp_path,
        text([ost("7", NOON, 10 * MIB, 50 * MIB, sync=9)]),
        text([ost("7", NOON, 11 * MIB, 60 * MIB, sync=1)]),
    )
    assert (row["bytes_read"], row["bytes_written"], row["syncs"]) == (11 * MIB, 60 * MIB, 1)
    assert row["restarts"] == 1


def test_a_new_start_time_says_that_an_entry_was_cleared(tmp_path: Path) -> None:
    """Although no figure is less than before; and the same start says that it was not."""
    (row, _) = series(
        tmp_path,
        text([ost("7", NOON, 10 * MIB, 0, form=215, start=1), ost("8", NOON, 0, 0, form=215)]),
        text([ost("7", NOON, 11 * MIB, 0, form=215, start=2), ost("8", NOON, 0, 0, form=215)]),
        text([ost("8", NOON, 0, 0, form=215)]),
        text([ost("7", NOON, 15 * MIB, 0, form=215, start=2), ost("8", NOON, 0, 0, form=215)]),
    )
    assert (row["bytes_read"], row["restarts"]) == (15 * MIB, 1)


def test_a_snapshot_that_breaks_off_does_not_say_who_is_not_there(tmp_path: Path) -> None:
    whole = [text([ost(j, NOON, n * MIB, 0) for j in ("7", "8")]) for n in (1, 2, 3)]
    names = {
        f"fs-OST0000.{NOON}": whole[0],
        f"fs-OST0000.{NOON + 600}": whole[1][: len(whole[1]) * 3 // 4],
        f"fs-OST0000.{NOON + 1200}": whole[2],
    }
    rows, findings = archived(tmp_path, names)
    assert [row["bytes_read"] for row in rows] == [2 * MIB, 2 * MIB]
    assert findings.total(FindingKind.UNREADABLE)
    assert "the file breaks off" in " ".join(findings.sentences())


def test_a_figure_that_one_snapshot_lacks_counts_from_when_it_was_last_seen(tmp_path: Path) -> None:
    """The only entry of a file breaks off in its second figure: no growth is counted twice."""
    whole = [text([ost("7", NOON, n * MIB, 10 * n * MIB)]) for n in (1, 2, 3)]
    (row,) = series(tmp_path, whole[0], whole[1][: whole[1].rindex("write_bytes") + 30], whole[2])
    assert (row["bytes_read"], row["bytes_written"], row["restarts"]) == (2 * MIB, 20 * MIB, 0)


def test_what_crosses_midnight_is_of_the_day_of_the_snapshot_before(tmp_path: Path) -> None:
    times = [DAY.start - 300, DAY.start + 300, DAY.end - 300, DAY.end + 300, DAY.end + 900]
    names = {
        f"fs-OST0000.{time}": text([ost("7", time, 2**n * MIB, 0)]) for n, time in enumerate(times)
    }
    days = [Day(DAY.date + dt.timedelta(days=n)) for n in (-1, 0, 1)]
    found = [archived(tmp_path / str(day), names, day)[0][0]["bytes_read"] for day in days]
    assert found == [MIB, (8 - 2) * MIB, 8 * MIB]


@pytest.mark.parametrize("form", [210, 212, 214])
def test_all_forms_of_a_figure(tmp_path: Path, form: int) -> None:
    stamp = "1510782606.123456789 secs.nsecs" if form > 212 else 1510782606
    (row,) = series(
        tmp_path,
        text([], "fs-OST0000"),
        text([ost('"7"', stamp, 3 * MIB, MIB, form=form, getattr=4)], "fs-OST0000"),
    )
    assert (row["job"], row["bytes_read"], row["reads"], row["getattrs"]) == ("7", 3 * MIB, 3, 4)


def test_a_file_of_many_targets_and_times(tmp_path: Path) -> None:
    lines = [
        f"BEGIN {NOON + n * 600}\n"
        + text([ost("7", 1, n * MIB, 0)], "fs-OST0001")
        + text([mdt("7", 1, {"open": 3 * n})], "fs-MDT0000")
        for n in range(3)
    ]
    rows, findings = archived(tmp_path, {"oss1.txt.gz": gzip.compress("".join(lines).encode())})
    assert not list(findings)
    assert [(row["target"], row["bytes_read"], row["opens"]) for row in rows] == [
        ("fs-MDT0000", None, 6),
        ("fs-OST0001", 2 * MIB, None),
    ]


BAD = {
    "no number": ("sum:               0", "sum: x"),
    "no sum": (", sum:               0", "x"),
    "no end": (" }\n  punch", "\n  punch"),
    "too large": (
        "samples:           0, unit:  reqs }\n  setattr",
        f"samples: {2**63}, unit: reqs }}\n  setattr",
    ),
    "a line less": ("  punch: { samples:           0, unit:  reqs }\n", ""),
    "no id": ("- job_id:          8\n", "- job_id:\n"),
    "another text": ("- job_id:          8\n", "\x1b[2J\n- job_id:          8\n"),
}


@pytest.mark.parametrize(("old", "new"), BAD.values(), ids=BAD)
def test_a_bad_entry_costs_itself_and_is_named(tmp_path: Path, old: str, new: str) -> None:
    def good(n: int) -> str:
        return text([ost("7", 1, n * MIB, 0), ost("8", 1, n * MIB, 0), ost("9", 1, n * MIB, 0)])

    whole = good(1)
    at = whole.index("- job_id:          8")
    bad = whole[:at] + whole[at:].replace(old, new, 1)
    assert bad != whole
    names = {f"fs-OST0000.{NOON + n * 600}": t for n, t in enumerate((good(0), bad, good(2)))}
    rows, findings = archived(tmp_path, names)
    found = {row["job"]: row["bytes_read"] for row in rows}
    assert found == {"7": 2 * MIB, "8": 2 * MIB, "9": 2 * MIB}
    said = " ".join(findings.sentences())
    assert f"fs-OST0000.{NOON + 600} (line " in said
    assert said.isprintable()
    assert findings.total(FindingKind.UNREADABLE) == 1


# Job ids


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("4242", {"jobid": "4242"}),
        ("4242.server-1", {"jobid": "4242.server-1"}),
        ("cp.1001", {"exe": "cp", "uid": 1001}),
        ("python3.11.1001", {"exe": "python3.11", "uid": 1001}),
        (
            "node_exporter:989:es-2-virt3-co",
            {"exe": "node_exporter", "uid": 989, "host": "es-2-virt3-co"},
        ),
        ("a b:c:0:n.x", {"exe": "a b:c", "uid": 0, "host": "n.x"}),
        ("no-parts", None),
        ("", None),
    ],
)
def test_ids_of_the_usual_templates(name: str, parts: dict[str, Any] | None) -> None:
    templates = options("x").templates
    found = job_names.parsed(name, templates)
    known = found and {k: v for k, v in found._asdict().items() if v is not None}
    assert known == parts


def test_a_template_of_the_site(tmp_path: Path) -> None:
    texts = {f"fs-OST0000.{NOON + n * 600}": text([ost("77@ior_1001%n3", 1, n, 0)]) for n in (0, 1)}
    (row,), findings = archived(tmp_path, texts, jobid_name=["%j@%e_%u%%%h"])
    assert [row[name] for name in ("jobid", "exe", "uid", "host")] == ["77", "ior", 1001, "n3"]
    assert not list(findings)


def test_ids_that_nothing_explains_are_rows_and_a_finding(tmp_path: Path) -> None:
    texts = {f"fs-OST0000.{NOON + n * 600}": text([ost("\x1b]0;x", 1, n, 0)]) for n in (0, 1)}
    (row,), findings = archived(tmp_path, texts)
    assert (row["job"], row["jobid"], row["bytes_read"]) == ("\x1b]0;x", None, 1)
    assert findings.total(FindingKind.JOBIDS_UNEXPLAINED) == 1
    assert " ".join(findings.sentences()).isprintable()


@pytest.mark.parametrize("template", ["", "job", "%x", "%j%j", "%h.%H", "%"])
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="jobid_name"):
        options("x", jobid_name=[template])


# A night


NIGHT = ["nightly", "--date", str(DAY)]


def test_a_target_that_nobody_looked_at_is_not_measured(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    for n in range(145):
        for target in ("fs-OST0000", "fs-OST0001"):
            if target == "fs-OST0000" or n < 48:
                path = tmp_path / f"{target}.{DAY.start + 600 * n}.txt"
                path.write_text(text([ost("7", 1, n * MIB, 0)]))
    site(
        {"js": {"kind": "job_stats", "files": "fs-*.txt", "timezone": "UTC"}},
        late_days=10**5,
        raw_days=10**5,
    )
    assert main(NIGHT) == PARTIAL
    day = Receipts(tmp_path / "archive").day(DAY.date)
    for product in (Product.TTS, Product.JOBS):
        receipt = day.good("js", product)
        assert receipt
        assert day.content(receipt)["why"] == "fs-OST0001 not measured since 08:00"
    rows = read_records(tmp_path / f"archive/2026/{DAY}/js_jobs.parquet").to_pylist()
    assert [row["bytes_read"] for row in rows] == [144 * MIB, 47 * MIB]
    with archive_tools.open_tts(tmp_path / f"archive/2026/{DAY}/js.hdf5") as tts:
        assert np.nansum(tts.to_numpy("jobs/tracked")) == 144 + 48


def test_files_of_the_next_day_close_the_day(tmp_path: Path, site: Callable[..., Path]) -> None:
    """By the time in their names: only what may close it is fetched."""
    for n in range(-1, 290):
        time = DAY.start + 600 * n
        name = dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%dT%H:%M")
        (tmp_path / f"fs-OST0000.{name}").write_text(text([ost("7", 1, (n + 1) * MIB, 0)]))
    site(
        {"js": {"kind": "job_stats", "files": "fs-*.%Y-%m-%dT*", "timezone": "UTC"}},
        late_days=10**5,
        raw_days=10**5,
    )
    assert main(NIGHT) == COMPLETE
    (row,) = read_records(tmp_path / f"archive/2026/{DAY}/js_jobs.parquet").to_pylist()
    assert row["bytes_read"] == 144 * MIB
    day = Receipts(tmp_path / "archive").day(DAY.date)
    receipt = day.good("js", Product.RAW)
    assert receipt
    assert day.content(receipt)["counts"]["files"] == 145


def test_the_first_snapshot_of_the_next_day_closes_the_day_whenever_it_comes(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    """That of midnight is not there, of one server not before the evening: what grew until the next
    is of the day before, and no byte is lost.
    """
    for n in range(2 * 144 + 1):
        time = DAY.start + 600 * n
        name = dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%dT%H:%M")
        for number, first in enumerate((144 + 1, 144 + 120)):
            if not 144 <= n < first:
                target = f"fs-OST000{number}"
                (tmp_path / f"oss{number}.{name}").write_text(
                    text([ost("7", 1, n * MIB, 0)], target)
                )
    site(
        {"js": {"kind": "job_stats", "files": "oss*.%Y-%m-%dT*", "timezone": "UTC"}},
        late_days=10**5,
        raw_days=10**5,
    )
    assert main(NIGHT) == COMPLETE
    assert main([*NIGHT[:-1], str(DAY.date + dt.timedelta(days=1))]) == PARTIAL
    first, second = (
        [row["bytes_read"] // MIB for row in read_records(path).to_pylist()]
        for path in sorted(tmp_path.glob("archive/2026/*/js_jobs.parquet"))
    )
    assert (first, second) == ([145, 144 + 120], [143, 24])
    receipts = Receipts(tmp_path / "archive").day(DAY.date)
    receipt = receipts.good("js", Product.RAW)
    assert receipt
    assert receipts.content(receipt)["counts"]["files"] == 2 * 144 + 2, "no more than what closes"


def test_names_with_date_and_epoch_seconds_are_right_when_clocks_are_put_back(
    tmp_path: Path, site: Callable[..., Path]
) -> None:
    """As the guide's line of cron names them: two hours of the night look alike by the clock."""
    day = Day(dt.date(2026, 11, 1), "America/New_York")
    for time in range(day.start, day.end + 1, 600):
        date = dt.datetime.fromtimestamp(time, ZoneInfo(day.timezone)).date()
        amount = (time - day.start) // 600 * MIB
        (tmp_path / f"oss1.{date}.{time}").write_text(text([ost("7", 1, amount, 0)], "fs-OST0000"))
    site(
        {"js": {"kind": "job_stats", "files": "oss1.%Y-%m-%d.*"}},
        timezone=day.timezone,
        late_days=10**5,
        raw_days=10**5,
    )
    assert main(["nightly", "--date", str(day)]) == COMPLETE
    (row,) = read_records(tmp_path / f"archive/2026/{day}/js_jobs.parquet").to_pylist()
    assert row["bytes_read"] == 25 * 6 * MIB


def test_no_snapshot_of_the_day_is_no_data(tmp_path: Path) -> None:
    (tmp_path / f"fs-OST0000.{DAY.end + 60}").write_text(text([ost("7", 1, 1, 0)]))
    (tmp_path / "raw").mkdir()
    with pytest.raises(NoData):
        job_stats.SOURCE.fetch(options(tmp_path / "fs*"), DAY, tmp_path / "raw")


# The samples of the data


def cells_of(path: Path) -> dict[tuple[str, str, str], int]:
    """Job, operation and what of it to the number, of a text of job_stats: a reading of its own."""
    found: dict[tuple[str, str, str], int] = {}
    job = ""
    for line in path.read_text().splitlines():
        name, _, rest = line.strip().lstrip("- ").partition(":")
        if name == "job_id":
            job = rest.strip()
        elif "{" in rest:
            for pair in rest.strip(" {}").split(","):
                key, _, value = pair.partition(":")
                if value.strip().isdigit():
                    found[job, name, key.strip()] = int(value)
    return found


@pytest.mark.parametrize("target", ["lustrefs-MDT0000", "lustrefs-OST0000"])
def test_every_number_of_the_samples_is_in_its_cell(
    real: Path, tmp_path: Path, target: str
) -> None:
    """The entries began after a snapshot that had none: their growth is what they say."""
    sample = real / f"lustre/job_stats/{target}.txt"
    rows, findings = archived(
        tmp_path,
        {f"{target}.{NOON}": "job_stats:\n", f"{target}.{NOON + 600}": sample.read_bytes()},
    )
    assert not list(findings)
    by_job = {row["job"]: row for row in rows}
    cells = cells_of(sample)
    assert {job for job, _, _ in cells} == by_job.keys()
    looked_at = 0
    for (job, operation, key), number in cells.items():
        if operation in table.AMOUNTS and key in ("samples", "sum"):
            column = table.AMOUNTS[operation][key == "sum"]
        elif key == "samples":
            column = table.OPERATIONS[operation]
        else:  # the smallest and largest call are not of a day
            continue
        assert by_job[job][column] == number, (job, operation, key)
        assert by_job[job]["jobid"] == job
        looked_at += 1
    numbers = sum(
        value is not None for row in rows for name, value in row.items() if name in PLACES
    )
    assert looked_at == numbers > 200


def test_every_number_of_the_exporter_is_in_its_cell(real: Path, tmp_path: Path) -> None:
    sample = (real / "exporters/lustrefs_exporter_jobstats.txt").read_text()
    empty = "".join(
        f"mdt.{name}.job_stats=\njob_stats:\n" for name in ("es01a-MDT0000", "es02a-MDT0000")
    )
    rows, findings = archived(tmp_path, {f"mds.{NOON}": empty, f"mds.{NOON + 600}": sample})
    assert not list(findings)
    by_key = {(row["target"], row["job"]): row for row in rows}
    looked_at = 0
    for line in sample.splitlines():
        if not line.startswith("lustre_job_stats_total{"):
            continue
        inside, _, value = line.partition("{")[2].rpartition("} ")
        labels = dict(pair.split("=", 1) for pair in inside.replace('"', "").split(","))
        operation = labels["operation"]
        column = {"read_bytes": "reads", "write_bytes": "writes"}.get(
            operation, table.OPERATIONS.get(operation)
        )
        if column is not None:
            assert by_key[labels["target"], labels["jobid"]][column] == int(value)
            looked_at += 1
    assert looked_at == sum(
        value is not None for row in rows for name, value in row.items() if name in PLACES
    )
    row = by_key["es01a-MDT0000", "node_exporter:989:es-2-virt3-co"]
    assert (row["exe"], row["uid"], row["host"], row["statfss"]) == (
        "node_exporter",
        989,
        "es-2-virt3-co",
        326,
    )


# Properties


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=2, max_size=30),
    st.integers(1, 29),
)
def test_growth_is_conserved_over_days_whatever_is_cleared(
    steps: list[tuple[int, bool]], a_day: int
) -> None:
    """Each day has its own snapshots and the one that closes it; all days together have what grew,
    which of an entry that was cleared is all that it has.
    """
    values = list(
        itertools.accumulate(
            steps, lambda value, step: step[0] + (0 if step[1] else value), initial=0
        )
    )
    growth = sum(now - then if now >= then else now for then, now in itertools.pairwise(values))
    total = 0
    for number in range(len(values) // a_day + 1):
        target = Target(Day(DAY.date + dt.timedelta(days=number)))
        for place, value in enumerate(values):
            time = DAY.start + place * 86400 // a_day
            target.add(snapshot(time, {"j": (value, 0)}))
        total += int(target.usage().counters[:, 0].clip(0).sum())
    assert total == growth


seen = st.tuples(st.integers(0, 3) | st.just(2**63 - 1), st.sampled_from([0, 0, 1, 2]))
looks = st.tuples(st.dictionaries(st.sampled_from("abcd"), seen), st.sampled_from([True, False]))


@given(st.lists(looks, min_size=1, max_size=8))
def test_growth_of_many_jobs_is_that_of_each_by_itself(
    given: list[tuple[dict[str, tuple[int, int]], bool]],
) -> None:
    """As one would add it up by hand: a job's figure and when its entry began, look by look."""
    target = Target(DAY)
    for number, (entries, is_whole) in enumerate(given):
        target.add(snapshot(DAY.start + number, entries, is_whole=is_whole))
    usage = target.usage()
    assert usage.jobs == sorted({job for entries, _ in given for job in entries})
    for row, job in enumerate(usage.jobs):
        total = restarts = began = last = 0
        first: int | None = None
        is_there = False
        for number, (entries, is_whole) in enumerate(given):
            if job not in entries:
                is_there = is_there and not is_whole
                continue
            figure, since = entries[job]
            is_same = since == began != 0
            was_known = first is not None and (is_there or is_same)
            if number == 0:
                pass
            elif not was_known or figure < last or (since and began and not is_same):
                restarts += was_known or total > 0
                total = min(total + figure, 2**63 - 1)
            else:
                total = min(total + figure - last, 2**63 - 1)
            first = number if first is None else first
            last, began, is_there = figure, since, True
            assert int(usage.last[row]) >= DAY.start + number
        assert (usage.counters[row, 0], usage.restarts[row]) == (total, restarts)
        assert int(usage.first[row]) - DAY.start == first
    assert (usage.counters[:, 1:] == UNKNOWN).all()


def snapshot(time: int, entries: dict[str, tuple[int, int]], *, is_whole: bool = True) -> Snapshot:
    """Of jobs with a first counter, and when their entries began."""
    found = Snapshot(time, "t", is_whole)
    digits = [[b"%d" % figure, b"%d" % since] for figure, since in entries.values()]
    found.add(list(entries), (COUNTERS.start, SINCE), digits)
    return found


FORMS = st.sampled_from([210, 212, 214])
edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.binary(max_size=3)
        | st.sampled_from(
            [
                b"0",
                b"1234567890123456789",
                b"\n",
                b" ",
                b", hist: { 4K: 3 }",
                b"samples:",
                b"}",
                b"{",
            ]
        ),
    ),
    max_size=4,
)


@given(st.lists(st.tuples(st.sampled_from("789"), FORMS, st.integers(0, 2**40))), edits)
def test_entries_that_are_read_at_once_are_what_they_are_by_lines(
    given: list[tuple[str, int, int]], edits: list[tuple[float, int, bytes]]
) -> None:
    """Whatever is written over the text: the same figures, and the same is said of it."""
    found = [ost(job, 1, amount, amount, form=form, start=form) for job, form, amount in given]
    content = bytearray(text(found, "fs-OST0000").encode())
    for place, cut, inserted in edits:
        at = int(place * len(content))
        content[at : at + cut] = inserted
    assert read(bytes(content)) == read(bytes(content), layouts=-1)


def read(content: bytes, layouts: int = texts.LAYOUTS) -> tuple[list[Any], list[str]]:
    """What a text says, and what is wrong with it; without layouts each entry is read by lines."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "LAYOUTS", layouts)
        found = list(texts.snapshots(io.BytesIO(content), f"x.{NOON}", "UTC", said.append))
    rows = [(one.target, one.jobs(), one.figures().tolist(), one.is_whole) for one in found]
    return rows, said


@pytest.mark.parametrize("job", ["7", "x" * texts.LONG_LABELS, 'a}"b{', "ü"])
def test_series_with_any_labels_are_read_each_time(job: str) -> None:
    escaped = job.replace('"', '\\"')
    line = f'lustre_job_read_bytes_total{{target="fs-OST0000",jobid="{escaped}"}}'
    content = "".join(f"BEGIN {NOON + n}\n{line} {n + 5}\n" for n in range(3))
    rows, said = read(content.encode())
    assert not said
    assert [(target, *jobs) for target, jobs, _, _ in rows] == [("fs-OST0000", job)] * 3
    assert [figures[0][PLACES["bytes_read"]] for _, _, figures, _ in rows] == [5, 6, 7]


def test_entries_of_one_layout_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the first."""
    taken: list[bytes] = []

    def noted(entry: bytes) -> tuple[dict[int, int], int]:
        taken.append(entry)
        return figures_of(entry)

    monkeypatch.setattr(texts, "figures_of", noted)
    entries = [ost(str(n), 1, n * MIB, 0, form=214, start=9) for n in range(50)]
    (rows, said) = read(text(entries, "fs-OST0000").encode())
    assert (len(rows[0][1]), said, len(taken)) == (50, [], 1)


@given(st.permutations(range(6)), st.integers(0, 6), st.integers(0, 2))
def test_copies_of_a_snapshot_are_one_in_any_order(order: list[int], cut: int, twice: int) -> None:
    copies = [Snapshot(1, "t"), Snapshot(1, "t")]
    for place, n in enumerate(order):
        copies[place < cut].add([str(n % 3)], (COUNTERS.start,), [[b"%d" % n]])
    for _ in range(twice):
        copies[0].merge(copies[1])
    copies[0].merge(copies[1])
    figures = copies[0].figures()[:, COUNTERS.start].tolist()
    assert {job: figures[row] for job, row in copies[0].jobs().items()} == {"0": 3, "1": 4, "2": 5}
