"""Quantities as people read them: units and their prefixes, numbers, lengths of time.

Every text of that kind is made here: of the commands, the reports, the pictures and the messages.
Formats that another tool prescribes (columns of pytokio's commands, metrics for Prometheus) have
their own layout, with these prefixes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NONE = "–"
"""What is shown in place of a number that is not there."""
IEC = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
BYTES = {f"{prefix}B": 1024.0**power for power, prefix in enumerate(IEC)}
"""Units of bytes, and what each is in bytes."""
_SUFFIXES = {"bytes": "", "bytes/s": "/s"}
PLAIN_BELOW = 1e7
"""Numbers without a prefix are written out up to this, where there is little room."""
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Scale:
    """What numbers are divided by, and the unit that they then have."""

    factor: float
    unit: str

    def shown(self, value: float) -> str:
        """A value with its unit, to three or four digits."""
        text = _digits(value / self.factor, 3)
        separator = "×" if self.unit.startswith("10") else " "
        return f"{text}{separator}{self.unit}".rstrip()


def scale(unit: str, largest: float, *, decimals: int = 0) -> Scale:
    """IEC prefixes for bytes; others as they are, large ones in powers of a thousand.

    Parameters
    ----------
    unit : str
        Base unit: bytes, bytes/s, ops/s, %, ... ; ``1`` is a bare number.
    largest : float
        Largest absolute value that is shown.
    decimals : int
        Decimals of the number with a prefix: one that would be rounded to 1024 has the next prefix.
    """
    if unit in _SUFFIXES:
        name, factor = _unit_of_bytes(largest, decimals)
        return Scale(factor, name + _SUFFIXES[unit])
    bare = _bare(unit)
    if largest < PLAIN_BELOW:
        return Scale(1.0, bare)
    exponent = next(n for n in range(6, 400, 3) if largest / 1000 < 10.0**n)
    return Scale(10.0**exponent, f"10{str(exponent).translate(_SUPERSCRIPTS)} {bare}".rstrip())


def _unit_of_bytes(largest: float, decimals: int) -> tuple[str, float]:
    fitting = (
        (name, factor)
        for name, factor in BYTES.items()
        if round(largest / factor, decimals if factor > 1 else 0) < 1024
    )
    return next(fitting, ("YiB", BYTES["YiB"]))


def _bare(unit: str) -> str:
    return "" if unit == "1" else unit


def _digits(value: float, least: int) -> str:
    """Whole with thousands separators from 1000 on, else `least` digits."""
    large = abs(value) >= 1000 or float(f"{abs(value):.{least}g}") >= 1000
    return f"{value:,.0f}" if large else f"{value + 0.0:.{least}g}"


def number(value: float) -> str:
    """A number as it is: thousands separators, no needless digits."""
    return f"{value + 0.0:,.10g}" if abs(value) >= 1e-4 or not value else f"{value:g}"


def counted(number: int, one: str, more: str = "") -> str:
    """A number of things: ``1 log``, ``2 logs``."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def fixed(value: float | None, unit: str = "") -> str:
    """A number with two decimals, for columns of shares and ratios; – for none."""
    return NONE if value is None else f"{value:.2f} {unit}".rstrip()


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit: bytes with IEC prefixes and one decimal, others with thousands
    separators.

    Parameters
    ----------
    value : float or None
        In the base unit.
    unit : str
        bytes, bytes/s, ops/s, %, ... ; ``1`` and "" are bare numbers.

    Returns
    -------
    str
        – for none and for NaN.
    """
    if value is None or math.isnan(value):
        return NONE
    if unit in _SUFFIXES:
        chosen = scale(unit, abs(value), decimals=1)
        text = f"{value / chosen.factor:,.{1 if chosen.factor > 1 else 0}f}"
        return f"{_unsigned_zero(text)} {chosen.unit}"
    whole = math.isfinite(value) and value == int(value)
    text = f"{value:,.0f}" if whole else _digits(value, 4)
    return f"{_unsigned_zero(text)} {_bare(unit)}".rstrip()


def _unsigned_zero(text: str) -> str:
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def node_hours(node_seconds: int | None) -> str:
    """Node-seconds as node-hours: one decimal, of less than ten three; – for none."""
    if node_seconds is None:
        return NONE
    hours = node_seconds / 3600
    return f"{hours:,.{1 if hours >= 10 or not hours else 3}f}"


def duration(seconds: int) -> str:
    """A length of time, exactly, in the largest unit that it is a multiple of: 5 s, 2 min, 6 h,
    3 d.
    """
    fitting = ((seconds // size, unit) for size, unit in _TIMES if seconds % size == 0)
    count, unit = next(fitting) if seconds else (0, "s")
    return f"{count} {unit}"


def rounded_duration(seconds: float) -> str:
    """A length of time, rounded, in minutes, from one hour on in hours, from three days on in
    days.
    """
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if hours >= 72:
        return f"{seconds / 86400:.0f} d"
    return f"{hours} h" if minutes >= 60 else f"{minutes} min"


def per_time(rate: float, unit: str) -> str:
    """How many a second, or a minute where that is less than one."""
    return f"{rate:.1f} {unit}/s" if rate >= 1 else f"{rate * 60:.1f} {unit}/min"
