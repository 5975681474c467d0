"""Rows of a saved or live answer of sacct, or of the JSON of pytokio's cache_slurm: names of
columns to texts. What cannot be read is a problem, and costs its row.

The first line names the columns, and by that the delimiter. A name of a job is what its user likes:
where only one column is free text, what there is too much of a line is that column's, and where it
is the last one, so is a line without a delimiter. sacct ends each line, so a last line without an
end was cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO

from archive_tools.core import node_lists
from archive_tools.core.printable import clean

Row = dict[str, str]
"""Column in small letters to cell."""
Problem = Callable[[str], None]
LONGEST = 1 << 20
"""Bytes of a line."""
JSON_SHARE = 16
"""One part in so many of `max_expanded_mb` is what a JSON text may have: it is read as a whole."""
MOST_JSON = (1024 << 20) // JSON_SHARE
MOST_WRONG = 1000
"""Values that are no jobs, after which a text is not read any further."""
FREE_TEXT = frozenset(
    {"jobname", "comment", "admincomment", "systemcomment", "submitline", "workdir", "wckey"}
)
_HEADER = re.compile(r"(?:JobID|JobIDRaw|[A-Z][A-Za-z]+)(?P<between>[^A-Za-z]+)[A-Z]")


def rows(stream: IO[bytes], problem: Problem, most_json: int = MOST_JSON) -> Iterator[Row] | None:
    """The rows of a file.

    Parameters
    ----------
    stream : binary stream
    problem : callable
    most_json : int
        Bytes that a JSON text may have, which is read as a whole.

    Returns
    -------
    iterator of dict, or None
        None where there is no header, of which `problem` is told: not even that there were no jobs
        is known.
    """
    first = stream.readline(LONGEST)
    while first and not first.strip():
        first = stream.readline(LONGEST)
    if first.lstrip()[:1] in (b"{", b"["):
        return _of_json(first + stream.read(most_json + 1), problem, most_json)
    columns = _Columns.of(first)
    if columns is None:
        problem(
            "is empty: sacct's answer has at least a line that names the columns"
            if not first
            else f"has no line that names the columns; it begins {clean(_decoded(first)[:80])!r}"
        )
        return None
    return _of_text(columns, stream, problem)


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")


class _Columns:
    """The names of the columns, and how a line is cut into them."""

    def __init__(self, names: list[str], between: str) -> None:
        self.names, self.between = names, between
        free = [place for place, name in enumerate(names) if name in FREE_TEXT]
        self.free = free[0] if len(free) == 1 else None

    @classmethod
    def of(cls, line: bytes) -> _Columns | None:
        text = _decoded(line)
        match = _HEADER.match(text)
        if match is None or not line.endswith(b"\n"):
            return None
        names = [name.lower() for name in text.split(match["between"])]
        known = "jobid" in names or "jobidraw" in names
        is_one = known and len(set(names)) == len(names) and all(map(str.isalnum, names))
        return cls(names, match["between"]) if is_one else None

    def continues(self, text: str) -> bool:
        """Whether a line without a delimiter is more of the line before: a name may have line ends
        in it, and sacct gives them as they are.
        """
        return self.free == len(self.names) - 1 and self.between not in text

    def row(self, text: str) -> Row:
        cells = text.split(self.between)
        more = len(cells) - len(self.names)
        if more > 0 and self.free is not None:
            last = self.free + more + 1
            cells[self.free : last] = [self.between.join(cells[self.free : last])]
        if len(cells) != len(self.names):
            raise ValueError(f"{len(cells)} columns, {len(self.names)} are named")
        return dict(zip(self.names, cells, strict=True))


def _of_text(columns: _Columns, stream: IO[bytes], problem: Problem) -> Iterator[Row]:
    held: Row | None = None
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST), b""), 2):
        if not line.endswith(b"\n"):
            problem(f"line {number}: breaks off, or is longer than {LONGEST >> 20} MiB")
            _skip_line(stream, line)
            continue
        text, again = _decoded(line), _Columns.of(line)
        if held is not None and columns.continues(text):
            held[columns.names[-1]] += f"\n{text}"
            continue
        if held is not None:
            yield held
            held = None
        if again and again.between == columns.between:  # two answers in one file
            columns = again
            continue
        try:
            held = columns.row(text) | {"line": str(number)}
        except ValueError as error:
            problem(f"line {number}: {error}")
    if held is not None:
        yield held


def _skip_line(stream: IO[bytes], line: bytes) -> None:
    """Read up to the end of a line that is too long."""
    while line and not line.endswith(b"\n"):
        line = stream.readline(LONGEST)


def _of_json(content: bytes, problem: Problem, most: int) -> Iterator[Row]:
    """``{"123.batch": {"jobidraw": ..., "start": ..., "nodelist": [...]}}``."""
    if len(content) > most:
        problem(
            f"is refused: JSON of more than {most >> 20} MiB; to do: raise max_expanded_mb of the"
            f" source, of which JSON may have one part in {JSON_SHARE}, or save several files"
        )
        return
    wrong = 0
    try:
        for number, job in enumerate(_values(content.decode("utf-8")), 1):
            try:
                if not isinstance(job, dict) or not ("jobidraw" in job or "jobid" in job):
                    raise ValueError("has no jobidraw")
                row = {str(name).lower(): _cell(value) for name, value in job.items()}
            except ValueError as error:
                problem(f"job {number}: {error}")
                wrong += 1
                if wrong > MOST_WRONG:
                    problem(f"the rest is not read: more than {MOST_WRONG:,} are not jobs")
                    return
                continue
            yield row | {"line": str(number)}
    except (ValueError, RecursionError) as error:
        problem(f"is not JSON: {clean(str(error))}")


def _values(text: str) -> Iterator[object]:
    """The values of an object or list one by one, so that many need no more memory than one.

    Raises
    ------
    ValueError, RecursionError
        It is not JSON.
    """
    decode, blank = json.JSONDecoder().raw_decode, re.compile(r"[ \t\r\n]*")

    def after(at: int) -> int:
        return blank.match(text, at).end()  # type: ignore[union-attr]

    at = after(0)
    is_object = text[at : at + 1] == "{"
    end = "}" if is_object else "]"
    at = after(at + 1)
    separator = end if text[at : at + 1] == end else ","
    while separator == ",":
        if is_object:
            name, at = decode(text, at)
            at = after(at)
            if not isinstance(name, str) or text[at : at + 1] != ":":
                raise json.JSONDecodeError("expected a name and a colon", text, at)
            at = after(at + 1)
        value, at = decode(text, at)
        yield value
        at = after(at)
        separator = text[at : at + 1]
        if separator not in (",", end):
            raise json.JSONDecodeError(f"expected , or {end}", text, at)
        at = after(at + 1) if separator == "," else at
    if after(at + 1) != len(text):
        raise json.JSONDecodeError("extra data", text, at + 1)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return node_lists.compact(map(str, value))
    if isinstance(value, dict):
        raise ValueError("a cell is an object")
    return "" if value is None else str(value).encode("utf-8", "replace").decode()
