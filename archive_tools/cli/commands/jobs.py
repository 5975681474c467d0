"""`tokio-archive jobs`: which jobs ran, and what they moved."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import sys
from collections.abc import Sequence
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.core import quantities
from archive_tools.jobs import job_history, job_tables, job_words, top, users, whole_jobs
from archive_tools.jobs.union import KNOWN_BY
from archive_tools.public import Archive

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
ACCOUNTS = ["servers read", "servers written", "nodes", "node-hours", "account", "state"]
"""Columns that follow where a scheduler or job_stats have an account of the jobs."""
SHOWN = (
    "exenames",
    "nprocs",
    "fs_oss_cpu_mean",
    "other_jobs",
    "partial_modules",
    "coverage_read",
    "coverage_written",
    "server_bytes_read",
    "server_bytes_written",
    "server_job",
    "jobid_shown",
    "nodes",
    "node_seconds",
    "account",
    "state",
    "known_by",
)
"""Columns of the table of jobs that are read for the text, beside those that all need."""
PARTIAL = "partial: Darshan ran out of memory in these modules; figures may be too low"


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    given = common_options.given_range(options)
    wanted = job_tables.JobFilter(
        options.user,
        options.exe,
        options.fs,
        options.job,
        options.min_bytes,
        common_options.seconds_between(*given, archive.timezone),
        options.account,
        options.partition,
    )
    dates = common_options.dates_between(*given, archive.timezone)
    if options.by:
        there, shown = _show_totals(archive, dates, wanted, options)
    elif options.limit:
        there, shown = _show_some(archive, dates, wanted, options)
    else:
        there = shown = _show_all(archive, dates, wanted, options)
    if not there:
        printing.note("no job matches")
    elif there > shown:
        printing.note(f"{shown} of {there:,}; --limit 0 shows all")
    return exit_codes.DONE if there else exit_codes.NOT_THERE


def _show_totals(
    archive: Archive,
    dates: tuple[dt.date, dt.date],
    wanted: job_tables.JobFilter,
    options: argparse.Namespace,
) -> tuple[int, int]:
    """Show jobs by account, partition or user; how many lines there are, and how many are shown."""
    found = top.top(archive.root, *dates, options.by, order="node-hours", wanted=wanted)
    if found.damaged:
        raise found.damaged[0]
    totals = found.totals[: options.limit or None]
    shown = len(found.totals), len(totals)
    if options.json:
        printing.show_json([_total(one) for one in totals])
        return shown
    header = [options.by, "jobs", "node-hours", "read", "written", "servers read"]
    rows = [
        [
            one.name or "–",
            f"{one.jobs:,}",
            quantities.node_hours(one.node_seconds),
            *(
                quantities.quantity(amount, "bytes")
                for amount in (
                    *(one.read, one.written),
                    *(one.server_bytes_read, one.server_bytes_written),
                )
            ),
        ]
        for one in totals
    ]
    if rows:
        printing.show([*header, "servers written"], rows)
    return shown


def _total(one: top.Total) -> dict[str, Any]:
    return {
        "name": one.name or None,
        "uid": one.uid,
        "jobs": one.jobs,
        "node_seconds": one.node_seconds,
        "bytes_read": one.read,
        "bytes_written": one.written,
        "server_bytes_read": one.server_bytes_read,
        "server_bytes_written": one.server_bytes_written,
    }


def _show_some(
    archive: Archive,
    dates: tuple[dt.date, dt.date],
    wanted: job_tables.JobFilter,
    options: argparse.Namespace,
) -> tuple[int, int]:
    """Show the first rows; how many there are, and how many are shown."""
    rows_of = job_tables if options.by_day else whole_jobs
    found, there = rows_of.find_and_count(
        archive.root, *dates, wanted, order=options.order, limit=options.limit
    )
    rows = found.to_pylist()
    if options.json:
        printing.show_json(rows)
        return there, len(rows)
    named = users.shown_users((row["uid"], row["username"]) for row in rows)
    is_partial = any(row.get("partial_modules") for row in rows)
    has_accounts = KNOWN_BY in found.column_names
    header = _header(has_accounts, is_partial=is_partial)
    lines = [
        _line(row, archive.timezone, named, has_accounts=has_accounts)[: len(header)]
        for row in rows
    ]
    printing.show(header, lines, left=_left(header))
    _explain(is_partial, any(job_history.is_beyond(row.get("coverage")) for row in rows))
    return there, len(rows)


def _header(has_accounts: bool, *, is_partial: bool) -> list[str]:
    return [*HEADER, *(ACCOUNTS if has_accounts else ()), *(["partial"] if is_partial else ())]


def _left(header: Sequence[str]) -> list[int]:
    return [*LEFT, *(n for n, name in enumerate(header) if name in ("account", "state"))]


def _show_all(
    archive: Archive,
    dates: tuple[dt.date, dt.date],
    wanted: job_tables.JobFilter,
    options: argparse.Namespace,
) -> int:
    """Show all rows, however many, without holding them; the number of rows."""
    columns = None if options.json else SHOWN
    rows_of = job_tables if options.by_day else whole_jobs
    pieces = rows_of.all_jobs(archive.root, *dates, wanted, order=options.order, columns=columns)
    rows = (row for piece in pieces for row in piece.to_pylist())
    if options.json:
        return printing.show_json_of_many(rows)
    of_any_size = dataclasses.replace(wanted, least_bytes=0)  # days of a job may be below it
    named = users.shown_users(job_tables.users_of(archive.root, *dates, of_any_size))
    is_partial = is_beyond = has_accounts = False
    with tables.LongTable() as table:
        for row in rows:
            is_partial = is_partial or bool(row.get("partial_modules"))
            is_beyond = is_beyond or job_history.is_beyond(row.get("coverage"))
            has_accounts = KNOWN_BY in row  # of all rows, or of none
            table.add(_line(row, archive.timezone, named, has_accounts=has_accounts))
        if table.rows:
            header = _header(has_accounts, is_partial=is_partial)
            table.write(sys.stdout, header, left=_left(header))
    _explain(is_partial, is_beyond)
    return table.rows


def _explain(is_partial: bool, is_beyond: bool) -> None:
    """Say what words in the table mean, where they are there."""
    if is_beyond:
        printing.note(job_words.BEYOND)
    if is_partial:
        printing.note(PARTIAL)


def _line(
    row: dict[str, Any], timezone: str, named: dict[users.User, str], *, has_accounts: bool
) -> list[str]:
    """The cells of `HEADER`, of `ACCOUNTS` where they are shown, and of modules that are partial;
    a job without an id is called as Lustre calls it.
    """
    jobid = row.get("jobid_shown") or row["jobid"] or row.get("server_job")
    own = [
        jobid or "–",
        printing.local(row["start_time"], timezone),
        named[row["uid"], row["username"]] or "–",
        row["exenames"] or "–",
        "–" if row["nprocs"] is None else str(row["nprocs"]),
        row["fsname"] or "–",
        quantities.quantity(row["bytes_read"], "bytes"),
        quantities.quantity(row["bytes_written"], "bytes"),
        "–" if row["walltime"] is None else f"{row['walltime']:,}",
        job_words.coverage(row.get("coverage")),
        quantities.quantity(row.get("fs_oss_cpu_mean"), "%"),
        quantities.quantity(row.get("other_jobs"), "1"),
    ]
    accounts = [
        quantities.quantity(row.get("server_bytes_read"), "bytes"),
        quantities.quantity(row.get("server_bytes_written"), "bytes"),
        "–" if row.get("nodes") is None else f"{row['nodes']:,}",
        quantities.node_hours(row.get("node_seconds")),
        row.get("account") or "–",
        row.get("state") or "–",
    ]
    return [*own, *(accounts if has_accounts else ()), row.get("partial_modules") or "–"]
