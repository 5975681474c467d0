"""Pages of single jobs: of each index of a day, the jobs that moved most, and the slowest.

They are in the day's folder `jobs`, belong to the day's page, which leads to them, and are in its
receipt. Names of files come from job ids, which users' files have: only plain letters and digits of
these are used, and a hash tells jobs apart.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archive_tools.core import quantities
from archive_tools.core.choices import HISTORY_DAYS
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, TokioError
from archive_tools.formats import index_file
from archive_tools.jobs import job_history, job_lookup, job_words, verdicts
from archive_tools.jobs.job_lookup import JobDetails
from archive_tools.jobs.job_tables import Row
from archive_tools.jobs.verdicts import VerdictKind
from archive_tools.reading.archive import Archive
from archive_tools.reporting import charts, day_jobs, job_charts, rendering
from archive_tools.reporting.day_jobs import DayJob
from archive_tools.store import digest, files, layout
from archive_tools.store.about_file import read_about

MOST_ROWS = 30
"""Logs and other jobs that a page lists."""
UP = "../../../"
LOOKS = {
    VerdictKind.NO_SIGN: "complete",
    VerdictKind.SLOWER: "partial",
    VerdictKind.CONTENTION: "partial",
    VerdictKind.NOT_KNOWN: "",
}
"""Classes of the page's style."""


def name_of(instance: str, job: DayJob) -> str:
    """The name of a job's page, whatever its id is."""
    word = re.sub(r"[^A-Za-z0-9_-]", "", job.jobid, flags=re.ASCII)[:40] or "x"
    told_apart = json.dumps([instance, *job.key]).encode()
    return f"job-{word}-{hashlib.sha256(told_apart).hexdigest()[:12]}.html"


def write_job_pages(root: Path, date: dt.date, count: int) -> dict[str, dict[str, Any]]:
    """Write the pages of a day's jobs.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    date : datetime.date
    count : int
        Of each index, how many of the jobs that moved most have a page, and how many of the
        slowest.

    Returns
    -------
    dict of str to dict
        Names of pages, with ``bytes`` and ``sha256``.
    """
    folder = layout.path(root, layout.JOB_PAGES, date)
    known = _details(root, date, list(_chosen(root, date, count)))
    past = _histories(root, date, known)
    archive, found = Archive(root), {}
    for name, details in known.items():
        text = _page(archive, details, past.get(name, []))
        files.write_text(folder / name, text, over_folder=True)
        found[name] = digest.facts(folder / name)
    return found


def _histories(root: Path, date: dt.date, known: Mapping[str, JobDetails]) -> dict[str, list[Row]]:
    """The runs of each job that has logs, by the name of its page, on the file system where it
    moved most; none where a table of another day is damaged, which the verdict says.
    """
    rows = {
        name: job.on_file_system()
        for name, job in known.items()
        if job.file_systems and job.start_time is not None
    }
    rows = {name: row for name, row in rows.items() if "logs" in (row.get("known_by") or "logs")}
    days = min(HISTORY_DAYS, (date - dt.date.min).days)
    try:
        since = date - dt.timedelta(days=days)
        found = job_history.histories(root, list(rows.values()), since, date)
    except TokioError:
        return {}
    return dict(zip(rows, found, strict=True))


def _chosen(root: Path, date: dt.date, count: int) -> Iterator[tuple[str, DayJob]]:
    """The jobs that have a page, with the instance of their logs; none of an index that cannot be
    read, which the day's page says.
    """
    if not count:
        return
    folder = layout.path(root, layout.REPORT, date).parent
    end = layout.INDEX.rpartition("}")[2]
    for path in sorted(folder.glob(f"*{end}")):
        try:
            with index_file.connected(path) as connection:
                jobs = day_jobs.jobs_of(connection)
        except FormatError:
            continue
        for job in day_jobs.with_page(jobs, count):
            yield path.name.removesuffix(end), job


def _details(
    root: Path, date: dt.date, chosen: Sequence[tuple[str, DayJob]]
) -> dict[str, JobDetails]:
    """What is known of jobs, by the names of their pages; without those that the tables of the day
    do not have, and of none where these are damaged.
    """
    try:
        jobids = {job.jobid for _, job in chosen}
        found = job_lookup.jobs_of_day(root, date, jobids, MOST_ROWS) if jobids else []
    except FormatError:
        return {}
    details = {(one.instance, one.jobid, one.uid, one.username): one for one in reversed(found)}
    keys = {
        name_of(instance, job): (instance, job.jobid, job.key[1], job.key[2] or "")
        for instance, job in chosen
    }
    return {name: details[key] for name, key in keys.items() if key in details}


def _page(archive: Archive, job: JobDetails, runs: Sequence[Row]) -> str:
    """The page of a job, with its runs up to itself, as far as they are known."""
    root, date = archive.root, job.date
    day = archive.day(date)

    def when(stamp: int | None) -> str:
        try:
            return quantities.NONE if stamp is None else day.clock(stamp)
        except (ValueError, OverflowError, OSError):  # times that no calendar has
            return quantities.NONE

    said = verdicts.verdict_by(job, lambda _: runs) if runs else verdicts.verdict(root, job)
    tables = [job_words.file_systems(job), job_words.views(job), job_words.servers(job)]
    lists = [
        ("Who else was there", _titled(job_words.others(job, when, MOST_ROWS)), job.others_count),
        ("Logs", _titled(job_words.logs(job, MOST_ROWS)), len(job.logs)),
    ]
    facts = [
        job_words.times(job, when),
        job_words.account(job.account, when) if job.account else "",
        job_words.partial(job.partial_modules) if job.partial_modules else "",
        "" if job.file_systems else job_words.NO_IO,
        *job_words.beyond_servers(job),
        job_words.unseen(job) if job.file_systems else "",
    ]
    past = job_charts.history_rows(job_history.metrics(runs)) if len(runs) > 1 else []
    return rendering.render(
        "job.html",
        up=UP,
        links=[
            ("All days", f"{UP}{layout.INDEX_PAGE}"),
            (f"{date:%B %Y}", f"{UP}{layout.MONTH_PAGE.format(date=date)}"),
            (f"Day: {date}", f"{UP}{layout.REPORT.format(date=date)}"),
        ],
        site=str(read_about(root).get("site", "")),
        day=day,
        title=_capital(job_words.title(job)),
        jobid=job_words.shown_id(job),
        verdict=said.sentence,
        look=LOOKS[said.kind],
        facts=[_sentence(one) for one in facts if one],
        tables=[_titled(one) for one in tables if one.rows],
        charts=_pictures(archive, job, day),
        past=past,
        lists=lists,
        no_others=_sentence(job_words.NO_OTHERS),
    )


def _sentence(text: str) -> str:
    """A text that begins with a capital and ends with a stop."""
    return _capital(text) + ("" if text.endswith(".") else ".")


def _titled(table: job_words.Table) -> job_words.Table:
    return replace(table, header=[_capital(table.header[0]), *table.header[1:]])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pictures(archive: Archive, job: JobDetails, day: Day) -> list[charts.Chart]:
    """The job beside the servers of the file system where it moved most."""
    if not job.file_systems:
        return []
    try:
        return job_charts.charts_beside_servers(archive, job, job.on_file_system(), day)
    except TokioError:  # a damaged file, which the day's page says
        return []
    except (ValueError, OverflowError, OSError):  # times that no calendar has
        return []
