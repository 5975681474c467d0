"""The HTTP API of Prometheus: range queries, in pieces that a server can answer, answers that are
whole, and series of numbers out of them.

The format is that of https://prometheus.io/docs/prometheus/latest/querying/api/, and
VictoriaMetrics' with its ``isPartial``. Knows nothing of datasets.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import SourceError
from pipeline.sources._shared import secrets
from pipeline.sources._shared.http_client import TIMED_OUT, HttpError, Server, TimedOut, TooLarge

UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError)
NO_VALUES = msgspec.Raw(b"[]")


class Result(msgspec.Struct):
    """One series: its labels and its values, not yet decoded."""

    metric: dict[str, str]
    values: msgspec.Raw = NO_VALUES


class Matrix(msgspec.Struct, rename="camel"):
    """What an answer gives; other result types have other names."""

    result_type: Literal["matrix"]
    result: list[Result]


class Answer(msgspec.Struct, rename="camel"):
    """What a server says."""

    status: str
    data: msgspec.Raw = NO_VALUES
    error_type: str = ""
    error: str = ""
    warnings: list[str] | None = None
    is_partial: bool = False

    def refusal(self) -> str:
        """Why there are no data, or ""."""
        return (
            ""
            if self.status == "success"
            else secrets.shown(f"the server says {self.status}: {self.error_type}: {self.error}")
        )

    def lack(self) -> str:
        """Why data may be missing, or ""."""
        said = secrets.shown("; ".join(self.warnings or []))
        return f"the answer is partial: {said or 'isPartial'}" if self.is_partial or said else ""

    def results(self) -> list[Result]:
        """The series.

        Raises
        ------
        msgspec.MsgspecError
            The data are not a matrix.
        """
        return msgspec.json.decode(self.data, type=Matrix).result


def answer(content: bytes | msgspec.Raw) -> Answer:
    """Decode an answer down to its data.

    Raises
    ------
    msgspec.MsgspecError
        It is not JSON, or no answer.
    """
    return msgspec.json.decode(content, type=Answer)


SMALL = 8 << 20
"""Bytes of a text, of which whatever is in it fits into memory."""
LONGEST_SERIES = 64 << 20
"""Bytes of the values of a series; one of a day with a value each second has 3 MB."""


class _Any(msgspec.Struct):
    """An answer, without what it says."""

    status: str


def how_many(results: Collection[Result]) -> int:
    """Number of values: each is one quoted text."""
    return sum(bytes(result.values).count(b'"') // 2 for result in results)


PAIRS = msgspec.json.Decoder(list[tuple[float, float]], strict=False)


def outer(content: bytes) -> dict[str, msgspec.Raw] | list[msgspec.Raw]:
    """An answer, or several; values that are none are refused first in a text that is not small:
    many of them would take many times its size.

    Raises
    ------
    msgspec.MsgspecError
        It is not JSON, or neither.
    """
    if len(content) > SMALL:
        try:
            answer(content)
        except msgspec.ValidationError:
            msgspec.json.decode(content, type=dict[str, _Any] | list[_Any])
    return msgspec.json.decode(content, type=dict[str, msgspec.Raw] | list[msgspec.Raw])


def numbers(values: msgspec.Raw) -> tuple[Float64, int, str]:
    """Times and values, float64 (n, 2), also those that are not finite; how many are not numbers;
    the first such.
    """
    if len(bytes(values)) > LONGEST_SERIES:
        return _pairs([]), 1, f"more than {LONGEST_SERIES >> 20} MiB of values are not read"
    try:
        return _pairs(PAIRS.decode(values)), 0, ""
    except UNDECODABLE:
        return _one_by_one(values)


def _pairs(found: list[tuple[float, float]]) -> Float64:
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _one_by_one(values: msgspec.Raw) -> tuple[Float64, int, str]:
    """As `numbers`, value by value; a series that is not a list of anything is one bad value."""
    try:
        pairs = json.loads(bytes(values))
    except UNDECODABLE as error:
        return _pairs([]), 1, str(error)
    good, bad, first = [], 0, ""
    for place, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
        try:
            time, value = pair
            good.append((float(time), float(value)))
        except (TypeError, ValueError, OverflowError):
            bad += 1
            first = first or f"value {place}: {reprlib.repr(pair)}"
    return _pairs(good), bad, first


QUERY_RANGE = "/api/v1/query_range"
SMALLEST = 3600
"""Seconds: a server that refuses a query of this length as too large refuses the day."""
TOO_MUCH = re.compile(r"too many|too large|exceed|more than|maximum", re.IGNORECASE)


class Span(NamedTuple):
    """Points of time: `points` of them, `step` seconds apart, the first at the millisecond
    `first`.
    """

    first: int
    step: int
    points: int

    def head(self, size: int) -> Span:
        """The first `size` points."""
        return self._replace(points=min(size, self.points))

    def after(self, points: int) -> Span:
        """All but the first `points` points."""
        return Span(self.first + points * self.step * 1000, self.step, self.points - points)

    def form(self, query: str) -> dict[str, str]:
        """The range query; VictoriaMetrics moves the points unless it may not use its cache."""
        last = self.first + (self.points - 1) * self.step * 1000
        return {
            "query": query,
            "start": _seconds(self.first),
            "end": _seconds(last),
            "step": str(self.step),
            "nocache": "1",
        }


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def ask(server: Server, query: str, span: Span) -> tuple[bytes, list[Result]]:
    """A range query's answer as it came, and its series.

    Raises
    ------
    SourceError
        Names the query and what the server says: it refuses, or has only a part of the answer.
    """
    try:
        content = server.ask("POST", QUERY_RANGE, form=span.form(query))
    except HttpError as error:
        if error.status in (400, 422, 503):
            raise HttpError(
                f"{server.url} refuses the query {query}", status=error.status, body=error.body
            ) from None
        raise
    try:
        found = answer(content)
        wrong = found.refusal() or found.lack()
        results = [] if wrong else found.results()
    except UNDECODABLE as error:
        wrong = f"the answer is none of Prometheus' API: {error}"
    if wrong:
        raise SourceError(
            f"{server.url}, query {query}: {wrong}",
            got=secrets.shown(content, 200),
        )
    return content, results


def is_too_much(error: SourceError) -> bool:
    """Whether a shorter query may be answered."""
    if isinstance(error, HttpError):
        said = TIMED_OUT if error.status == 503 else TOO_MUCH
        return error.status in (400, 422, 503) and said.search(error.body) is not None
    return isinstance(error, TooLarge | TimedOut)


def in_pieces(
    server: Server, query: str, span: Span, size: int
) -> Iterator[tuple[Span, bytes, list[Result]]]:
    """The answers of a long range, piece by piece; a piece that is too much for the server is
    halved, down to an hour.
    """
    while span.points:
        piece = span.head(size)
        try:
            content, results = ask(server, query, piece)
        except SourceError as error:
            if piece.points * span.step <= SMALLEST or not is_too_much(error):
                raise
            size = max(-(-piece.points // 2), SMALLEST // span.step)
            continue
        yield piece, content, results
        span = span.after(piece.points)


def figures(server: Server, query: str, span: Span) -> Iterator[tuple[str, Float64]]:
    """Metric, and times and values, float64 (n, 2), of each series of an answer.

    Raises
    ------
    SourceError
        As `ask`; or a value is not a number.
    """
    for _, _, results in in_pieces(server, query, span, span.points):
        for result in results:
            pairs, bad, first = numbers(result.values)
            if bad or not np.isfinite(pairs).all():
                raise SourceError(
                    f"{server.url}, query {query}: the answer holds what is not a number",
                    got=first or "NaN or an infinity",
                )
            yield result.metric.get("__name__", ""), pairs
