"""Tables of `mmperfmon query --csv`, in the form of the others: blanks between figures instead of
commas, ``null`` where there is none.
"""

from __future__ import annotations

import io
import re

HEAD = re.compile(rb'^[ \t]*"?Row"?[ \t]*,[ \t]*"?Timestamp"?[ \t]*(?:,|\r?$)', re.MULTILINE)


def spaced(text: bytes) -> bytes:
    """A text with blanks for the commas of its tables, line by line; one without such tables as it
    is.

    A last line without an end was cut, nobody knows where: it is left as it is, and is no row.
    """
    if not HEAD.search(text):
        return text
    found = bytearray()  # not a list of lines, which takes many times the text
    width = 0
    for whole in io.BytesIO(text):
        if not whole.endswith(b"\n"):
            found += whole
            continue
        line = whole[:-1]
        if HEAD.match(line):
            width = len(line.rstrip(b", \t\r").split(b","))
        elif line.lstrip().startswith(b"Legend:"):
            width = 0
        found += _cells(line, width) if width and b"," in line else line
        found += b"\n"
    return bytes(found)


def _cells(line: bytes, width: int) -> bytes:
    """The cells of a line; what follows a comma that ends it is none."""
    cells = [cell.strip(b' \t\r"') for cell in line.split(b",")]
    if len(cells) == width + 1 and not cells[-1]:
        cells.pop()
    return b" ".join(cell or b"null" for cell in cells)
