"""Hostile logs cost themselves and nothing else."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from archive_tools.core.errors import MissingPackage, SourceError
from pipeline.processes.suspects import TO_DO
from pipeline.sources import darshan
from pipeline.sources.darshan.log_batches import Listed
from tests.support.darshan_day import reduced
from tests.support.deaths import Deaths, deaths, table
from tests.support.isolated_readers import DAY, Hostile, names_of, run
from tests.support.mutants import write_mutants
from tests.support.paths import ROOT, SITEDAY_LOGS
from tests.support.processes import readers
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

MOUNTS = {"^/scratch": "scratch", "^/project": "project"}


def options(*logs: Path, **keys: Any) -> darshan.Options:
    return darshan.Options(
        kind="darshan", logs=[str(log) for log in logs], mount_to_fsname=MOUNTS, **keys
    )


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers run nothing of the current folder; the classes of this module are given to them."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("abort", f"libdarshan-util aborts: {TO_DO}"),
        ("segv", f"libdarshan-util crashes (SIGSEGV): {TO_DO}"),
        ("hang", "time limit (2 s)"),
        ("memory", "memory limit"),
        ("error", "cannot be read: ValueError: what it says"),
        ("exit", "the reader ended (exit code 3)"),
    ],
)
@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_bad_log_costs_itself(what: str, reason: str, place: int) -> None:
    names = [f"good{n}" for n in range(10)]
    names[place] = what
    read, rejected = run(names, 2.0 if what == "hang" else PATIENCE)
    assert read == [name for name in names if name != what]
    assert rejected == {what: reason}


def test_a_reader_is_given_no_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile bytes may take it over."""
    for name in ("LMT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "TOKEN", "https_proxy"):
        monkeypatch.setenv(name, "x")
    reason = run(["environment"])[1]["environment"]
    assert reason.startswith("cannot be read: ValueError: ")
    given = set(reason.removeprefix("cannot be read: ValueError: ").split(","))
    assert given >= {"PYTHONPATH", "PATH"}
    assert not given & {"LMT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "TOKEN", "https_proxy"}


@pytest.mark.parametrize("what", ["abort", "segv", "hang", "exit"])
@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_log_that_is_bad_in_parts_is_read_without_them(what: str, place: int) -> None:
    names = [f"good{n}" for n in range(10)]
    names[place] = f"aux-{what}"
    assert run(names, 2.0 if what == "hang" else PATIENCE) == (names, {})


@pytest.mark.parametrize("what", ["poison", "poison-refused"])
def test_a_log_that_damages_the_memory_costs_no_other(what: str) -> None:
    """Also where there are several, beside each other and among logs that are bad in earnest."""
    names = [f"good{n}" for n in range(12)]
    for place in (0, 3, 4, 11):
        names[place] = f"{what}{place}"
    names[5] = "abort"
    read, rejected = run(names)
    assert read == [name for name in names if name != "abort"]
    assert list(rejected) == ["abort"]


@pytest.mark.parametrize("what", ["not-first", "complained"])
@pytest.mark.parametrize("place", [0, 5, 11])
def test_a_log_is_rejected_only_as_a_fresh_process_says(what: str, place: int) -> None:
    """What a process refuses that has read others, or in which the library complained."""
    names = [f"good{n}" for n in range(12)]
    names[place] = what
    assert run(names) == (names, {})


def lacking(batch: Any) -> Any:
    """A reduction on a machine that lacks what it needs."""
    raise MissingPackage.of("reading Darshan logs", "darshan")


def test_a_missing_package_is_not_a_bad_log() -> None:
    with pytest.raises(MissingPackage, match=r"reading Darshan logs.*to do: pip install"):
        run(["good0", "good1"], reduce=lacking)


def test_many_bad_logs_beside_each_other() -> None:
    names = [f"{'abort' if n % 3 == 0 else 'segv' if n % 3 == 1 else 'good'}{n}" for n in range(60)]
    read, rejected = run(names)
    assert read == [name for name in names if name.startswith("good")]
    assert len(rejected) == 40


def fussy(batch: Any) -> tuple[list[str], dict[str, str]]:
    """A reduction that fails, or dies, of one log."""
    if "bad7" in batch.logs["filename"]:
        raise ValueError("no sense")
    if "worse8" in batch.logs["filename"]:
        os.abort()
    return names_of(batch)


def test_a_log_that_cannot_be_reduced_costs_itself() -> None:
    names = [f"good{n}" for n in range(40)]
    names[7], names[8] = "bad7", "worse8"
    read, rejected = run(names, reduce=fussy)
    assert read == [name for name in names if name.startswith("good")]
    assert rejected == {
        "bad7": "cannot be reduced: ValueError: no sense",
        "worse8": f"libdarshan-util aborts: {TO_DO}",
    }


def test_a_hard_limit_of_the_account() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30)); import"
        " tests.support.isolated_readers as t; print(t.run(['good', 'abort']))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert shown.stdout.strip() == f"(['good'], {{'abort': 'libdarshan-util aborts: {TO_DO}'}})"


