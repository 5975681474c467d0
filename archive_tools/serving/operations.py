"""What can be requested: a row for each operation, from which addresses, checks and the OpenAPI
document follow.

An operation opens the archive anew: a run that replaces files meanwhile gives old or new ones.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.core import software
from archive_tools.core.errors import BadArgument, FormatError, TokioError
from archive_tools.core.time_texts import local_date
from archive_tools.core.times import seconds_between
from archive_tools.formats.series_file import damage_named
from archive_tools.jobs import job_tables
from archive_tools.public import Archive
from archive_tools.reading import ranges
from archive_tools.reading.days import DayRows, union
from archive_tools.reading.requests import ReadRequest
from archive_tools.reporting import kept_alerts, textfile
from archive_tools.serving import encoding, queries
from archive_tools.serving.answers import (
    Answer,
    Sink,
    etag_of,
    file_facts,
    json_answer,
    relative,
)
from archive_tools.serving.limits import Deadline, Limits
from archive_tools.store import layout, status

DAMAGED = "Tokio-Damaged-Days"
"""Header of days that are left out because they cannot be read."""
STATUS_DAYS = 14
RUN = ("command", "ended", "seconds", "exit_code")
"""What is shown of a last run."""


@dataclass(frozen=True)
class Request:
    """What an operation works with.

    Attributes
    ----------
    archive : Archive
    query : Query
        Of the operation's class.
    limits : Limits
    deadline : Deadline
    """

    archive: Archive
    query: Any
    limits: Limits
    deadline: Deadline


@dataclass(frozen=True)
class Operation:
    """One thing that can be requested.

    Attributes
    ----------
    path : str
        Below `PREFIX`.
    about : str
        A sentence for the OpenAPI document.
    query : type
        Its parameters.
    answer : callable
        Makes the answer.
    facts : callable or None
        What the answer is made of, to be known without making it: then the ETag is of these.
    formats : tuple of str
        Those of `archive_tools.serving.encoding.MEDIA_TYPES`.
    """

    path: str
    about: str
    query: type[queries.Query]
    answer: Callable[[Request], Answer]
    facts: Callable[[Request], Any] | None = None
    formats: tuple[str, ...] = ("json",)


def answered(operation: Operation, request: Request, known: str) -> Answer:
    """The answer to a request; where the client has it already, one without content (304).

    Parameters
    ----------
    operation : Operation
    request : Request
    known : str
        The ETags that the client has: the header ``If-None-Match``.
    """
    etag = ""
    if operation.facts:  # before reading: a file replaced meanwhile is read again the next time
        about = file_facts([request.archive.root / layout.ABOUT])
        made_by = software.version(), operation.path, repr(request.query)
        etag = etag_of(*made_by, about, operation.facts(request))
        if is_known(etag, known):
            return unchanged(etag)
    answer = operation.answer(request)
    answer.etag = etag or answer.etag
    return answer


def is_known(etag: str, known: str) -> bool:
    """Whether a client has what has this ETag."""
    listed = (one.strip().removeprefix("W/") for one in known.split(","))
    return bool(known) and (known.strip() == "*" or etag in listed)


def unchanged(etag: str) -> Answer:
    """The answer to a client that has it."""
    return Answer(io.BytesIO(), 0, "", etag, status=304)


def _instances(request: Request) -> Answer:
    archive = request.archive
    rows = []
    for name in archive.instances():
        request.deadline.check()
        days = archive.days(name)
        rows.append({"instance": name, "days": len(days), "first": days[0], "last": days[-1]})
    content = {"site": archive.about.get("site", ""), "timezone": archive.timezone}
    return json_answer(content | {"instances": rows}, request.deadline)


def _day(request: Request) -> dt.date:
    """The day of a file that is meant: the newest, unless one is named."""
    archive, query = request.archive, request.query
    if query.date is not None:
        return dt.date.fromisoformat(str(query.date))
    days = archive.days(query.instance)
    if not days:
        raise archive.absent(query.instance, f"{query.instance} is not in the archive")
    return days[-1]


def _datasets(request: Request) -> Answer:
    archive, date = request.archive, _day(request)
    instance = request.query.instance
    with damage_named(archive.path(instance, date)), archive.open(instance, date) as file:
        rows = [
            {
                "dataset": name,
                "unit": file.units(name),
                "kind": file.kind(name),
                "timestep": file.timestep(name),
                "components": len(file.columns(name)),
            }
            for name in file.datasets()
        ]
    content = {"instance": instance, "date": date, "datasets": rows}
    return json_answer(content, request.deadline)


def _components(request: Request) -> Answer:
    query, date = request.query, _day(request)
    names = request.archive.components(query.instance, query.dataset, date)
    content = {"instance": query.instance, "date": date, "dataset": query.dataset}
    return json_answer(content | {"components": names}, request.deadline)


def _read_request(request: Request) -> ReadRequest:
    query = request.query
    return request.archive.request(
        query.instance,
        query.dataset,
        queries.when(query.start),
        queries.when(query.end),
        components=query.components or None,
        rate=query.rate,
        resample=query.resample or None,
        damaged=query.damaged,
    )


def _dates(request: Request, start: int, end: int) -> list[dt.date]:
    """The days of a range, if they are not too many."""
    timezone = request.archive.timezone
    first, last = local_date(start, timezone), local_date(end - 1, timezone)
    request.limits.check_days((last - first).days + 1)
    return request.archive.dates(start, end)


def _series_facts(request: Request) -> Any:
    wanted = _read_request(request)
    dates = _dates(request, wanted.start, wanted.end)
    return file_facts(request.archive.path(wanted.instance, date) for date in dates)


def _series(request: Request) -> Answer:
    archive, query, wanted = request.archive, request.query, _read_request(request)
    _dates(request, wanted.start, wanted.end)
    damaged: dict[dt.date, str] = {}

    def leave_out(_: str, date: dt.date, reason: TokioError) -> None:
        damaged[date] = relative(str(reason), archive.root)

    def load(days: list[DayRows]) -> Any:
        request.deadline.check()
        columns = union(days, wanted.components)
        request.limits.check_cells(_rows(wanted, days) * len(columns))
        request.limits.check_read(sum(len(one.timestamps) * len(one.columns) for one in days))
        return ranges.loaded_rows(wanted, days, columns)

    series = ranges.without_damaged(archive, wanted, load, left_out=leave_out)
    named = [{"date": str(date), "reason": reason} for date, reason in sorted(damaged.items())]
    facts = {
        "instance": wanted.instance,
        "dataset": series.dataset,
        "unit": series.unit,
        "kind": series.kind,
        "timezone": archive.timezone,
        "columns": list(series.columns),
        "damaged": named,
    }
    sink = Sink(request.deadline)
    encoding.write_series(series, archive.timezone, query.format, query.layout, facts, sink)
    return _with_damaged(sink, query.format, damaged)


def _rows(wanted: ReadRequest, days: list[DayRows]) -> int:
    """Rows of an answer."""
    if wanted.step is None:
        return sum(len(one.timestamps) for one in days)
    return len({start for one in days for start in wanted.step.starts(one.timestamps).tolist()})


def _with_damaged(sink: Sink, form: str, damaged: dict[dt.date, str]) -> Answer:
    headers = {DAMAGED: ", ".join(map(str, sorted(damaged)))} if damaged else {}
    return sink.answer(encoding.MEDIA_TYPES[form], headers=headers)


def _span(request: Request) -> tuple[tuple[int, int], tuple[dt.date, dt.date]]:
    """The range of time of a list of jobs, and its days."""
    start, end = seconds_between(
        queries.when(request.query.start),
        queries.when(request.query.end),
        request.archive.timezone,
    )
    dates = _dates(request, start, end)
    return (start, end), (dates[0], dates[-1])


def _job_facts(request: Request) -> Any:
    between, (first, last) = _span(request)
    first = job_tables.first_table_day(first, between)
    root = request.archive.root
    tables = [
        path
        for day in job_tables.days_of(root, first, last)
        for instances in day.paths.values()
        for path in instances.values()
    ]
    return file_facts([root / layout.ABOUT, *tables])


def _jobs(request: Request) -> Answer:
    archive, query = request.archive, request.query
    between, dates = _span(request)
    request.limits.check_rows(query.limit)
    damaged: dict[dt.date, str] = {}

    def leave_out(date: dt.date, reason: FormatError) -> None:
        damaged[date] = relative(str(reason), archive.root)

    wanted = job_tables.JobFilter(
        query.user, query.exe, query.fs, query.job, query.min_bytes, between
    )
    found, there = job_tables.find_and_count(
        archive.root, *dates, wanted, order=query.order, limit=query.limit, left_out=leave_out
    )
    named = [{"date": str(date), "reason": reason} for date, reason in sorted(damaged.items())]
    sink = Sink(request.deadline)
    encoding.write_table(found, query.format, {"there": there, "damaged": named}, sink)
    return _with_damaged(sink, query.format, damaged)


def _days(request: Request) -> list[dt.date]:
    """The days of states and alerts: those that are named, else the newest two weeks."""
    archive, query = request.archive, request.query
    there = [date for date, _ in layout.day_folders(archive.root)]
    today = local_date(int(time.time()), archive.timezone)
    end = query.end or (there[-1] if there else today)
    start = query.start or _two_weeks_before(end, there)
    if end < start:
        raise BadArgument("the range is empty", expected="start not after end")
    request.limits.check_days((end - start).days + 1)
    return [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]


def _status(request: Request) -> Answer:
    archive, dates = request.archive, _days(request)
    products = status.wanted_products(archive.root, archive.about.get("instances", {}), dates)
    found = status.states(archive.root, dates, products)
    days = {
        str(date): {name: _reported(state, archive.root) for name, state in states.items()}
        for date, states in found.items()
    }
    runs = [{key: run.get(key) for key in RUN} for run in textfile.last_runs(archive.root)]
    return json_answer({"last_runs": runs, "days": days}, request.deadline)


def _alerts(request: Request) -> Answer:
    dates = _days(request)
    found = kept_alerts.read(request.archive.root, dates)
    rows = [
        {"date": str(date)} | {key: getattr(one, key) for key in one.__struct_fields__}
        for date, day in sorted(found.days.items(), reverse=True)
        for one in day.alerts
    ]
    damaged = [
        {"date": str(date), "reason": relative(reason, request.archive.root)}
        for date, reason in found.damaged.items()
    ]
    unknown = {*dates} - {*found.days} - {*found.damaged}
    content = {"not_evaluated": sorted(map(str, unknown)), "damaged": damaged, "rows": rows}
    return json_answer(content, request.deadline)


def _two_weeks_before(end: dt.date, there: list[dt.date]) -> dt.date:
    """The first day of two weeks, but not before those that are there."""
    first = end - dt.timedelta(days=min(STATUS_DAYS - 1, (end - dt.date.min).days))
    return min(end, max(first, there[0])) if there else first


def _reported(state: status.State, root: Path) -> dict[str, Any]:
    known = dataclasses.asdict(state) | {"detail": relative(state.detail, root)}
    shown = ("detail", "percent", "logs", "rejected")
    return {"state": str(state.word)} | {key: known[key] for key in shown if known[key] is not None}


ANY = ("json", "csv", "arrow")
PREFIX = "/api/v1"
OPERATIONS = (
    Operation("/instances", "The instances of the archive.", queries.NoQuery, _instances),
    Operation("/datasets", "The datasets of a day.", queries.DatasetsQuery, _datasets),
    Operation("/components", "A dataset's components.", queries.ComponentsQuery, _components),
    Operation(
        "/series",
        "One dataset over a range of time.",
        queries.SeriesQuery,
        _series,
        _series_facts,
        ANY,
    ),
    Operation(
        "/jobs", "Jobs that ran in a range of time.", queries.JobsQuery, _jobs, _job_facts, ANY
    ),
    Operation("/alerts", "What the site's alerts said of each day.", queries.DaysQuery, _alerts),
    Operation("/status", "What of each day is archived.", queries.DaysQuery, _status),
)
