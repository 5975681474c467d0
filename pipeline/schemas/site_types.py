"""Types of values in site.json: what they may be, and what is said where they are not."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from archive_tools.core.site_json import COMMENT

PLACEHOLDER = "FILL-IN"
"""What a value that must be set has in it, in the first site.json that `init` writes."""


def unfilled(content: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Where placeholders are in some keys, and in which text: ``("sources: fs: url", ...)``.
    Comments may name them.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            if str(key).startswith(COMMENT):
                continue
            if PLACEHOLDER in str(key):
                yield place, str(key)
            yield from unfilled(value, f"{place}: {key}" if place else str(key))
    elif isinstance(content, list):
        for value in content:
            yield from unfilled(value, place)
    elif isinstance(content, str) and PLACEHOLDER in content:
        yield place, content


def _zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), 3)
        raise ValueError("not an IANA time zone" + (f"; near: {', '.join(near)}" if near else ""))
    return name


def _step(seconds: int) -> int:
    if seconds < 1 or 3600 % seconds:
        raise ValueError(
            "must divide an hour: 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, ..., 60, ..., 3600 seconds"
        )
    return seconds


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def _mode(text: str) -> str:
    if not re.fullmatch("0?[0-7]{3}", text):
        raise ValueError('must be an octal mode such as "0640"')
    if int(text, 8) & 0o600 != 0o600 or int(text, 8) & 0o111:
        raise ValueError("the owner must be able to read and write, and nobody to execute")
    if int(text, 8) & 0o002:
        raise ValueError("would let everybody write")
    return text


Mode = Annotated[
    str,
    AfterValidator(_mode),
    WithJsonSchema({"type": "string", "pattern": "^0?6[0246][04]$"}),
]
Expression = Annotated[str, AfterValidator(_expression)]
Zone = Annotated[str, AfterValidator(_zone)]
STEPS = [seconds for seconds in range(1, 3601) if 3600 % seconds == 0]
Timestep = Annotated[int, AfterValidator(_step), WithJsonSchema({"type": "integer", "enum": STEPS})]
Templates = str | list[str]
UserNames = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,9})$")],
        Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")],
    ],
    Field(json_schema_extra={"additionalProperties": False}),
]
"""Uid to name; a name without control characters."""


def _per_cent(value: float) -> float:
    if 0 < value <= 1:
        raise ValueError("is in per cent: 99 means 99 %; 0 takes any day for complete")
    return value


PerCent = Annotated[
    float,
    Field(ge=0, le=100, json_schema_extra={"not": {"exclusiveMinimum": 0, "maximum": 1}}),
    AfterValidator(_per_cent),
]
"""A share; one that looks like a fraction of 1 is refused."""
