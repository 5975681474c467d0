"""Value lists out of files of collectd's csv plugin."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipeline.sources._shared.source_files import Member, Problem, beginning
from pipeline.sources.collectd.forms import Columns, Lists, Number
from pipeline.sources.collectd.spool import FIELDS

LARGEST_CSV = 1 << 27
"""Bytes of one file of the csv plugin: a day of one value at 1 s is 2 MB."""


# Files of the csv plugin

CSV_NAME = re.compile(r"(?P<type>[^-]+)(?:-(?P<instance>.*))?-\d{4}-\d\d-\d\d(?:\.[a-z0-9]+)?")


def csv(
    member: Member, plugins: Collection[str], counters: Mapping[str, bool], problem: Problem
) -> Lists:
    """Value lists of one file ``HOST/PLUGIN-INSTANCE/TYPE-INSTANCE-YYYY-MM-DD``.

    `counters` says which types are counters, read as integers.
    """
    parts = PurePosixPath(member.path).parts[-3:]
    match = CSV_NAME.fullmatch(parts[-1]) if len(parts) == 3 else None
    plugin, _, instance = parts[1].partition("-") if match else ("", "", "")
    if match is None:
        problem(
            member.name,
            "is not a file of collectd's csv plugin: HOST/PLUGIN-INSTANCE/TYPE-INSTANCE-YYYY-MM-DD"
            " is expected",
        )
    if match is None or plugin not in plugins:
        return
    text = beginning(member, LARGEST_CSV, problem)
    header = text.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
    if header[0] != "epoch" or len(set(header)) != len(header) or not "".join(header).isascii():
        problem(member.name, f"line 1: epoch,NAME,... is expected, not {','.join(header)[:60]!r}")
        return
    integers = counters.get(match["type"], False)
    stamps, values = _csv_columns(text, header, integers, lambda what: problem(member.name, what))
    count = len(stamps)
    if count:
        same = {
            "host": parts[0],
            "instance": instance,
            "type": match["type"],
            "type_instance": match["instance"] or "",
        }
        columns: Columns = {
            "time_ms": stamps,
            **{key: [value] * count for key, value in same.items()},
        }
        yield plugin, columns | {name: column for name, column in values.items() if name in FIELDS}


def _csv_columns(
    text: bytes, header: list[str], integers: bool, problem: Callable[[str], None]
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
        table = _csv_by_line(text, header, integers, problem)
    epoch = table.column("epoch")
    known = pc.and_(pc.is_valid(epoch), pc.and_(pc.greater(epoch, 0), pc.less(epoch, 1e11)))
    table = table.filter(known)
    stamps = np.rint(table.column("epoch").to_numpy() * 1000).astype(np.int64).tolist()
    return stamps, {name: table.column(name).to_pylist() for name in header[1:]}


def _csv_by_line(
    text: bytes, header: list[str], integers: bool, problem: Callable[[str], None]
) -> pa.Table:
    """The lines that can be read, one by one."""
    rows: list[list[Number]] = []
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
            problem(f"line {number}: {line[:60]!r}: {error}")
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    kinds = [pa.float64()] + [pa.int64() if integers else pa.float64()] * (len(header) - 1)
    return pa.table(
        {
            name: pa.array(column, kind)
            for name, column, kind in zip(header, columns, kinds, strict=True)
        }
    )
