"""Value lists out of files of collectd's csv plugin."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipeline.sources._shared.source_files import Member, Problem, beginning
from pipeline.sources.collectd.forms import Lists, Number
from pipeline.sources.collectd.spool import FIELDS

LARGEST_CSV = 1 << 27
"""Bytes of one file of the csv plugin: a day of one value at 1 s is 2 MB."""
END = 1 << 12
"""Bytes at a file's ends that say which times it is of."""


# Files of the csv plugin

DATED = re.compile(
    r"(?P<type>[^-]+)(?:-(?P<instance>.*))?-\d{4}-\d\d-\d\d(?:-\d{8})?(?:\.[a-z0-9]+)*"
)
PACKED = r"(?:\.(?:gz|bz2|xz|lzma|zst|Z))?"
UNDATED = re.compile(
    rf"(?P<type>[a-z][a-z0-9_]*)(?:-(?P<instance>.+?))??(?:-\d{{8}})?(?:\.\d{{1,2}})?{PACKED}"
)
"""With what logrotate appends: a number, or a date without hyphens."""
UNDATED_INTERFACE = re.compile(rf"(?P<type>[a-z][a-z0-9_]*)(?:-(?P<instance>.+?))?{PACKED}")
"""A number after an interface is a VLAN: ``if_octets-eth0.10``."""


ANY_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class CsvName(NamedTuple):
    """What the path of a file of the csv plugin says."""

    host: str
    plugin: str
    instance: str
    type: str
    type_instance: str
    has_date: bool


def named(path: str) -> CsvName | None:
    """What a path ``HOST/PLUGIN-INSTANCE/TYPE-INSTANCE-YYYY-MM-DD`` says, or one without the date;
    None if it is not of that form.
    """
    parts = PurePosixPath(path).parts[-3:]
    if len(parts) != 3:
        return None
    plugin, _, instance = parts[1].partition("-")
    undated = UNDATED_INTERFACE if plugin == "interface" and not instance else UNDATED
    dated = DATED.fullmatch(parts[-1])
    match = dated or (None if ANY_DATE.search(parts[-1]) else undated.fullmatch(parts[-1]))
    if match is None:
        return None
    type_instance = match["instance"] or ""
    return CsvName(parts[0], plugin, instance, match["type"], type_instance, dated is not None)


def csv(
    member: Member,
    plugins: Collection[str],
    counters: Mapping[str, bool],
    problem: Problem,
    between: tuple[int, int],
) -> Lists:
    """Value lists of one file ``HOST/PLUGIN-INSTANCE/TYPE-INSTANCE-YYYY-MM-DD``; the date may be
    missing.

    `counters` says which types are counters, read as integers. Of the rows those whose stamps are
    in the epoch milliseconds `between`.
    """
    name = named(member.path)
    if name is None:
        problem(
            member.name,
            "is not a file of collectd's csv plugin: HOST/PLUGIN-INSTANCE/TYPE-INSTANCE-YYYY-MM-DD"
            " is expected",
        )
    if name is None or name.plugin not in plugins:
        return
    text = beginning(member, LARGEST_CSV, problem)
    header = text.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
    if header[0] != "epoch" or len(set(header)) != len(header) or not "".join(header).isascii():
        problem(member.name, f"line 1: epoch,NAME,... is expected, not {','.join(header)[:60]!r}")
        return
    integers = counters.get(name.type, False)
    stamps, values = _csv_columns(
        text, header, integers, lambda what: problem(member.name, what), between, name.has_date
    )
    count = len(stamps)
    if count:
        same = {
            "host": name.host,
            "instance": name.instance,
            "type": name.type,
            "type_instance": name.type_instance,
        }
        columns: dict[str, list[Any]] = {
            "time_ms": stamps,
            **{key: [value] * count for key, value in same.items()},
        }
        yield name.plugin, columns | {key: one for key, one in values.items() if key in FIELDS}


def _csv_columns(
    text: bytes,
    header: list[str],
    integers: bool,
    problem: Callable[[str], None],
    between: tuple[int, int],
    whole: bool,
) -> tuple[list[int], dict[str, list[Any]]]:
    number = pa.int64() if integers else pa.float64()
    options = pyarrow.csv.ConvertOptions(
        column_types={"epoch": pa.float64()} | dict.fromkeys(header[1:], number),
        null_values=["nan", "NaN", "-nan", ""],
    )
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text),
            convert_options=options,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
        )
    except (pa.ArrowException, ValueError):
        table = _csv_by_line(text, header, integers, problem, None if whole else between)
    epoch = table.column("epoch")
    known = pc.and_(pc.is_valid(epoch), pc.and_(pc.greater(epoch, 0), pc.less(epoch, 1e11)))
    first, last = (edge / 1000 for edge in between)
    near = pc.and_(pc.greater_equal(epoch, first - 1), pc.less(epoch, last + 1))  # not rounded yet
    table = table.filter(pc.and_(known, near))
    stamps = np.rint(table.column("epoch").to_numpy() * 1000).astype(np.int64).tolist()
    return stamps, {name: table.column(name).to_pylist() for name in header[1:]}


def _csv_by_line(
    text: bytes,
    header: list[str],
    integers: bool,
    problem: Callable[[str], None],
    between: tuple[int, int] | None,
) -> pa.Table:
    """The lines that can be read, one by one. What is wrong is reported unless the lines around it
    say that it is of other times than `between`, in epoch milliseconds.
    """
    rows: list[list[Any]] = []
    wrong: list[str] = []
    before = -math.inf

    def report(after: float) -> None:
        if between is None or (before < between[1] / 1000 and after >= between[0] / 1000):
            for what in wrong:
                problem(what)
        wrong.clear()

    convert: Callable[[str], Number] = int if integers else float
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n")[1:], 2):
        cells = line.strip().split(",")
        if cells == [""]:
            continue
        try:
            if len(cells) != len(header):
                raise ValueError(f"{len(header)} values are expected")
            rows.append(
                [
                    float(cells[0]),
                    *(
                        None if cell in ("nan", "NaN", "-nan", "") else convert(cell)
                        for cell in cells[1:]
                    ),
                ]
            )
            if any(isinstance(cell, int) and abs(cell) >= 1 << 63 for cell in rows[-1]):
                raise ValueError(f"a counter beyond 64 bits: {rows.pop()}")
        except ValueError as error:
            wrong.append(f"line {number}: {line[:60]!r}: {error}")
        else:
            if before <= rows[-1][0] < 1e11:
                report(rows[-1][0])
                before = rows[-1][0]
    report(math.inf)
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    kinds = [pa.float64()] + [pa.int64() if integers else pa.float64()] * (len(header) - 1)
    return pa.table(
        {
            name: pa.array(column, kind)
            for name, column, kind in zip(header, columns, kinds, strict=True)
        }
    )


def span_of(path: Path) -> tuple[float, float] | None:
    """The first and the last stamp of a file that is not compressed, in epoch seconds; None where
    its ends do not say.
    """
    try:
        with path.open("rb") as file:
            head = file.read(END)
            file.seek(max(0, path.stat().st_size - END))
            tail = file.read(END)
        lines = [head.split(b"\n")[1], tail.rstrip(b"\n").split(b"\n")[-1]]
        first, last = (float(line.partition(b",")[0]) for line in lines)
    except (OSError, ValueError, IndexError):
        return None
    return (first, last) if 0 < first <= last < 1e11 else None
