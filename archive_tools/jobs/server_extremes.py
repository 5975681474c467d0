"""What the index does not have of the servers behind a file system at some time: the least rates,
the fastest and slowest metadata operations, and each target's state. Read from the archive's
series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from archive_tools.core import gaps
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.formats.series import Series
from archive_tools.jobs.server_days import BEFORE
from archive_tools.jobs.servers import METADATA
from archive_tools.reading.archive import Archive
from archive_tools.store import layout

ALL = ".*"
FAILOVER = "failover/datatargets"
Found = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Behind:
    """The servers behind a file system.

    Attributes
    ----------
    archive : Archive
    instance : str
    components : mapping of str to str
        Regular expression of the whole names of a group's components.
    """

    archive: Archive
    instance: str
    components: Mapping[str, str]

    def read(self, dataset: str, start: int, end: int) -> Series | None:
        """The rows of a dataset from `start` to `end`, the last excluded; None where there are
        none.
        """
        pattern = re.compile(self.components.get(dataset.partition("/")[0], ALL))
        try:
            found = self.archive.read(
                self.instance, dataset, start, end, components=pattern, damaged="skip"
            )
        except (NotFound, BadArgument):
            return None
        return found if found.values.size else None


def _rates(series: Series, start: int) -> Float64:
    """Cells a second of the rows from `start` on; NaN for those that follow gaps, and in the first
    row of all, before which nothing is known.
    """
    found = gaps.without_gaps(series.values) / series.seconds[:, None]
    found[0] = np.nan
    return found[series.timestamps >= start]


def rates(behind: Behind, start: int, end: int) -> Found:
    """The figures of the rows from `start` to `end`, the last excluded."""
    return unknown_rates() | _least_rates(behind, start, end) | _operation_rates(behind, start, end)


def unknown_rates() -> Found:
    """The same where nothing is known of the servers."""
    moved = [key for way in ("read", "written") for key in _keys(way)]
    return dict.fromkeys([*moved, *(key for name in METADATA for key in _operation_keys(name))])


def _keys(way: str) -> tuple[str, str, str]:
    return f"min_bytes_{way}_per_sec", f"min_gibs_{way}_per_sec", f"frac_zero_{way}"


def _operation_keys(name: str) -> tuple[str, str]:
    short = "statfs" if name == "statfss" else name.removesuffix("s")
    return f"max_{short}_ops_per_sec", f"min_{short}_ops_per_sec"


def _least_rates(behind: Behind, start: int, end: int) -> Found:
    """The slowest row of each way, all targets together, of the rows that were measured whole; and
    the part of the measured cells in which nothing was moved.
    """
    found: Found = {}
    for way, name in (("read", "readbytes"), ("written", "writebytes")):
        keys = _keys(way)
        series = behind.read(f"datatargets/{name}", start - BEFORE, end)
        if series is None:
            continue
        steady = _rates(series, start)
        whole = ~np.isnan(steady).any(axis=1)
        if whole.any():
            least = float(steady[whole].sum(axis=1).min())
            found |= {keys[0]: least, keys[1]: least / 2**30}
        cells = series.values[series.timestamps >= start]
        measured = int((~np.isnan(cells)).sum())
        if measured:
            found[keys[2]] = int((cells == 0).sum()) / measured
    return found


def _operation_rates(behind: Behind, start: int, end: int) -> Found:
    """The fastest and the slowest cell of each metadata operation, a second."""
    found: Found = {}
    for name in METADATA:
        series = behind.read(f"mdtargets/{name}", start - BEFORE, end)
        cells = np.empty(0) if series is None else _rates(series, start)
        cells = cells[~np.isnan(cells)]
        if len(cells):
            largest, least = _operation_keys(name)
            found |= {largest: float(cells.max()), least: float(cells.min())}
    return found


STATE = (
    *("ost_count", "ost_avg_full_kib", "ost_actual_timestamp", "ost_next_timestamp"),
    *(f"ost_least_full_{what}" for what in ("kib", "pct", "name", "id")),
    *(f"ost_most_full_{what}" for what in ("kib", "pct", "name", "id")),
    *("ost_fullness_lead_secs", "ost_overloaded_ost_count", "ost_overloaded_pct"),
    "ost_failures_lead_secs",
)


def target_state(behind: Behind, when: int) -> Found:
    """How full the targets were, and how many were served by another server than usual, in the last
    row that was measured at or before a time; not older than an hour.
    """
    found = unknown_state(when)
    used = behind.read("fullness/bytes", when - BEFORE, when + BEFORE)
    total = behind.read("fullness/bytestotal", when - BEFORE, when + BEFORE)
    row = None if used is None else _last(used, when)
    if used and total and row is not None and used.columns == total.columns:
        found |= _fullness(used, total, row, when)
    targets = used.columns if used is not None else ()
    for series in _failovers(behind, targets, when):
        if (row := _last(series, when)) is not None:
            cells = series.values[row]
            known = ~np.isnan(cells)
            found["ost_overloaded_ost_count"] = count = int((cells[known] > 0).sum())
            found["ost_overloaded_pct"] = 100.0 * count / int(known.sum())
            found["ost_failures_lead_secs"] = when - int(series.timestamps[row])
            break
    return found


def unknown_state(when: int | None) -> Found:
    """The same where nothing is known of the targets."""
    return {**dict.fromkeys(STATE), "ost_requested_timestamp": when}


def _last(series: Series, when: int) -> int | None:
    """The last row at or before a time in which something was measured."""
    rows = np.flatnonzero((series.timestamps <= when) & ~np.isnan(series.values).all(axis=1))
    return int(rows[-1]) if len(rows) else None


def _fullness(used: Series, total: Series, row: int, when: int) -> Found:
    cells, sizes = used.values[row], total.values[row]
    known = np.flatnonzero(~np.isnan(cells) & (sizes > 0))
    if not len(known):
        return {}
    stamps: Int64 = used.timestamps
    found: Found = {
        "ost_count": len(known),
        "ost_avg_full_kib": int(cells[known].mean() / 1024),
        "ost_actual_timestamp": int(stamps[row]),
        "ost_next_timestamp": int(stamps[row + 1]) if row + 1 < len(stamps) else None,
        "ost_fullness_lead_secs": when - int(stamps[row]),
    }
    for which, place in (("least", cells[known].argmin()), ("most", cells[known].argmax())):
        number = int(known[place])
        name = used.columns[number]
        digits = re.search("OST([0-9a-f]+)$", name)
        found |= {
            f"ost_{which}_full_kib": int(cells[number] / 1024),
            f"ost_{which}_full_pct": float(100 * cells[number] / sizes[number]),
            f"ost_{which}_full_name": name.rpartition("-")[2],
            f"ost_{which}_full_id": int(digits[1], 16) if digits else None,
        }
    return found


def _failovers(behind: Behind, targets: tuple[str, ...], when: int) -> Iterator[Series]:
    """What instances say of the file system's targets: its own, and others that name the same
    targets.
    """
    own = behind.read(FAILOVER, when - BEFORE, when + BEFORE)
    if own is not None:
        yield own
    (date,) = behind.archive.dates(when, when + 1)
    folder = layout.path(behind.archive.root, layout.TTS, date).parent
    for instance in layout.instances_in(folder) if targets else ():
        if instance != behind.instance:
            pattern = "|".join(map(re.escape, targets))
            other = Behind(behind.archive, instance, {"failover": pattern})
            found = other.read(FAILOVER, when - BEFORE, when + BEFORE)
            if found is not None:
                yield found
