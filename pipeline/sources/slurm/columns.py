"""Cells of Slurm's accounting as values: times, spans, sizes, states, ids.

"" and the words that Slurm has for it are None: not known. What is neither raises ValueError.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

NOTHING = frozenset({"", "Unknown", "None", "N/A", "None assigned", "(null)", "INVALID"})
LATEST = 2**33
"""Epoch seconds (the year 2242) after which no stamp is one."""
LARGEST = 2**63 - 1
_EPOCH = re.compile(r"-?[0-9]{1,18}")
_SPAN = re.compile(r"(?:([0-9]{1,6})-)?(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2})(?:\.[0-9]+)?")
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)([KMGTPE]?)")
_UNITS: dict[str, int] = {
    unit: 1024**power for power, unit in enumerate(("", "K", "M", "G", "T", "P", "E"))
}
_DISK = re.compile(r"(?:^|,)fs/disk=([0-9.]+[KMGTPE]?)")
_ARRAY = re.compile(r"([0-9]+)_([0-9]+)")
_HETEROGENEOUS = re.compile(r"([0-9]+)\+([0-9]+)")
_ID = re.compile(r"[0-9]{1,18}")


def text(cell: str) -> str | None:
    """A text."""
    return None if cell in NOTHING else cell


def whole(cell: str) -> int | None:
    """A whole number that is not negative."""
    if cell in NOTHING:
        return None
    if not _ID.fullmatch(cell):
        raise ValueError(f"{cell[:40]!r} is not a whole number")
    return int(cell)


@functools.lru_cache(maxsize=65536)
def instants(cell: str, zone: str) -> tuple[int, ...]:
    """Epoch seconds of a stamp; of one in the hour that autumn repeats both, of none ()."""
    if cell in NOTHING:
        return ()
    if _EPOCH.fullmatch(cell):
        found = [int(cell)]
    else:
        local = dt.datetime.strptime(cell, "%Y-%m-%dT%H:%M:%S")
        times = [local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
        found = sorted({int(time.timestamp()) for time in times})
        if times[0].astimezone(dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
            raise ValueError(f"{cell} is a time that no clock of {zone} showed")
    if not 0 < found[0] <= found[-1] < LATEST:
        raise ValueError(f"{cell} is not a time")
    return tuple(found)


def agreed(
    start: Sequence[int], end: Sequence[int], seconds: int | None
) -> tuple[int | None, int | None]:
    """Start and end: of stamps in the hour that autumn repeats those that are `seconds` apart; the
    first pass where none are.
    """
    if not start or not end:
        return (start[0] if start else None), (end[0] if end else None)
    pairs = list(itertools.product(start, end))
    exact = [pair for pair in pairs if pair[1] - pair[0] == seconds]
    forward = [pair for pair in pairs if pair[1] >= pair[0]]
    return (exact or forward or pairs)[0]


def span(cell: str) -> int | None:
    """Seconds of ``[days-][hours:]minutes:seconds``, or of a whole number."""
    if cell in NOTHING or cell in ("UNLIMITED", "Partition_Limit"):
        return None
    if _ID.fullmatch(cell):
        return int(cell)
    match = _SPAN.fullmatch(cell)
    if match is None:
        raise ValueError(f"{cell[:40]!r} is not a span of time")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def size(cell: str) -> int | None:
    """Bytes of a number with a unit of 1024."""
    if cell in NOTHING:
        return None
    match = _SIZE.fullmatch(cell)
    if match is None:
        raise ValueError(f"{cell[:40]!r} is not a size")
    number, unit = match.groups()
    times = _UNITS[unit]
    found = round(float(number) * times) if "." in number else int(number) * times
    if found > LARGEST:
        raise ValueError(f"{cell[:40]!r} is larger than 64 bits")
    return found


def disk(usage: str) -> int | None:
    """Bytes of ``fs/disk`` in a list of trackable resources."""
    match = _DISK.search(usage)
    return size(match[1]) if match else None


def pair(cell: str) -> tuple[int | None, int | None]:
    """``1:9``: exit code and signal."""
    if cell in NOTHING:
        return None, None
    code, colon, signal = cell.partition(":")
    if not colon:
        raise ValueError(f"{cell[:40]!r} is not an exit code")
    return whole(code), whole(signal)


def state(cell: str) -> tuple[str | None, int | None]:
    """``CANCELLED by 1000``: the word, and the user id."""
    if cell in NOTHING:
        return None, None
    word, by, who = cell.partition(" by ")
    return word, whole(who) if by else None


def of_array(shown: str) -> tuple[int | None, int | None]:
    """Job and task of ``100_3``."""
    return _two(_ARRAY.fullmatch(shown))


def of_heterogeneous(shown: str) -> tuple[int | None, int | None]:
    """Job and component of ``100+1``."""
    return _two(_HETEROGENEOUS.fullmatch(shown))


def _two(match: re.Match[str] | None) -> tuple[int | None, int | None]:
    return (int(match[1]), int(match[2])) if match else (None, None)
