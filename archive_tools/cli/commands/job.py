"""`tokio-archive job`: how a job did, and whether it was the file system."""

from __future__ import annotations

import argparse
import dataclasses

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.jobs import job_lookup, job_words, verdicts
from archive_tools.public import Archive, Job


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.plot:
        printing.target(options.plot, printing.PICTURES)
    archive = common_options.open_archive(options.archive)
    there = found(archive, options)
    if options.plot:
        _plot(archive, there[0], options)
    elif options.json:
        printing.show_json(
            [
                dataclasses.asdict(job)
                | {"verdict": dataclasses.asdict(_verdict(archive, job, options))}
                for job in there
            ]
        )
    else:
        for job in there:
            _show(job, archive.timezone, options.limit or None)
            printing.say()
            printing.say(_verdict(archive, job, options).sentence)
    return exit_codes.DONE


def _verdict(
    archive: Archive, job: job_lookup.JobDetails, options: argparse.Namespace
) -> verdicts.Verdict:
    is_there = any(row["fsname"] == options.fs for row in job.file_systems)
    return verdicts.verdict(archive.root, job, options.fs if is_there else "")


def found(archive: Archive, options: argparse.Namespace) -> list[job_lookup.JobDetails]:
    """The jobs that are meant, newest first."""
    given = common_options.given_range(options)
    dates = common_options.dates_between(*given, archive.timezone)
    return job_lookup.find_job(
        archive.root,
        options.job,
        *dates,
        between=common_options.seconds_between(*given, archive.timezone),
        account=options.account,
        partition=options.partition,
    )


def _plot(archive: Archive, job: job_lookup.JobDetails, options: argparse.Namespace) -> None:
    from archive_tools import plotting

    figure = Job(archive, job).plot(options.fs)
    with printing.writing(options.plot):
        plotting.save(figure, options.plot)


def _show(job: job_lookup.JobDetails, timezone: str, limit: int | None) -> None:
    """The job for people."""

    def when(stamp: int | None) -> str:
        return printing.local(stamp, timezone)

    printing.say(job_words.title(job))
    printing.say(f"{job_words.times(job, when)}, {job.date}")
    if job.account:
        printing.say(job_words.account(job.account, when))
    if job.partial_modules:
        printing.say(job_words.partial(job.partial_modules))
    printing.say()
    if job.file_systems:
        _table(job_words.file_systems(job))
        _table(job_words.views(job))
        _table(job_words.servers(job), with_end=False)
        for sentence in filter(None, [*job_words.beyond_servers(job), job_words.unseen(job)]):
            printing.say(sentence)
        printing.say()
    else:
        printing.say(job_words.NO_IO)
    logs = job_words.logs(job, limit)
    _table(logs, with_end=False)
    if logs.rows:
        _more(len(job.logs), len(logs.rows), "logs")
    if job.file_systems or job.account:
        others = job_words.others(job, when, limit)
        _table(others, with_end=False)
        if others.rows:
            _more(len(job.others), len(others.rows), "other jobs and file systems")
        else:
            printing.say(job_words.NO_OTHERS)


def _table(table: job_words.Table, *, with_end: bool = True) -> None:
    """A table, unless it has no rows; then an empty line."""
    if table.rows:
        printing.show(table.header, table.rows, left=range(table.texts))
        if with_end:
            printing.say()


def _more(there: int, shown: int, what: str) -> None:
    if there > shown:
        printing.say(f"{shown} of {there} {what}; --limit 0 shows all")
    printing.say()
