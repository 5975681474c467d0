"""How the speed of many files goes with the OSTs that they are on, without holding the files.

Files are added some at a time, and are kept in a file aside, which is read once more at the end.
What is held are sums and counts by OST. Medians are exact: speeds are counted in narrow bins, and
those of the bins in which medians are found are collected at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.jobs.striped_files import StripedFiles

BITS = 9
"""Of a speed's mantissa, which tell bins apart: 512 in each doubling."""
SHIFT = 52 - BITS
LOWEST, DOUBLINGS = -10, 64
"""Bins begin at 2**-10 bytes a second; the first and the last have also what is beyond."""
BASE, BINS = (1023 + LOWEST) << BITS, DOUBLINGS << BITS


class OstFigures(NamedTuple):
    """An OST beside the others.

    Attributes
    ----------
    files : int
    coefficient : float
        Pearson's, of the speed of all files and the share of them that is on it.
    slowdown : float or None
        The median speed of the files that are not on it by that of those that are; None where all
        are.
    """

    files: int
    coefficient: float
    slowdown: float | None


class _Shares(NamedTuple):
    """Files and their OSTs: of each pair once, the file, the place of the OST, and the share of
    the file that is on it.
    """

    file: Int64
    place: Int64
    share: Float64


class SpeedSums:
    """What the files of a file system come to.

    Parameters
    ----------
    kept : file
        Opened for writing and reading, empty; it is the caller's to close.

    Attributes
    ----------
    files : int
        How many there are.
    least, most : float
        Their speed.
    """

    def __init__(self, kept: IO[bytes]) -> None:
        self.files = 0
        self.least, self.most = np.inf, -np.inf
        self._kept, self._pieces, self._total = kept, 0, 0.0
        self._places: dict[int, int] = {}
        self._bins = np.zeros((0, BINS), np.int32)
        self._all_bins = np.zeros(BINS, np.int64)
        self._sums = np.zeros((0, 3))
        self._range = np.zeros((0, 2))

    def add(self, some: StripedFiles) -> None:
        """Add files of this file system."""
        shares = self._shares(some)
        place, share = shares.place, shares.share
        for one in (some.speed, *shares):
            np.save(self._kept, one)
        self._pieces += 1
        self.files += len(some.speed)
        self._total += float(some.speed.sum())
        self.least = min(self.least, float(some.speed.min()))
        self.most = max(self.most, float(some.speed.max()))
        bins = _bins(some.speed)
        self._all_bins += np.bincount(bins, minlength=BINS)
        np.add.at(self._bins, (place, bins[shares.file]), 1)
        for column, values in enumerate((np.ones(len(share)), share, share**2)):
            self._sums[:, column] += np.bincount(place, values, len(self._sums))
        np.minimum.at(self._range[:, 0], place, share)
        np.maximum.at(self._range[:, 1], place, share)

    def _shares(self, some: StripedFiles) -> _Shares:
        """What is on which OST; new OSTs get a place."""
        numbers, which = np.unique(some.osts, return_inverse=True)
        for ost in numbers.tolist():
            self._places.setdefault(ost, len(self._places))
        new = len(self._places) - len(self._bins)
        if new:
            self._bins = np.concatenate([self._bins, np.zeros((new, BINS), np.int32)])
            self._sums = np.concatenate([self._sums, np.zeros((new, 3))])
            self._range = np.concatenate([self._range, np.tile([np.inf, -np.inf], (new, 1))])
        place = np.array([self._places[ost] for ost in numbers.tolist()], np.int64)[which]
        file = np.repeat(np.arange(len(some.counts)), some.counts)
        width = len(self._places)
        file, place = np.divmod(np.unique(file * width + place), width)
        return _Shares(file, place, 1 / some.counts[file])

    def _again(self) -> Iterator[tuple[Float64, _Shares]]:
        """The files once more."""
        self._kept.seek(0)
        for _ in range(self._pieces):
            speed, *shares = (np.load(self._kept) for _ in range(4))
            yield speed, _Shares(*shares)

    def by_ost(self) -> dict[int, OstFigures]:
        """The OSTs on which not the same share of all files is, by their numbers."""
        count = self._sums[:, 0].astype(np.int64)
        differs = (count < self.files) | (self._range[:, 0] < self._range[:, 1])
        places = {ost: place for ost, place in sorted(self._places.items()) if differs[place]}
        if not places:
            return {}
        on = {place: _middle(self._bins[place]) for place in places.values()}
        others = {
            place: _middle(self._all_bins - self._bins[place])
            for place in places.values()
            if count[place] < self.files
        }
        needed = np.zeros(BINS, bool)
        needed[[one.bin for both in (*on.values(), *others.values()) for one in both]] = True
        coefficient, near = self._correlated(needed)
        found = {}
        for ost, place in places.items():
            is_on = near.is_on(place)
            slowdown = (
                near.median(others[place], ~is_on) / near.median(on[place], is_on)
                if place in others
                else None
            )
            found[ost] = OstFigures(int(count[place]), float(coefficient[place]), slowdown)
        return found

    def _correlated(self, needed: npt.NDArray[np.bool_]) -> tuple[Float64, _Near]:
        """Pearson's coefficient of each OST, and the files of some bins."""
        mean = self._total / self.files
        squares, rest, products = 0.0, 0.0, np.zeros(len(self._sums))
        near = []
        for speed, shares in self._again():
            apart = speed - mean
            squares, rest = squares + float(apart @ apart), rest + float(apart.sum())
            weighted = apart[shares.file] * shares.share
            products += np.bincount(shares.place, weighted, len(products))
            near.append(_chosen(speed, shares, needed))
        means = self._sums[:, 1] / self.files
        spread = squares * np.maximum(self._sums[:, 2] - self.files * means**2, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            coefficient = (products - means * rest) / np.sqrt(spread)
        return np.clip(coefficient, -1.0, 1.0), _Near.of(near)


class _Rank(NamedTuple):
    """A speed by its bin, and how many of the same files in that bin are below."""

    bin: int
    below: int


def _bins(speed: Float64) -> Int64:
    """The bin of each speed: not falling with it."""
    found: Int64 = np.clip((speed.view(np.int64) >> SHIFT) - BASE, 0, BINS - 1)
    return found


def _middle(counts: npt.NDArray[Any]) -> tuple[_Rank, _Rank]:
    """The one or two speeds in the middle, of one or more that are counted by bins."""
    until = np.cumsum(counts, dtype=np.int64)
    ranks = [(int(until[-1]) - 1) // 2, int(until[-1]) // 2]
    places = np.searchsorted(until, ranks, "right").tolist()
    first, second = (
        _Rank(place, rank - (int(until[place - 1]) if place else 0))
        for place, rank in zip(places, ranks, strict=True)
    )
    return first, second


def _chosen(
    speed: Float64, shares: _Shares, needed: npt.NDArray[np.bool_]
) -> tuple[Float64, Int64, Int64]:
    """The files of some bins: speeds; numbers in these of files, and places of their OSTs."""
    chosen = needed[_bins(speed)]
    its = chosen[shares.file]
    return speed[chosen], (np.cumsum(chosen) - 1)[shares.file[its]], shares.place[its]


class _Near(NamedTuple):
    """Files of some bins, by speed: their speeds and bins; and by the place of OSTs, which files
    are on them.
    """

    speed: Float64
    bins: Int64
    on: dict[int, Int64]

    @classmethod
    def of(cls, pieces: list[tuple[Float64, Int64, Int64]]) -> _Near:
        """Out of `_chosen`."""
        first = np.cumsum([0, *(len(speed) for speed, _, _ in pieces)]).tolist()
        speed = np.concatenate([speed for speed, _, _ in pieces])
        order = np.argsort(speed, kind="stable")
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(len(order))
        file = np.concatenate([file + at for at, (_, file, _) in zip(first, pieces, strict=False)])
        place = np.concatenate([place for _, _, place in pieces])
        by_place = np.argsort(place, kind="stable")
        names, cuts = np.unique(place[by_place], return_index=True)
        on = dict(zip(names.tolist(), np.split(number[file[by_place]], cuts[1:]), strict=True))
        return cls(speed[order], _bins(speed[order]), on)

    def is_on(self, place: int) -> npt.NDArray[np.bool_]:
        """Which files are on an OST."""
        found = np.zeros(len(self.speed), bool)
        found[self.on[place]] = True
        return found

    def median(self, middle: tuple[_Rank, _Rank], its: npt.NDArray[np.bool_]) -> float:
        """The median speed of those files that `its` chooses, all of which `middle` counted."""
        found = []
        for one in middle:
            low, high = np.searchsorted(self.bins, [one.bin, one.bin + 1])
            found.append(float(self.speed[low:high][its[low:high]][one.below]))
        return sum(found) / 2
