"""The command `find_darshanlogs`: paths of Darshan logs, a line each."""

from __future__ import annotations

import argparse
import datetime as dt
import glob
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.cli.commands.find_logs import print_paths
from archive_tools.cli.pytokio.running import EXIT_CODES, run_parsed
from archive_tools.core.child_environment import without_secrets
from archive_tools.core.extras import check_extra
from archive_tools.jobs import logs

# find_darshanlogs


def find_darshanlogs(arguments: Sequence[str] | None = None) -> int:
    """Run `find_darshanlogs`: paths of Darshan logs, a line each; returns the exit code."""
    parser = argparse.ArgumentParser(
        "find_darshanlogs", description="Paths of Darshan logs, a line each.", epilog=EXIT_CODES
    )
    parser.add_argument(
        "-s", "--start", type=_date, metavar="YYYY-MM-DD", help="first day (default: that of --end)"
    )
    parser.add_argument(
        "-e", "--end", type=_date, metavar="YYYY-MM-DD", help="last day (default: that of --start)"
    )
    parser.add_argument("-u", "--username", default="", help="owner of the log")
    parser.add_argument(
        "-j",
        "--jobid",
        default="",
        help="job id; without days, those on which the archive's indexes have the job",
    )
    parser.add_argument(
        "--logdir", help="folder above those of the days, YYYY/M/D (default: what site.json says)"
    )
    parser.add_argument("--host", default="", help="the source in site.json, where it has several")
    parser.add_argument(
        "-l",
        "--load",
        type=_what,
        metavar="base[,total][,perf]",
        help="print the logs as cache_darshanlogs.py does, as one JSON object by path",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="no effect")
    return run_parsed(parser, arguments, _run)


def _run(options: argparse.Namespace) -> int:
    found = _found(options)
    return _load(options.load, list(found)) if options.load else print_paths(found)


def _what(text: str) -> str:
    names = [name.strip().lower() for name in text.split(",")]
    if not set(names) <= {"base", "total", "perf"}:
        raise argparse.ArgumentTypeError(f"{text!r}; expected: base, total, perf, with commas")
    return ",".join(names)


READER = "import sys; from pipeline.cli.darshan_logs import load; sys.exit(load())"
"""The program that reads logs: run, never imported here."""


def _load(what: str, found: Sequence[Path]) -> int:
    check_extra("darshan", "reading Darshan logs")
    if not found:
        printing.note("no log matches")
        return exit_codes.NOT_THERE
    sys.stdout.flush()
    names = b"".join(os.fsencode(path) + b"\0" for path in found)
    command = [sys.executable, "-P", "-c", READER, what]
    return subprocess.run(
        command, input=names, check=False, env=without_secrets(os.environ)
    ).returncode


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; expected: 2026-11-22") from None


def _found(options: argparse.Namespace) -> Iterator[Path]:
    start, end = options.start or options.end, options.end or options.start
    if start is None and (not options.jobid or options.logdir):
        raise exit_codes.WrongCommand(
            "--start or --end is missing", hint="only --jobid, with an archive, does without"
        )
    if start and end < start:
        raise exit_codes.WrongCommand("--end is before --start", got=f"{start} to {end}")
    if options.logdir:
        template = f"{glob.escape(options.logdir).replace('%', '%%')}/%Y/%-m/%-d"
        for n in range((end - start).days + 1):
            yield from logs.logs_in(
                [template],
                start + dt.timedelta(days=n),
                {},
                user=options.username,
                job=options.jobid,
            )
        return
    site = common_options.site_file()
    chosen = {"user": options.username, "job": options.jobid, "instance": options.host}
    for first, last in (
        [(start, end)]
        if start
        else [(date, date) for date in logs.days_of_job(site.root, options.jobid)]
    ):
        yield from logs.find_logs(site, first, last, **chosen)
