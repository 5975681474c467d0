"""Requests to a Prometheus server: range queries, in pieces that it can answer, and answers that
are whole.

Knows the HTTP API, and nothing of datasets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import SourceError
from pipeline.sources._shared import secrets
from pipeline.sources._shared.http_client import TIMED_OUT, HttpError, Server, TimedOut, TooLarge
from pipeline.sources.prometheus.saved_answers import UNDECODABLE, Result, answer, numbers

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
