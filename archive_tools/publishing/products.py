"""The files of a day, made anew for a published copy from their content: nothing of the original's
bytes is copied, and only what is known.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import h5py

from archive_tools import schemas
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.grid import Grid
from archive_tools.core.software import DISTRIBUTION, version
from archive_tools.formats import darshan_tables, encoding, kept_summary
from archive_tools.formats.encoding import text_of
from archive_tools.formats.index_file import PIECE, open_index
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import KEPT_UNITS, open_tts
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.publishing import columns
from archive_tools.publishing.names import Names
from archive_tools.reading.day_summary import day_summary

MADE_ANEW = {"version", "start", "end", "timezone", "date", "missing", "Conventions"}
HASHED = {"site", "instance", "inputs_fingerprint"}
DROPPED = {"provenance", "reader"}
AMOUNTS = {f"bytes_placed_by_{method}" for method in ("dxt", "heatmap", "even")}
SCALE = {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "DIMENSION_LABELS"}
OF_DATASETS = SCALE | {"columns", "units", "version", "updated", "kind", "time_reducer"}
OF_DATASETS |= {"column_reducer", "long_name", "largest", "timestamps", *kept_summary.NAMES}
OF_AXES = SCALE | {"units", "standard_name", "timestep"}
LOGS = "darshan"
KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")


# Series


def publish_series(source: Path, target: Path, names: Names, site: str) -> None:
    """Write a TTS file, and the tables of logs in it, with other names.

    Raises
    ------
    FormatError
        It has something that is not known; says what.
    """
    with open_tts(source) as tts, h5py.File(source, "r") as file:
        _check_known(source, file)
        root = tts.attributes
        day = Day(dt.date.fromisoformat(text_of(root["date"])), text_of(root["timezone"]))
        about: dict[str, Any] = {
            "site": site,
            "instance": names.instance(text_of(root.get("instance", ""))),
            "inputs_fingerprint": names.fingerprint(text_of(root.get("inputs_fingerprint", ""))),
            "provenance": json.dumps(made_by(), sort_keys=True),
            **{key: int(root[key]) for key in sorted(AMOUNTS & root.keys())},
        }
        is_nan = text_of(root["missing"]) == "nan"
        missing: encoding.Missing = "nan" if is_nan else "negative_zero"
        options: dict[str, Any] = {"missing": missing, "attributes": about}
        with TtsWriter(target, day, **options, summarise=day_summary) as writer:
            for name in tts.datasets():
                _copy_dataset(source, tts, file[name], writer, names, is_of_logs=LOGS in file)
            if LOGS in file:
                _copy_tables(source, sorted(file[LOGS]), writer, names)


def made_by() -> dict[str, str]:
    """What a published file says of where it comes from."""
    return {"software": f"{DISTRIBUTION} {version()}", "published": "names are keyed hashes"}


def _check_known(path: Path, file: h5py.File) -> None:
    """Refuse a file with attributes, groups or datasets that are not known."""
    known = MADE_ANEW | HASHED | DROPPED | AMOUNTS
    if unknown := sorted(set(file.attrs) - known):
        raise columns.refused(path, "it has root attributes that publish does not know", unknown)
    if lacking := sorted(MADE_ANEW - set(file.attrs)):
        raise columns.refused(path, "it was not made by this software: it lacks", lacking)
    groups = {name.partition("/")[0] for name in schemas.catalogue()}
    for name, group in file.items():
        if name not in groups | {LOGS} or not isinstance(group, h5py.Group):
            raise columns.refused(path, "it has a group that publish does not know", [name])
        if unknown := sorted(set(group.attrs) - {"source"}):
            raise columns.refused(path, f"{name} has attributes that are not known", unknown)
        if name != LOGS:
            for short, item in group.items():
                _check_item(path, f"{name}/{short}", item)


def _check_item(path: Path, name: str, item: Any) -> None:
    short = name.rpartition("/")[2]
    is_series = isinstance(item, h5py.Dataset) and "columns" in item.attrs
    is_axis = re.fullmatch(r"(timestamps|component)(_\w+)?", short) is not None
    if not isinstance(item, h5py.Dataset) or not (is_axis or name in schemas.catalogue()):
        raise columns.refused(path, "it has a dataset that publish does not know", [name])
    if unknown := sorted(set(item.attrs) - (OF_DATASETS if is_series else OF_AXES)):
        raise columns.refused(path, f"{name} has attributes that are not known", unknown)


def _copy_dataset(
    path: Path,
    tts: SeriesFile,
    item: h5py.Dataset,
    writer: TtsWriter,
    names: Names,
    *,
    is_of_logs: bool,
) -> None:
    """Write one dataset with other names of columns, in their order."""
    name = item.name[1:]
    known = schemas.catalogue()[name]
    unit = text_of(item.attrs["units"])
    reducer = cast(schemas.Reducer, text_of(item.attrs["column_reducer"]))
    kind = text_of(item.parent.attrs.get("source", ""))
    if unit not in {known.unit} | KEPT_UNITS or reducer not in schemas.REDUCERS:
        raise columns.refused(path, f"{name} has a unit or reducer that is not known")
    if not KIND.fullmatch(kind):
        raise columns.refused(path, f"{item.parent.name} has a source that is not known")
    rename = names.file_system if is_of_logs else names.component
    new = [rename(column) for column in tts.columns(name)]
    order = sorted(range(len(new)), key=lambda number: component_order(new[number]))
    values = tts.to_numpy(name)[:, order]
    stamps = tts.timestamps(name)
    grid = Grid(name, tuple(new[n] for n in order), int(stamps[0]), tts.timestep(name), values)
    writer.write(
        grid,
        dataclasses.replace(known, unit=unit, columns=reducer),
        source=kind,
        updated=int(item.attrs["updated"]),
        largest=tts.largest(name),
    )


def _copy_tables(path: Path, there: Sequence[str], writer: TtsWriter, names: Names) -> None:
    if unknown := sorted(set(there) - set(darshan_tables.TABLES)):
        raise columns.refused(path, "it has tables that publish does not know", unknown)
    tables = darshan_tables.TableWriter(writer.file)
    for name in there:
        for piece in darshan_tables.read_pieces(path, name):
            tables.append(name, columns.table_rule(path, name, piece, names))
    tables.close()


# Index

TABLES = ("headers", "mounts", "summaries", "rejects", "servers", "job_servers")


def publish_index(source: Path, target: Path, names: Names) -> None:
    """Write an index with other names: a new database, into which no name of the original ever
    comes.

    Raises
    ------
    FormatError
        It has a table, a column or a type of value that is not known.
    """
    with contextlib.closing(open_index(source)) as old:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        there = [str(row[0]) for row in old.execute(query)]
        if unknown := sorted(set(there) - set(TABLES)):
            raise columns.refused(source, "it has tables that publish does not know", unknown)
        with contextlib.closing(sqlite3.connect(target)) as new:
            new.execute("PRAGMA journal_mode = OFF")
            new.execute("PRAGMA secure_delete = ON")
            new.executescript(schemas.new_index_sql())
            for table in there:
                _copy_rows(source, old, new, table, names)
            new.commit()


def _copy_rows(
    path: Path, old: sqlite3.Connection, new: sqlite3.Connection, table: str, names: Names
) -> None:
    """Copy the rows of a table; its name is one of `TABLES`."""
    there = [str(row[1]) for row in old.execute(f"PRAGMA table_info({table})")]
    columns.check(path, table, there)
    known = {str(row[1]) for row in new.execute(f"PRAGMA table_info({table})")}
    if unknown := sorted(set(there) - known):
        raise columns.refused(path, f"table {table} has columns of another one", unknown)
    rules = [columns.value_rule(path, column, names) for column in there]
    listed, marks = ", ".join(there), ", ".join("?" * len(there))
    new.executemany(
        f"INSERT INTO {table} ({listed}) VALUES ({marks})",
        (
            tuple(rule(value) for rule, value in zip(rules, row, strict=True))
            for row in _rows(old, f"SELECT {listed} FROM {table} ORDER BY rowid")
        ),
    )


def _rows(connection: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(PIECE):
        yield from rows
