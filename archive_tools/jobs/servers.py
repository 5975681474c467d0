"""What the servers behind a file system did while applications ran: figures for many intervals at
once.

One dataset of one day is in memory at a time, and is reduced to profiles over time before the next
one is read. A day that is not there, or cannot be read, is missing: it never counts as zero.
`archive_tools.jobs.intervals` has the arithmetic, `docs/format.md` says what the figures are and
why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from archive_tools.jobs import intervals
from archive_tools.jobs.intervals import Pieces, Taken
from archive_tools.jobs.server_days import BEFORE, REACH, dates
from archive_tools.jobs.server_series import Profile, ServerSeries, Times, amounts, fill, loads

METADATA = (
    "opens",
    "closes",
    "mknods",
    "links",
    "unlinks",
    "mkdirs",
    "rmdirs",
    "renames",
    "getxattrs",
    "statfss",
    "setattrs",
    "getattrs",
)
AMOUNTS = {
    "fs_bytes_read": "datatargets/readbytes",
    "fs_bytes_written": "datatargets/writebytes",
    "fs_reads": "datatargets/readops",
    "fs_writes": "datatargets/writeops",
} | {f"fs_{name}": f"mdtargets/{name}" for name in METADATA}
PEAKS = {
    "datatargets/readbytes": "fs_peak_read_rate",
    "datatargets/writebytes": "fs_peak_write_rate",
}
LOADS = {"fs_oss_cpu": "dataservers/cpuload", "fs_mds_cpu": "mdservers/cpuload"}
FULLNESS = {
    "fs_bytes_full": ("fullness/bytes", "fullness/bytestotal"),
    "fs_inodes_full": ("fullness/inodes", "fullness/inodestotal"),
}
MOVED = {"read": "datatargets/readbytes", "written": "datatargets/writebytes"}

Figures = dict[str, Float64]
"""Name of a column of the index to a value an interval; NaN is not known."""


# Profiles to figures


def figures(source: ServerSeries, first: Int64, last: Int64) -> tuple[Figures, Int64, Int64]:
    """What servers did in each interval.

    Parameters
    ----------
    source : ServerSeries
    first, last : int64 (intervals,)
        First and last second, both included.

    Returns
    -------
    figures : dict of str to float64 (intervals,)
        See `docs/format.md`; NaN where nobody measured.
    start, end : int64 (intervals,)
        The time of the rows that were taken, end exclusive; the intervals themselves where there
        are not rows.
    """
    found: Figures = {}
    times = Times(first, last, before=True)
    start, end = first, last + 1
    covered = np.zeros(len(first))
    for name, dataset in AMOUNTS.items():
        profile = source.profile((dataset,), amounts)
        if profile is None:
            continue
        taken, pieces = times.rows(profile)
        if dataset in PEAKS:
            covered += _covered(profile, taken, pieces)
            start, end = taken.start, taken.end
            found[PEAKS[dataset]] = _peak(profile.values[:, 2], profile.values[:, 3] > 0, pieces)
        found[name] = _total(profile.values[:, :2], pieces)
    found["fs_missing"] = np.clip(100.0 - 100.0 * covered / len(PEAKS), 0.0, 100.0)
    found["fs_start"], found["fs_end"] = start.astype(np.float64), end.astype(np.float64)
    return found | _loads(source, times) | _fullness(source, first, start), start, end


def _total(values: Float64, pieces: Pieces) -> Float64:
    """Sums of the first column; NaN where the second, what was measured, comes to nothing."""
    total, measured = pieces.reduced(values, np.add).T
    return np.where(measured > 0, total, np.nan)


def _peak(values: Float64, known: npt.NDArray[np.bool_], pieces: Pieces) -> Float64:
    (peak,) = pieces.reduced(np.where(known, values, -np.inf)[:, None], np.maximum).T
    return np.where(np.isfinite(peak), peak, np.nan)


def _covered(profile: Profile, taken: Taken, pieces: Pieces) -> Float64:
    """The part of each interval's cells that was measured, 0 to 1; days that are not there were
    not.
    """
    seconds = (profile.values[:, 1] * profile.seconds)[:, None]
    return pieces.reduced(seconds, np.add)[:, 0] / (taken.end - taken.start)


def _loads(source: ServerSeries, times: Times) -> Figures:
    found: Figures = {}
    for name, dataset in LOADS.items():
        profile = source.profile((dataset,), loads)
        if profile is not None:
            _, pieces = times.rows(profile)
            total, count = pieces.reduced(profile.values[:, :2], np.add).T
            found[f"{name}_mean"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
            found[f"{name}_peak"] = _peak(profile.values[:, 2], profile.values[:, 1] > 0, pieces)
    return found


def _fullness(source: ServerSeries, first: Int64, start: Int64) -> Figures:
    """The state measured last at or before the first row, if that is not older than `BEFORE`."""
    found: Figures = {}
    for name, datasets in FULLNESS.items():
        profile = source.profile(datasets, fill)
        if profile is None:
            continue
        known = intervals.last_known(~np.isnan(profile.values[:, 0]))
        place = np.searchsorted(profile.stamps, start, "right") - 1
        row = np.where(place >= 0, known[place], -1)
        fresh = (row >= 0) & (profile.stamps[row] >= first - BEFORE)
        found[name], found[f"{name}est"] = np.where(fresh, profile.values[row].T, np.nan)
    return found


def coverage(own: Float64, moved: Float64) -> Float64:
    """Own bytes by the servers' bytes; NaN where these moved nothing, or either is not known."""
    out = np.full(len(own), np.nan)
    np.divide(own, moved, out=out, where=moved > 0)
    return out


def shares(series: ServerSeries, own: Mapping[str, Float64], first: Int64, last: Int64) -> Figures:
    """Own bytes by the bytes of all logs in the rows of the Darshan series that the intervals
    touch.

    Parameters
    ----------
    series : ServerSeries
        The Darshan instance; its component is the file system.
    own : mapping of str to float64 (intervals,)
        For read and written.

    Returns
    -------
    dict of str to float64 (intervals,)
        ``share_read``, ``share_written``: 0 to 1; NaN where nobody moved anything, or a part of the
        time is in no series. It is 1 at most, also where a bin of a heat map reaches past the end
        of its log into the next row.
    """
    found: Figures = {}
    times = Times(first, last, before=False)
    for what, dataset in MOVED.items():
        profile = series.profile((dataset,), amounts)
        if profile is None:
            continue
        taken, pieces = times.rows(profile)
        total = _total(profile.values[:, :2], pieces)
        whole = _covered(profile, taken, pieces) == 1.0
        found[f"share_{what}"] = np.minimum(
            coverage(own[what], np.where(whole, total, np.nan)), 1.0
        )
    return found


# Dates


def dates_touched(day: Day, first: Int64, last: Int64) -> Iterator[dt.date]:
    """Those of `dates` that at least one of the intervals touches."""
    for date in dates(day, first.min(), last.max()) if len(first) else []:
        one = Day(date, day.timezone)
        if ((first - BEFORE < one.end) & (last >= one.start)).any():
            yield date


def within_reach(
    day: Day, first: npt.NDArray[Any], last: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Which intervals are not garbage: they do not end before they begin, and all of each is within
    `REACH` of the day.
    """
    return (first <= last) & (first >= day.start - REACH) & (last <= day.end + REACH)
