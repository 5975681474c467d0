"""What a request may say: the parameters of each operation, checked before anything is read."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive_tools.core.errors import BadArgument
from archive_tools.core.time_texts import FORMS
from archive_tools.core.times import When

MOST_PARAMETERS = 200

Instance = Annotated[
    str, Field(pattern=r"^[\w-][\w.-]{0,99}$", description="an instance, such as scratch")
]
Dataset = Annotated[
    str,
    Field(pattern=r"^[\w./-]{1,200}$", description="a dataset, such as datatargets/readbytes"),
]
Time = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description=f"a date or a time, the site's unless it says its zone ({FORMS}), or epoch"
        " seconds",
    ),
]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
OneOf = Annotated[str, Field(max_length=200, description="a name or a pattern with * and ?")]
Format = Annotated[
    Literal["json", "csv", "arrow"],
    Field(description="JSON, CSV, or a stream of Arrow record batches"),
]


class Query(BaseModel):
    """Parameters of a request; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, query_string: bytes) -> Self:
        """The parameters in the part of an address after ``?``.

        Raises
        ------
        BadArgument
            One is not known, is missing, is given twice, or is not what it may be.
        """
        try:
            pairs = parse_qsl(
                query_string.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MOST_PARAMETERS,
            )
        except ValueError as error:
            raise BadArgument(
                f"the parameters cannot be read: {error}",
                expected=f"at most {MOST_PARAMETERS}, UTF-8 in percent-encoding",
            ) from None
        given: dict[str, Any] = {}
        for name, text in pairs:
            if cls._is_list(name):
                given.setdefault(name, []).append(text)
            elif name in given:
                raise BadArgument(f"{name!r} is given twice", expected="once")
            else:
                given[name] = text
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise cls._refused(error) from None

    @classmethod
    def _is_list(cls, name: str) -> bool:
        known = cls.model_fields.get(name)
        return known is not None and isinstance(known.default, tuple)

    @classmethod
    def _refused(cls, error: ValidationError) -> BadArgument:
        errors = error.errors(include_url=False)
        unknown = (one for one in errors if one["type"] == "extra_forbidden")
        first = next(unknown, errors[0])
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            return BadArgument(
                f"there is no parameter {name!r}", expected=", ".join(cls.model_fields)
            )
        if first["type"] == "missing":
            return BadArgument(f"the parameter {name!r} is missing")
        got = "" if first["input"] is None else repr(first["input"])
        return BadArgument(f"{name}: {first['msg']}", got=got[:200])


class NoQuery(Query):
    """No parameters."""


class DatasetsQuery(Query):
    """Parameters of the list of datasets."""

    instance: Instance
    date: Annotated[dt.date | None, Field(description="default: the newest day")] = None


class ComponentsQuery(DatasetsQuery):
    """Parameters of the list of components."""

    dataset: Dataset


class SeriesQuery(Query):
    """Parameters of a series: those of `archive_tools.Archive.read`."""

    instance: Instance
    dataset: Dataset
    start: Time
    end: Time
    components: Annotated[
        tuple[Pattern, ...],
        Field(max_length=100, description="names or patterns; may be repeated; default all"),
    ] = ()
    rate: Annotated[bool, Field(description="amounts a second in place of amounts")] = False
    resample: Annotated[
        str | None, Field(max_length=20, description="rows of 1min, 15min, 1h, ... or 1d")
    ] = None
    damaged: Annotated[
        Literal["skip", "raise"],
        Field(description="days that cannot be read are left out and named, or are an error"),
    ] = "skip"
    layout: Annotated[
        Literal["wide", "long"],
        Field(description="a column a component, or a row a time and component"),
    ] = "wide"
    format: Format = "json"


class JobsQuery(Query):
    """Parameters of a list of jobs: those of `archive_tools.Archive.jobs`."""

    start: Time
    end: Time
    user: OneOf = ""
    exe: OneOf = ""
    fs: OneOf = ""
    job: Annotated[str, Field(max_length=100, description="job id")] = ""
    min_bytes: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    order: Literal["bytes", "read", "written", "start", "walltime", "nprocs", "coverage"] = "bytes"
    limit: Annotated[int, Field(ge=1, description="rows at most")] = 100
    format: Format = "json"


class DaysQuery(Query):
    """Parameters of states and alerts: days, the last included."""

    start: Annotated[dt.date | None, Field(description="default: two weeks before end")] = None
    end: Annotated[dt.date | None, Field(description="default: the newest day")] = None


def when(text: str) -> When:
    """A time as it is written in an address."""
    with contextlib.suppress(ValueError):
        if len(text) > len("20261122"):  # shorter numbers are dates
            return float(text)
    return text