def test_nothing_of_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    run(["good"])
    assert not (tmp_path / "run").exists()


MUTANTS, SEED = int(os.environ.get("TOKIO_MUTANTS", "400")), int(os.environ.get("TOKIO_SEED", "7"))


def test_hostile_logs_of_all_kinds(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mutants among good logs: the good ones are indexed with the right sums, every mutant is
    somewhere. A table says which kinds the library died of; a campaign shows it.
    """
    good = sorted(SITEDAY_LOGS.iterdir())[:100]
    originals = [*good, *sorted((real / "darshan").rglob("*.darshan"))]
    mutants = write_mutants(tmp_path / "logs", originals, MUTANTS, seed=SEED)
    alone = reduced(options(*good), tmp_path / "alone", DAY)
    for log in good:
        shutil.copy(log, tmp_path / "logs")
    day = reduced(options(tmp_path / "logs", log_seconds=20.0), tmp_path / "raw", DAY)
    logs, rejects = day.logs["filename"].tolist(), day.rejects["filename"].tolist()
    assert sorted(logs + rejects) == sorted([*mutants, *(log.name for log in good)])
    assert {log.name for log in good} <= set(logs)
    numbers = {name: number for number, name in enumerate(logs)}
    expected = {
        name: alone.summaries["bytes_read"][alone.summaries["log_id"] == n].sum()
        for n, name in enumerate(alone.logs["filename"])
    }
    for name, read in expected.items():
        assert day.summaries["bytes_read"][day.summaries["log_id"] == numbers[name]].sum() == read
    assert all(day.rejects["reason"])
    assert not readers(), "no process is left behind"
    found = deaths_of(options(tmp_path / "logs"), tmp_path / "again")
    assert set(found.of) <= set(mutants), "a good log is harmless"
    shown = table(mutants, found, set(rejects))
    with capsys.disabled() if "TOKIO_MUTANTS" in os.environ else contextlib.nullcontext():
        sys.stdout.write(f"\n{MUTANTS} mutants, TOKIO_SEED={SEED}\n{shown}\n")


def deaths_of(found: darshan.Options, folder: Path) -> Deaths:
    """What the library dies of among the logs of a folder."""
    folder.mkdir()
    darshan.SOURCE.fetch(found, DAY, folder)
    total = Deaths()
    for job in darshan.SOURCE.jobs(found, DAY, folder, names_of):
        part = deaths(job.files, job.new_batch, job.limits.memory)
        total.of |= part.of
        total.later += part.later
    return total


def test_which_logs_the_library_dies_of() -> None:
    """A log costs itself; where one spoils the memory of the process, none is blamed for it."""
    names = ["good0", "poison1", "good2", "abort3", "segv4", "memory5", "good6"]
    log = sorted(SITEDAY_LOGS.iterdir())[0]
    file = Listed(os.fsencode(log.parent), os.fsencode(log.name), 0, 0, True)
    make = functools.partial(Hostile, DAY.start, DAY.end)
    found = deaths([(file, name) for name in names], make, 2**31)
    assert found.of == {"abort3": "SIGABRT", "segv4": "SIGSEGV", "memory5": "memory"}
    assert found.later == {"SIGABRT": 1}
    kinds = {"abort3": "x", "segv4": "x", "good6": "y"}
    lines = [line.split() for line in table(kinds, found, {"abort3"}).splitlines()]
    assert lines[:4] == [
        ["kind", "mutants", "SIGABRT", "SIGSEGV", "memory", "rejected"],
        ["x", "2", "1", "1", "0", "1"],
        ["y", "1", "0", "0", "0", "0"],
        ["all", "3", "1", "1", "0", "1"],
    ]


def test_a_reader_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SourceError, match="died"):
        run(["good"])


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    """Kill -9 on the caller while a log hangs: neither the reader nor its child stays."""
    program = "import tests.support.isolated_readers as t; t.run(['hang'], 3600.0)"
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    until(lambda: len(family(caller.pid)) == 2, "a reader and its child at the log")
    assert len(readers()) == 2, "they are known by their command"
    left = family(caller.pid)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert not alive


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)
