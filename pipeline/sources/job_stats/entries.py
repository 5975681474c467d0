"""Text of job_stats' entries to figures.

Any entry can be read line by line. Most have the lines of the one before, with other numbers: its
`Layout` reads them at once. A layout gives what reading by lines gives, or does not match.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.sources.job_stats import table

Figures = npt.NDArray[np.int64]
LONGEST = 1 << 16
"""Bytes of a line, and of an entry."""
MOST = 2**63 - 1
UNKNOWN = -1
"""Figure of what a target does not count."""
NOT_SAID = b"%d" % UNKNOWN
CHANGED, SINCE = 0, 1
"""Columns of figures: when the entry was last changed, and when it began; 0 is not said."""
STAMPS = {b"snapshot_time": CHANGED, b"start_time": SINCE}
COUNTERS = slice(len(STAMPS), len(STAMPS) + len(table.COLUMNS))
"""Columns of figures that are those of `table.COLUMNS`."""
PLACES = {name: place for place, name in enumerate(table.COLUMNS, COUNTERS.start)}
"""The column of figures of each counter."""
ENTRY = re.compile(rb"- job_id:([^\n]*)\n((?:[ \t][^\n]*\n)+)")
LAYOUTS = 64
"""Layouts that are kept; there are as many as kinds of targets, in versions of Lustre."""
_STAMP = re.compile(rb"^\s+(snapshot_time|start_time):\s*([0-9]{1,11})", re.MULTILINE)
_FIGURE = re.compile(
    rb"^\s+([a-z_]+):\s*\{\s*samples:\s*([0-9]{1,19}),\s*unit:\s*([a-z]+)"
    rb"(?:,\s*min:\s*[0-9]+,\s*max:\s*[0-9]+,\s*sum:\s*([0-9]{1,19}))?(?:,\s*sumsq:\s*[0-9]+)?"
    rb"(?:,\s*hist:\s*\{[^{}\n]*\})?\s*\}\s*$",
    re.MULTILINE,
)
_HEAD = re.compile(rb"[ \t]+([a-z_]+):[^\n{]*\n")
_COUNTED = {
    **{name.encode(): PLACES[counted] for name, (counted, _) in table.AMOUNTS.items()},
    **{name.encode(): PLACES[column] for name, column in table.OPERATIONS.items()},
}
_SUMMED = {name.encode(): PLACES[summed] for name, (_, summed) in table.AMOUNTS.items()}


@dataclass(frozen=True)
class Layout:
    """Which lines an entry has.

    Attributes
    ----------
    pattern : re.Pattern
        Of a whole entry: groups are the job's id, and numbers.
    columns : tuple of int
        The column of figures of each number.
    lines : int
    figures : int
        How many lines have figures.
    """

    pattern: re.Pattern[bytes]
    columns: tuple[int, ...]
    lines: int
    figures: int


NEVER = Layout(re.compile(rb"(?!)"), (), 0, 0)
"""Of no entry."""


def figures_of(text: bytes) -> tuple[dict[int, int], int]:
    """Figures of an entry by column, and how many lines of figures it has; the text is what follows
    the line of the job's id.

    Raises
    ------
    ValueError
        A line cannot be read.
    """
    found = _FIGURE.findall(text)
    lines = text.count(b"samples:")
    if lines != len(found) or not found or len(text) > LONGEST:
        raise ValueError(f"{len(found)} of {lines} figures can be read")
    stamps = _STAMP.findall(text, 0, text.index(b"{"))
    figures = {STAMPS[name]: int(second) for name, second in stamps}
    for name, samples, unit, amount in found:
        if (column := _COUNTED.get(name)) is not None:
            figures[column] = _number(samples)
            if amount and unit == b"bytes" and (column := _SUMMED.get(name)) is not None:
                figures[column] = _number(amount)
    return figures, len(found)


def _number(digits: bytes) -> int:
    found = int(digits)
    if found > MOST:
        raise ValueError("a figure that is larger than 64 bits")
    return found


def layout_of(text: bytes) -> Layout:
    """The layout of an entry that can be read; `NEVER` where its lines are not as Lustre writes
    them.
    """
    heads, names = [], [name for name, *_ in _FIGURE.findall(text)]
    at = 0
    while head := _HEAD.match(text, at):
        heads.append(head[1])
        at = head.end()
    once = len({*heads, *names}) == len(heads) + len(names)
    if not once or text.count(b"\n") != len(heads) + len(names):
        return NEVER
    return _layout(tuple(heads), tuple(names))


@functools.lru_cache(LAYOUTS)
def _layout(heads: tuple[bytes, ...], names: tuple[bytes, ...]) -> Layout:
    """Possessive quantifiers: what does not match is not tried in other ways. Numbers of 19 digits
    may be too large, and are left to reading by lines.
    """
    lines, columns = [], list[int]()
    for name in heads:
        if name in STAMPS:
            lines.append(rb"[ \t]++%b:[ \t]*+([0-9]{1,11}+)(?![0-9])[^\n{]*+\n" % name)
            columns.append(STAMPS[name])
        else:
            lines.append(rb"[ \t]++%b:[^\n{]*+\n" % name)
    for name in names:
        counted, summed = _COUNTED.get(name), _SUMMED.get(name)
        samples, unit, amount = rb"[0-9]{1,19}+", rb"[a-z]++", rb"[0-9]{1,19}+"
        if counted is not None:
            samples = rb"([0-9]{1,18}+)"
            columns.append(counted)
        if summed is not None:
            unit, amount = b"bytes", rb"([0-9]{1,18}+)"
            columns.append(summed)
        lines.append(
            rb"[ \t]++%b:[ \t]*+\{[ \t]*+samples:[ \t]*+%b,[ \t]*+unit:[ \t]*+%b"
            rb"(?:,[ \t]*+min:[ \t]*+[0-9]++,[ \t]*+max:[ \t]*+[0-9]++,[ \t]*+sum:[ \t]*+%b)?+"
            rb"(?:,[ \t]*+sumsq:[ \t]*+[0-9]++)?+(?:,[ \t]*+hist:[ \t]*+\{[^{}\ns]*+\})?+"
            rb"[ \t]*+\}[ \t]*+\n" % (name, samples, unit, amount)
        )
    expression = rb"- job_id:([^\n]*+)\n" + b"".join(lines) + rb"(?![ \t])"
    return Layout(re.compile(expression), tuple(columns), 1 + len(lines), len(names))


def digits_of(figures: Mapping[int, int]) -> tuple[bytes, ...]:
    """Figures as a layout's groups are."""
    return tuple(b"%d" % figure for figure in figures.values())


def array_of(rows: Iterable[tuple[Sequence[int], Sequence[Sequence[bytes]]]]) -> Figures:
    """Figures of entries.

    Parameters
    ----------
    rows : iterable
        Columns, and the digits of entries that have these; in the order of the entries.

    Returns
    -------
    numpy.ndarray
        A row an entry; `UNKNOWN` is what it does not have, but 0 of `STAMPS`.
    """
    found = [_part(columns, numbers) for columns, numbers in rows]
    return np.concatenate(found) if found else np.empty((0, COUNTERS.stop), np.int64)


def _part(columns: Sequence[int], numbers: Sequence[Sequence[bytes]]) -> Figures:
    figures = np.full((len(numbers), COUNTERS.stop), UNKNOWN, np.int64)
    figures[:, : COUNTERS.start] = 0
    text = b" ".join(itertools.chain.from_iterable(numbers))
    figures[:, list(columns)] = np.fromstring(text, np.int64, sep=" ").reshape(
        len(numbers), len(columns)
    )
    return figures
