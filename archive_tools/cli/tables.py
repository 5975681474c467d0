"""Tables and lines as people read them: rich on a terminal, plain aligned text in a pipe.

Names of components, users and programs come from outside: what cannot be printed in them is escaped
here, for every cell, and nothing in them is taken for markup. No cell is cut off, and only free
text is wrapped.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Collection, Sequence
from typing import IO, TextIO

from archive_tools.core.printable import clean

Row = Sequence[str]
GAP = "  "


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream through something that knows more than plain text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def write(stream: TextIO, text: str) -> None:
    """Write text; characters that the stream's encoding has not are escaped."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def width(text: str) -> int:
    """How many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def plain(header: Row, rows: Sequence[Row], *, left: Collection[int] = (0,)) -> str:
    """A table as text.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str
        As long as the header.
    left : collection of int
        Numbers of the columns that are aligned left; the others are aligned right.

    Returns
    -------
    str
        A line a row, each ended by a line end.
    """
    cleaned = [[clean(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(width, column)) for column in zip(*cleaned, strict=True)]
    return "".join(
        f"{GAP.join(map(_aligned, row, widths, [i in left for i in range(len(row))])).rstrip()}\n"
        for row in cleaned
    )


def _aligned(cell: str, places: int, is_left: bool) -> str:
    space = " " * (places - width(cell))
    return cell + space if is_left else space + cell


def table(
    stream: TextIO, header: Row, rows: Sequence[Row], *, left: Collection[int] = (0,)
) -> None:
    """Write a table as the stream can show it: by rich on a terminal, else see `plain`.

    On a terminal the last column, if it is aligned left, is wrapped between words. Of what is still
    too wide the columns are written below each other, see `blocks`: no number, time or name is
    broken by the table.
    """
    if is_terminal(stream):
        _rich(stream, header, rows, left)
    else:
        write(stream, plain(header, rows, left=left))


class LongTable:
    """A table of any number of rows, which wait in a file without a name until all widths are
    known. Use as a context manager.

    Attributes
    ----------
    rows : int
    """

    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115 (closed by __exit__)
            "w+", encoding="utf-8", newline="\n"
        )
        self._widths: list[int] = []
        self.rows = 0

    def __enter__(self) -> LongTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        """Add a row, of which all have the same length."""
        cells = [clean(cell) for cell in row]
        widths = self._widths or [0] * len(cells)
        self._widths = list(map(max, map(width, cells), widths))
        self._file.write("\0".join(cells) + "\n")
        self.rows += 1

    def write(self, stream: TextIO, header: Row, *, left: Collection[int] = (0,)) -> None:
        """Write it as `plain` does: the columns that the header has, which may be fewer. On a
        terminal that is too narrow, columns are below each other, see `blocks`.
        """
        widths = list(map(max, self._widths or [0] * len(header), map(width, header)))
        every = [list(range(len(header)))]
        for number, columns in enumerate(
            blocks(widths, _places(stream)) if is_terminal(stream) else every
        ):
            if number:
                stream.write("\n")
            self._write(stream, header, widths, columns, left)

    def _write(
        self,
        stream: TextIO,
        header: Row,
        widths: Sequence[int],
        columns: Sequence[int],
        left: Collection[int],
    ) -> None:
        def row(cells: Row) -> str:
            aligned = (_aligned(cells[n], widths[n], n in left) for n in columns)
            return f"{GAP.join(aligned).rstrip()}\n"

        write(stream, row(header))
        self._file.seek(0)
        for line in self._file:
            write(stream, row(line[:-1].split("\0")))


LEAST = 20
"""Places that the last column must have before it is wrapped."""


def _rich(stream: TextIO, header: Row, rows: Sequence[Row], left: Collection[int]) -> None:
    last = len(header) - 1
    widths = [
        max(width(clean(cell)) for cell in column) for column in zip(header, *rows, strict=True)
    ]
    if last in left:
        words = max(
            width(word)
            for cell in [header[last], *(row[last] for row in rows)]
            for word in [*clean(cell).split(" "), ""]
        )
        widths[last] = min(widths[last], max(LEAST, words))
    places = _places(stream)
    for number, columns in enumerate(blocks(widths, places)):
        if number:
            stream.write("\n")
        _block(stream, columns, header, rows, left, max(places, _taken(widths, columns)))


def _places(stream: TextIO) -> int:
    """Of a line of the terminal."""
    from rich.console import Console

    return Console(file=stream).width


def blocks(widths: Sequence[int], places: int) -> list[list[int]]:
    """The columns of a table that is too wide, as tables below each other: the first column, which
    says what a row is of, is in each.

    Parameters
    ----------
    widths : sequence of int
        Places that the columns need.
    places : int
        Of a line.

    Returns
    -------
    list of list of int
        Numbers of columns; all of them in one, which runs over, where one does not fit beside the
        first.
    """
    every = list(range(len(widths)))
    if _taken(widths, every) <= places:
        return [every]
    found = [[0]]
    for column in every[1:]:
        if len(found[-1]) > 1 and _taken(widths, [*found[-1], column]) > places:
            found.append([0])
        found[-1].append(column)
    return found if all(_taken(widths, some) <= places for some in found) else [every]


def _taken(widths: Sequence[int], columns: Sequence[int]) -> int:
    return sum(widths[column] for column in columns) + len(GAP) * (len(columns) - 1)


def _block(
    stream: TextIO,
    columns: Sequence[int],
    header: Row,
    rows: Sequence[Row],
    left: Collection[int],
    places: int,
) -> None:
    """Some columns of a table; the last of all is wrapped if it is text."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
    last = len(header) - 1
    for number in columns:
        shown.add_column(
            Text(clean(header[number])),
            justify="left" if number in left else "right",
            no_wrap=number != last or last not in left,
        )
    for row in rows:
        shown.add_row(*(Text(clean(row[number])) for number in columns))
    console = Console(file=stream, highlight=False)
    console.width = places + len(GAP)
    console.print(shown)
