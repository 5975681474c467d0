"""What a server has of a day, at a glance: how many series of each metric, every five minutes.

A piece of raw data keeps what was seen of the times that it has, so that a later fetch asks for
what there is more of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import NoData
from pipeline.sources._shared.prometheus_api import Span

LOOK = 300
"""Seconds between looks: as far as a plain selector looks back."""
MANIFEST = "look.json"


class Look(msgspec.Struct):
    """Numbers of series.

    Attributes
    ----------
    series : dict of str to dict of int to int
        By metric and epoch millisecond.
    queries : str
        Digest of the queries that were then asked; "" where it is not known.
    """

    series: dict[str, dict[int, int]] = {}
    queries: str = ""

    @classmethod
    def of(cls, answered: Iterable[tuple[str, Float64]]) -> Look:
        """Out of a server's answer: metric, and times and numbers (n, 2)."""
        series: dict[str, dict[int, int]] = {}
        for name, pairs in answered:
            at = series.setdefault(name, {})
            for second, count in pairs.tolist():
                at[round(second * 1000)] = int(count)
        return cls(series)

    @classmethod
    def read(cls, piece: Path) -> Look:
        """Of a piece; nothing of one that does not say."""
        try:
            return msgspec.json.decode((piece / MANIFEST).read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return cls()

    def write(self, piece: Path) -> None:
        (piece / MANIFEST).write_bytes(msgspec.json.encode(self))

    def totals(self) -> dict[str, int]:
        """By metric: all numbers together."""
        return {name: sum(at.values()) for name, at in self.series.items()}

    def within(self, rows: Span, whole: Span, queries: str) -> Look:
        """What was seen of the times of some rows of the day, which these queries asked for."""
        first = rows.first - rows.step * 1000 + LOOK * 1000 if rows.first > whole.first else 0
        last = rows.first + (rows.points - 1) * rows.step * 1000
        return Look(
            {
                name: {at: count for at, count in found.items() if first <= at <= last}
                for name, found in self.series.items()
            },
            queries,
        )

    def span_of_more(self, rows: Span, queries: str, held: Sequence[Look]) -> Span:
        """The rows from the first to the last look at which there are more series of any metric
        than any piece has that the same queries brought; all rows where nothing was looked at.

        Raises
        ------
        NoData
            There is none.
        """
        if not self.series:
            return rows
        same = [look.series for look in held if look.queries == queries]
        more = [
            at
            for name, found in self.series.items()
            for at, count in found.items()
            if count > max((look.get(name, {}).get(at, 0) for look in same), default=0)
        ]
        if not more:
            raise NoData("the server has no samples that are not archived")
        step = rows.step * 1000
        # looks beside these may have seen as many series, and fewer samples
        first = max(0, (min(more) - 2 * LOOK * 1000 - rows.first) // step)
        last = min(rows.points, (max(more) + LOOK * 1000 - rows.first) // step + 1)
        if max(more) == max(at for found in self.series.values() for at in found):
            last = rows.points  # what came since the last look
        return rows.after(first).head(last - first)

    def contains(self, older: Look) -> bool:
        """Whether there are as many series of every metric at all times as in an older look, of
        which something must be known.
        """
        return bool(older.series) and all(
            self.series.get(name, {}).get(at, 0) >= count
            for name, found in older.series.items()
            for at, count in found.items()
        )
