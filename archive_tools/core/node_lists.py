"""Lists of nodes as Slurm writes them: ``nid[00005-00012,00020],login1``.

A list is kept as text, for a large job's is long. A name may have several brackets, and text after
them. What a list stands for is counted before it is expanded, so that a list that names more nodes
than a machine can have costs nothing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_NODES = 200_000
"""Nodes that a list may stand for."""
MOST_BRACKETS = 4
_PIECE = re.compile(r"[^\[\],\s]+|\[([0-9,-]+)\]")
_RANGE = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,15})([^0-9]*)")


@dataclass(frozen=True)
class Range:
    """Numbers from `first` to `last`, written with at least `width` digits."""

    first: int
    last: int
    width: int

    def __iter__(self) -> Iterator[str]:
        return (f"{number:0{self.width}d}" for number in range(self.first, self.last + 1))


Pattern = tuple[str | tuple[Range, ...], ...]
"""A name: texts, and brackets with what is in them."""


def parse(text: str) -> list[Pattern]:
    """The names of a list, brackets as ranges.

    Raises
    ------
    ValueError
        It is not a list of nodes, or stands for more than `MOST_NODES`.
    """
    found = [_pattern(name) for name in _names(text)]
    if sum(map(_count, found)) > MOST_NODES:
        raise ValueError(f"a list of more than {MOST_NODES:,} nodes")
    return found


def count(text: str) -> int:
    """How many names a list has; see `parse`."""
    return sum(map(_count, parse(text)))


def expand(text: str) -> list[str]:
    """The names of a list, in its order; see `parse`."""
    return [
        "".join(parts)
        for pattern in parse(text)
        for parts in itertools.product(
            *(
                [piece] if isinstance(piece, str) else itertools.chain.from_iterable(piece)
                for piece in pattern
            )
        )
    ]


def compact(names: Iterable[str]) -> str:
    """Names as a list: sorted, each name once, those that differ in their last number together."""
    plain: list[str] = []
    numbered: dict[tuple[str, str, int], list[int]] = {}
    for name in sorted(set(names)):
        match = _NUMBERED.fullmatch(name)
        if match is None:
            plain.append(name)
            continue
        head, digits, tail = match.groups()
        numbered.setdefault((head, tail, len(digits)), []).append(int(digits))
    lists = [
        f"{head}{_bracket(sorted(numbers), width)}{tail}"
        for (head, tail, width), numbers in numbered.items()
    ]
    return ",".join(sorted([*plain, *lists]))


def _names(text: str) -> Iterator[str]:
    """The parts of a list between the commas that are in no bracket."""
    start = depth = 0
    for place, letter in enumerate(text):
        if letter in "[]":
            depth += 1 if letter == "[" else -1
        elif letter == "," and not depth:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _pattern(name: str) -> Pattern:
    pieces: list[str | tuple[Range, ...]] = []
    place = 0
    for match in _PIECE.finditer(name):
        if match.start() != place:
            break
        pieces.append(_ranges(match[1]) if match[1] else match[0])
        place = match.end()
    if place != len(name) or not name or not name.isprintable():
        raise ValueError(f"{name[:60]!r} is not a name of nodes")
    if sum(not isinstance(piece, str) for piece in pieces) > MOST_BRACKETS:
        raise ValueError(f"{name[:60]!r} has more than {MOST_BRACKETS} brackets")
    return tuple(pieces)


def _ranges(text: str) -> tuple[Range, ...]:
    found = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"[{text[:60]}] is not a range of nodes")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise ValueError(f"[{text[:60]}] ends before it begins")
        found.append(Range(int(first), int(last), len(first)))
    return tuple(found)


def _count(pattern: Pattern) -> int:
    return math.prod(
        1 if isinstance(piece, str) else sum(one.last - one.first + 1 for one in piece)
        for piece in pattern
    )


def _bracket(numbers: list[int], width: int) -> str:
    """``[00005-00012,00020]``, or the only number."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    if len(numbers) == 1:
        return f"{numbers[0]:0{width}d}"
    texts = (
        f"{first:0{width}d}" + (f"-{last:0{width}d}" if last > first else "")
        for first, last in runs
    )
    return f"[{','.join(texts)}]"
