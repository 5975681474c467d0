"""`tokio-archive jobs`: which jobs ran, and what they moved."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.core import quantities
from archive_tools.jobs import job_tables, users
from archive_tools.public import Archive

HELP = "which jobs ran, and what they moved"
ABOUT = """Jobs of a range of days, a line for each job and file system: what it moved, the coverage
factor (its bytes by those that the servers moved at that time, in the direction in which it moved
more), the servers' CPU load, and how many other jobs were there. A job is of the day in whose
folder its logs are. With a time, jobs that ran in the range, of those days and the day before. Exit
code 1 if there are none."""
EXAMPLES = (
    "2026-11-22",
    "2026-11-01 2026-11-22 --user user01 --fs scratch --order written --limit 20",
    "2026-11-22 --exe 'ior*' --min-bytes 1000000000 --json",
)


HEADER = [
    "job",
    "start",
    "user",
    "program",
    "procs",
    "file system",
    "read",
    "written",
    "seconds",
    "coverage",
    "OSS CPU",
    "others",
]
LEFT = (0, 1, 2, 3, 5)
"""Columns that are aligned left."""
SHOWN = (
    "exenames",
    "nprocs",
    "fs_oss_cpu_mean",
    "other_jobs",
    "partial_modules",
    "coverage_read",
    "coverage_written",
)
"""Columns of the table of jobs that are read for the text, beside those that all need."""
PARTIAL = "partial: Darshan ran out of memory in these modules; figures may be too low"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_range(parser, is_open=True)
    common_options.add_archive(parser)
    parser.add_argument(
        "--user",
        default="",
        metavar="PATTERN",
        help="of these users; '*' and '?' stand for any characters",
    )
    parser.add_argument("--exe", default="", metavar="PATTERN", help="with such a program")
    parser.add_argument("--fs", default="", metavar="PATTERN", help="on these file systems")
    parser.add_argument("--job", default="", metavar="ID", help="job id")
    parser.add_argument(
        "--min-bytes",
        type=common_options.count,
        default=0,
        metavar="N",
        help="that moved at least so much",
    )
    parser.add_argument(
        "--order",
        choices=job_tables.ORDERS,
        default="bytes",
        help="largest first (default: bytes, read and written)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=20,
        metavar="N",
        help="lines at most; 0 is all (default: 20)",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON, with every column, base units"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    given = common_options.given_range(options)
    between = common_options.seconds_between(*given, archive.timezone)
    wanted = job_tables.JobFilter(
        options.user, options.exe, options.fs, options.job, options.min_bytes, between
    )
    dates = common_options.dates_between(*given, archive.timezone)
    if not options.limit:
        there = _show_all(archive, dates, wanted, options)
        if not there:
            printing.note("no job matches")
        return exit_codes.DONE if there else exit_codes.NOT_THERE
    found, there = job_tables.find_and_count(
        archive.root, *dates, wanted, order=options.order, limit=options.limit
    )
    rows = found.to_pylist()
    if options.json:
        printing.show_json(rows)
    else:
        header = HEADER
        named = users.shown_users((row["uid"], row["username"]) for row in rows)
        lines = [_line(row, archive.timezone, named) for row in rows]
        if any(row.get("partial_modules") for row in rows):
            header = [*header, "partial"]
            for line, row in zip(lines, rows, strict=True):
                line.append(row.get("partial_modules") or "–")
        printing.show(header, lines, left=LEFT)
        if len(header) > len(HEADER):
            printing.note(PARTIAL)
    if not there:
        printing.note("no job matches")
    elif there > len(rows):
        printing.note(f"{len(rows)} of {there:,}; --limit 0 shows all")
    return exit_codes.DONE if there else exit_codes.NOT_THERE


def _show_all(
    archive: Archive,
    dates: tuple[dt.date, dt.date],
    wanted: job_tables.JobFilter,
    options: argparse.Namespace,
) -> int:
    """Show all rows, however many, without holding them; the number of rows."""
    columns = None if options.json else SHOWN
    pieces = job_tables.all_jobs(archive.root, *dates, wanted, order=options.order, columns=columns)
    rows = (row for piece in pieces for row in piece.to_pylist())
    if options.json:
        return printing.show_json_of_many(rows)
    named = users.shown_users(job_tables.users_of(archive.root, *dates, wanted))
    is_partial = False
    with tables.LongTable() as table:
        for row in rows:
            is_partial = is_partial or bool(row.get("partial_modules"))
            table.add([*_line(row, archive.timezone, named), row.get("partial_modules") or "–"])
        if table.rows:
            header = [*HEADER, "partial"] if is_partial else HEADER
            table.write(sys.stdout, header, left=LEFT)
    if is_partial:
        printing.note(PARTIAL)
    return table.rows


def _line(row: dict[str, Any], timezone: str, named: dict[users.User, str]) -> list[str]:
    return [
        row["jobid"],
        printing.local(row["start_time"], timezone),
        named[row["uid"], row["username"]] or "–",
        row["exenames"] or "–",
        "–" if row["nprocs"] is None else str(row["nprocs"]),
        row["fsname"] or "–",
        quantities.quantity(row["bytes_read"], "bytes"),
        quantities.quantity(row["bytes_written"], "bytes"),
        "–" if row["walltime"] is None else f"{row['walltime']:,}",
        quantities.fixed(row.get("coverage")),
        quantities.quantity(row.get("fs_oss_cpu_mean"), "%"),
        quantities.quantity(row.get("other_jobs"), "1"),
    ]
