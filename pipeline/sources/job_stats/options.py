"""Keys of a job_stats source in site.json."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from archive_tools.core.day import Day
from pipeline.schemas.site_types import Templates, Timestep
from pipeline.site import Site
from pipeline.sources._shared import source_files
from pipeline.sources._shared.http_client import HTTP_ORIGIN, HttpOptions, http_with_absolute_paths
from pipeline.sources.job_stats import job_names


class Options(HttpOptions):
    """Keys of a source of job_stats; exactly one of `files`, `url` and `answers` is given.

    Attributes
    ----------
    files : str or list of str
        strftime templates of files and folders with the text of ``lctl get_param *.*.job_stats``,
        or of an exporter of Prometheus; they may be glob patterns.
    url : str
        Of a Prometheus server that has an exporter's ``lustre_job_*``.
    answers : str or list of str
        strftime templates of files with its saved answers to range queries of these.
    extra : dict of str to str
        Labels, with their values, that the series of `url` must have.
    jobid_name : list of str
        Templates of job ids as Lustre's ``jobid_name`` has them; the first that explains an id
        counts.
    timestep : int
        Seconds between two snapshots; 600 unless given.
    max_expanded_mb : int
        MiB that a file may expand to.
    max_ratio : int
        How many times its size a compressed file may expand to; 32 MiB are always allowed.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {
        "files",
        "answers",
        "extra",
        "max_expanded_mb",
        "max_ratio",
    }

    kind: Literal["job_stats"]
    files: Templates = ""
    answers: Templates = ""
    extra: dict[str, str] = {}
    jobid_name: list[str] = Field(default=["%j", "%e.%u", "%e:%u:%h"], min_length=1)
    timestep: Timestep = 600
    max_expanded_mb: int = Field(default=65536, ge=1)
    max_ratio: int = Field(default=100, ge=1)

    @field_validator("jobid_name")
    @classmethod
    def _are_templates(cls, templates: list[str]) -> list[str]:
        for template in templates:
            job_names.compiled(template)
        return templates

    @field_validator("extra")
    @classmethod
    def _label_names(cls, extra: dict[str, str]) -> dict[str, str]:
        for name in extra:
            if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
                raise ValueError(f"{name!r} is not a label name: letters, digits and _")
        return extra

    @model_validator(mode="after")
    def _one_place(self) -> Options:
        if sum(map(bool, (self.files, self.url, self.answers))) != 1:
            raise ValueError("give one of files, url (a server) and answers (saved)")
        return self

    def saved(self, day: Day) -> list[Path]:
        """The saved answers of a day."""
        return source_files.walked(source_files.expanded(self.answers, day))

    def paths(self, day: Day) -> list[Path]:
        """The files of a day, and those of the next one that may have the snapshot that closes it:
        all whose names have no time, or one in its first `timestep`; of a server that has none
        such, the first.
        """
        after = dataclasses.replace(day, date=day.date + dt.timedelta(days=1))
        own, later = (
            source_files.walked(source_files.expanded(self.files, one)) for one in (day, after)
        )
        times = {path: time_in(path.name, self.timezone) for path in later}
        first = dict.fromkeys(map(_server, own), NEVER)
        for path, time in times.items():
            if time is not None and time >= day.end and (server := _server(path)) in first:
                first[server] = min(first[server], time)
        until = day.end + self.timestep
        more = (
            path
            for path, time in times.items()
            if time is None or time < until or time == first.get(_server(path))
        )
        return list(dict.fromkeys([*own, *more]))

    @property
    def allowed(self) -> source_files.Allowed:
        """What a file may expand to."""
        return source_files.Allowed(self.max_expanded_mb, self.max_ratio)

    @property
    def templates(self) -> list[re.Pattern[str]]:
        """What reads job ids."""
        return [job_names.compiled(template) for template in self.jobid_name]


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    paths = {
        key: source_files.with_absolute_paths(templates, site)
        for key in ("files", "answers")
        if (templates := getattr(options, key))
    }
    zone = options.timezone or site.timezone
    http = http_with_absolute_paths(options, site)
    return options.model_copy(update={"timezone": zone, **paths, **http})


NEVER = 2**63 - 1
_EPOCH = re.compile(r"(?<![0-9])([0-9]{10})(?![0-9])")
_STAMP = re.compile(
    r"(?<![0-9])([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T_. -]?([0-9]{2})[:-]?([0-9]{2})[:-]?([0-9]{2})?"
    r"(?![0-9])"
)


def _server(path: Path) -> str:
    """A file's name without its time: the same for all snapshots that one server writes."""
    return _EPOCH.sub("", _STAMP.sub("", path.name))


def time_in(name: str, zone: str) -> int | None:
    """The time in a file's name: ten digits are epoch seconds, else a date with a time of day by
    the clock of `zone`; None where there is none.
    """
    if match := _STAMP.search(name):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        try:
            local = dt.datetime(year, month, day, hour, minute, second)
        except ValueError:
            return None
        return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp())
    found = _EPOCH.search(name)
    return int(found[1]) if found else None
