"""Errors of the system at every call of a nightly run that writes: the message names the file and
the error, the run has failed, what is archived is kept, and the next run is as if nothing had been.

The calls are those of the C library (tests/support/failing_calls.c), so that HDF5, SQLite and Arrow
are met as Python is. TOKIO_ERRORS says how many runs there are (default 2; "each" is one for each
call, with one error after the other, "101-200" of these calls alone, "all" one for each call and
error), TOKIO_SEED which. With it, a table is printed: error by call, how the runs came out.
"""

from __future__ import annotations

import datetime as dt
import errno
import itertools
import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_tools.checking.whole_archive import check_archive
from archive_tools.reading.archive import Archive
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support.failing_calls import Ended, FailingRuns, Failure
from tests.support.forked_runs import import_all
from tests.support.small_days import write_days, write_lmt

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
ERRORS = (
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ESTALE,
    errno.EMFILE,
    errno.EACCES,
)
GIVEN = os.environ.get("TOKIO_ERRORS", "2")
TEMPORARY = re.compile(r"^\.(.+?)\.[^.]*\.\d+\.[0-9a-f]{8}\.tmp$")
RAW = re.compile(r"(raw/\d{4}/\d{4}-\d\d-\d\d/)\.?([a-z]+\.)")
SOME = re.compile(r"(\d+)-(\d+)")


def failures(calls: int) -> Iterator[Failure]:
    """All calls in turn, with one error or with all, or some at random."""
    some = SOME.fullmatch(GIVEN)
    if some or GIVEN == "each":
        first, last = map(int, some.groups()) if some else (1, calls)
        errors = itertools.cycle(ERRORS)
        each = list(zip(range(1, calls + 1), errors, strict=False))
        yield from (Failure(error, call) for call, error in each[first - 1 : last])
        return
    if GIVEN == "all":
        yield from itertools.starmap(
            Failure, ((error, call) for call in range(1, calls + 1) for error in ERRORS)
        )
        return
    chance = random.Random(int(os.environ.get("TOKIO_SEED", "7")))
    for number in range(int(GIVEN)):
        many = chance.choice([1, 1, 10**9])
        yield Failure(ERRORS[number % len(ERRORS)], chance.randrange(1, calls + 1), many)


def is_needed(call: str, path: str) -> bool:
    """Whether a run needs a call for what it is for; if not, something that is not needed any more
    is still there, and the next run removes it. A folder is removed by renaming it first.
    """
    is_removal = call == "unlink" or (call == "rename" and TEMPORARY.match(Path(path).name))
    return not is_removal


def products(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (folder / f"archive/2025/{DATE}").glob("[!.]*")
        if path.is_file()
        and path.name not in ("report.html", "figures.json")  # they say what failed
    }


def receipts(folder: Path) -> set[str]:
    return {path.name for path in (folder / "archive/receipts/2025/03").glob("[!.]*")}


def says(ended: Ended, failure: Failure, folder: Path) -> bool:
    """Whether what was printed, or a receipt of a failure, names the error, and a file that failed,
    the one that it was to become, or the raw data that it is of.
    """
    noted = "".join(
        json.loads(path.read_text()).get("error", "")
        for path in folder.rglob("archive/receipts/*/*/*failed*.json")
    )
    text = ended.output + noted
    names = {Path(path).name for _, path in ended.failed}
    names |= {found[1] for name in names if (found := TEMPORARY.match(name))}
    names |= {Path(path).parent.name for _, path in ended.failed}
    names |= {found[1] + found[2] for _, path in ended.failed if (found := RAW.search(path))}
    errors = [failure.error]
    if any(".sqlite" in path for _, path in ended.failed):
        errors.append(errno.EIO)  # SQLite does not say which
    told = any(os.strerror(error) in text for error in errors)
    return told and any(name in text for name in names)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[FailingRuns]:
    import_all()
    with FailingRuns(tmp_path / "failing", tmp_path / "site/archive") as failing:
        yield failing


def test_an_error_of_the_system_is_told_and_costs_nothing_that_is_archived(
    tmp_path: Path, runs: FailingRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    archive, database = folder / "archive", folder / f"lmt/home_{DATE}.sqlite3"
    site = str(write_days(folder, [DATE], late_days=10**5, raw_days=10**5))
    command = ["nightly", "--site", site, "--date", str(DATE)]
    states = []
    for upto in (100, 145):
        write_lmt(database, DATE, upto=upto)
        if upto == 145:
            shutil.copytree(archive, tmp_path / "before")
        whole = runs.run(command)
        assert whole.code in (COMPLETE, PARTIAL)
        states.append((products(folder), receipts(folder)))
    (before, _), (after, noted) = states
    outcomes: Counter[tuple[str, str, str]] = Counter()
    clean = 0
    try:
        for failure in failures(whole.calls):
            shutil.rmtree(archive)
            shutil.copytree(tmp_path / "before", archive)
            ended = runs.run(command, failure)
            name = f"{errno.errorcode[failure.error]} {failure} {ended.failed[:3]}\n{ended.output}"
            for product, found in products(folder).items():
                old_or_new = [state.get(product) for state in (before, after)]
                assert found in old_or_new or product.startswith("darshan_"), f"{product}: {name}"
            assert set(products(folder)) == set(before), f"a product is lost: {name}"
            calls = {call for call, _ in ended.failed}
            if any(is_needed(*one) for one in ended.failed):
                assert ended.code == FAILED, name
                assert says(ended, failure, folder), name
            how = "failed" if ended.code == FAILED else f"exit code {ended.code}"
            for call in calls:
                outcomes[errno.errorcode[failure.error], call, how] += 1
            assert "Traceback" not in ended.output, name
            assert main(command) == COMPLETE, name
            assert products(folder) == after, name
            assert receipts(folder) == noted, name
            assert not list(archive.rglob("*.tmp")), name
            assert not list(check_archive(Archive(archive), DATE, DATE, deep=True)), name
            clean += 1
    finally:
        if "TOKIO_ERRORS" in os.environ:
            with capsys.disabled():
                print(f"\n{whole.calls} calls that write; after {clean} runs the next was clean")
                for (error, call, how), count in sorted(outcomes.items()):
                    print(f"{error:8} {call:8} {how:12} {count}")
    assert outcomes, "calls failed"
