"""A live query of sacct: a day's jobs with their steps, or what shows whether any changed.

The delimiter is drawn for each query, so that no name of a job can look like the end of a cell.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError, Unreachable
from archive_tools.core.printable import clean
from pipeline.sources._shared import source_files
from pipeline.sources.slurm import lines
from pipeline.sources.slurm.options import Options

FIELDS = (
    "JobIDRaw,JobID,Cluster,Account,User,UID,Partition,QOS,State,ExitCode,Submit,Eligible,Start,"
    "End,ElapsedRaw,Suspended,TimelimitRaw,NNodes,NodeList,AllocCPUS,MaxRSS,TRESUsageInTot,"
    "TRESUsageOutTot,JobName"
)
"""Columns of a query; the only one that is free text is the last."""
STATE_FIELDS = "JobIDRaw,Cluster,Submit,Start,End,State,ExitCode"
KEPT = ("PATH", "HOME", "SLURM_CONF", "SSH_AUTH_SOCK")
"""Variables of the environment that the command has."""
LOOK = 0.1
MOST_SAID = 1000
"""Bytes of what a command writes to its standard error that are shown."""


def query(options: Options, day: Day, fields: str, *more: str) -> list[str]:
    """The words of a command that gives a day's jobs: all users', also those of one id."""
    zone = ZoneInfo(options.timezone)
    first, last = (
        dt.datetime.fromtimestamp(second, zone).strftime("%Y-%m-%dT%H:%M:%S")
        for second in (day.start, day.end)
    )
    between = f"|{secrets.randbelow(10**12):012d}|"
    cluster = [f"--clusters={options.cluster}"] if options.cluster else []
    return [
        *options.command,
        "--parsable2",
        "--noconvert",
        "--allusers",
        "--duplicates",
        f"--starttime={first}",
        f"--endtime={last}",
        f"--delimiter={between}",
        f"--format={fields}",
        *cluster,
        *more,
    ]


def environment(options: Options) -> dict[str, str]:
    """What the command finds in its environment: times in epoch seconds, where its version knows
    that, else in the source's zone.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": options.timezone, "SLURM_TIME_FORMAT": "%s"}


def run(words: Sequence[str], options: Options, seconds: float, target: Path) -> None:
    """Run a command; its answer goes into the file `target`.

    Raises
    ------
    SourceError
        It cannot be run, fails, takes too long, answers with more than is allowed, or with nothing.
    """
    called = clean(" ".join(options.command))
    with target.open("wb") as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(options),
                start_new_session=True,
            )
        except OSError as error:
            raise SourceError(
                f"{called} cannot be run: {error.strerror or error}",
                hint="check command of the source, and that Slurm's clients are installed here",
            ) from None
        try:
            _wait(process, called, options, seconds, target)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        errors.seek(0)
        said = clean(errors.read(MOST_SAID).decode("utf-8", "replace").strip())
    if process.returncode or not target.stat().st_size:
        ended = f"ended with code {process.returncode}" if process.returncode else "gave no table"
        raise SourceError(
            f"{called} {ended}" + (f": {said}" if said else ""),
            hint="run it by hand as the account of the pipeline; does slurmdbd answer?",
        )


def _wait(
    process: subprocess.Popen[bytes], called: str, options: Options, seconds: float, target: Path
) -> None:
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return
        if target.stat().st_size > options.limit:
            raise SourceError(
                f"{called} answers with more than {options.max_expanded_mb} MiB",
                hint="raise max_expanded_mb of the source if that is right",
            )
        if time.monotonic() > until:
            raise Unreachable(
                f"{called} took longer than {seconds:g} s",
                hint="look at slurmdbd; raise fetch_seconds or ask_seconds of the source",
            )


def states(path: Path) -> dict[str, int | str]:
    """What shows whether the records of jobs in an answer changed: how many there are, and a digest
    of their states. The steps, and how long what runs has run, are not looked at.

    Raises
    ------
    SourceError
        It is not an answer of sacct.
    """
    wrong: list[str] = []
    with path.open("rb") as stream:
        rows = lines.rows(stream, wrong.append)
        if rows is None:
            raise SourceError(f"the answer of sacct {wrong[0]}")
        names = [name.lower() for name in STATE_FIELDS.split(",")]
        found = sorted(
            "|".join(row.get(name, "") for name in names)
            for row in rows
            if "." not in row.get("jobidraw", "")
        )
    digest = hashlib.sha256("\n".join(found).encode("utf-8", "replace")).hexdigest()
    return {"jobs": len(found), "states": digest}


def identities(path: Path) -> frozenset[str]:
    """Which jobs, submits and steps a kept answer has."""
    names = ("cluster", "jobidraw", "submit")
    return frozenset(
        "|".join(row.get(name, "") for name in names)
        for member in source_files.members(path, path.name, sys.maxsize, source_files.ignored)
        for row in lines.rows(member.stream, lambda _: None) or ()
    )


def fetch(options: Options, day: Day, target: Path) -> dict[str, int | str]:
    """Write a day's jobs and steps into a compressed file; what `states` says of them."""
    with tempfile.TemporaryDirectory(prefix="tokio-sacct-") as folder:
        answer = Path(folder) / "answer"
        run(query(options, day, FIELDS), options, options.fetch_seconds, answer)
        with answer.open("rb") as plain, gzip.open(target, "wb", 1) as packed:
            shutil.copyfileobj(plain, packed)
        return states(answer)


def current_states(options: Options, day: Day) -> dict[str, int | str]:
    """What `states` says of the day's jobs now."""
    with tempfile.TemporaryDirectory(prefix="tokio-sacct-") as folder:
        answer = Path(folder) / "answer"
        words = query(options, day, STATE_FIELDS, "--allocations")
        run(words, options, options.ask_seconds, answer)
        return states(answer)
