"""Samples of several pieces of raw data, as if one fetch had brought them.

A component that was measured at a second counts once: what the newest piece says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64
from pipeline.model import Samples


def united(parsed: Sequence[Iterator[Samples]], order: Mapping[str, int]) -> Iterator[Samples]:
    """The samples of all pieces, one dataset after the other.

    Parameters
    ----------
    parsed : sequence of iterators of Samples
        What each piece gives, the newest piece first; each gives its datasets in `order`.
    order : mapping of str to int
        Place of each dataset in the source's table.

    Yields
    ------
    Samples
        One for each dataset that any piece has.
    """
    streams = [_Stream(samples) for samples in parsed]
    joined: _Joined | None = None
    while heads := [stream.dataset for stream in streams if stream.dataset]:
        name = min(heads, key=lambda dataset: order.get(dataset, len(order)))
        given = [one for stream in streams if stream.dataset == name for one in stream.take()]
        if joined is None or not joined.is_of(given):
            joined = _Joined.of(given)
        yield joined.samples(given)


class _Stream:
    """What one piece gives, a dataset at a time."""

    def __init__(self, samples: Iterator[Samples]) -> None:
        self._samples = samples
        self._next = next(samples, None)

    @property
    def dataset(self) -> str:
        """The dataset that is next; "" at the end."""
        return self._next.dataset if self._next is not None else ""

    def take(self) -> list[Samples]:
        """All samples of that dataset."""
        name, found = self.dataset, []
        while self._next is not None and self._next.dataset == name:
            found.append(self._next)
            self._next = next(self._samples, None)
        return found


@dataclass(frozen=True)
class _Joined:
    """How samples of several pieces become one: datasets that were measured together share it."""

    given: list[Samples]
    kept: list[npt.NDArray[np.bool_] | slice]
    time: Int64
    column: npt.NDArray[np.integer[Any]]
    names: tuple[str, ...]
    whole: tuple[str, ...]

    @classmethod
    def of(cls, given: list[Samples]) -> _Joined:
        whole = {name: of for one in given for name, of in zip(one.names, one.whole, strict=False)}
        place: dict[str, int] = {}
        columns = [
            np.array([place.setdefault(name, len(place)) for name in one.names], dtype=np.int32)[
                one.column
            ]
            for one in given
        ]
        kept: list[npt.NDArray[np.bool_] | slice] = [
            _not_in(one.time, columns[n], given[:n], columns[:n]) for n, one in enumerate(given)
        ]
        rows = list(zip(given, columns, kept, strict=True))
        return cls(
            given,
            kept,
            np.concatenate([one.time[keep] for one, _, keep in rows]),
            np.concatenate([column[keep] for _, column, keep in rows]),
            tuple(place),
            tuple(whole[name] for name in place) if whole else (),
        )

    def is_of(self, given: list[Samples]) -> bool:
        """Whether these samples have the times and components of those before."""
        return len(given) == len(self.given) and all(
            one.time is other.time and one.column is other.column and one.names == other.names
            for one, other in zip(given, self.given, strict=True)
        )

    def samples(self, given: list[Samples]) -> Samples:
        value = np.concatenate(
            [one.value[keep] for one, keep in zip(given, self.kept, strict=True)]
        )
        first = given[0]
        return Samples(
            first.dataset, self.time, self.column, value, self.names, self.whole, first.reports
        )


def _not_in(
    time: Int64,
    column: npt.NDArray[np.integer[Any]],
    newer: Sequence[Samples],
    columns: Sequence[npt.NDArray[np.integer[Any]]],
) -> npt.NDArray[np.bool_] | slice:
    """Which samples no newer piece has; looked for where times overlap."""
    if not len(time):
        return slice(None)
    first, last = time.min(), time.max()
    keep: npt.NDArray[np.bool_] | None = None
    for one, its in zip(newer, columns, strict=True):
        near = (one.time >= first) & (one.time <= last)
        if near.any():
            again = np.isin(_keys(time, column), _keys(one.time[near], its[near]))
            keep = ~again if keep is None else keep & ~again
    return slice(None) if keep is None else keep


def _keys(time: Int64, column: npt.NDArray[np.integer[Any]]) -> Int64:
    return np.asarray((column.astype(np.int64) << 40) | time)
