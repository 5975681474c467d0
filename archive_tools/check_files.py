"""Whether single files are whole: series (ours, pytokio's, pyLMT's), indexes and job tables.

Each rule is a short function that yields problems. What a damaged file makes HDF5 raise is a
problem, too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from archive_tools import schemas
from archive_tools.core import threads
from archive_tools.core.arrays import Int64
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, TokioError
from archive_tools.formats import encoding
from archive_tools.formats.darshan_tables import ROW, TABLES
from archive_tools.formats.h5lmt_read import STEPS
from archive_tools.formats.row_blocks import Part
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import FACTORS, KEPT_UNITS, open_tts
from archive_tools.reading.reduction import FLOW


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes
    ----------
    kind : str
        One or two words, the same for the same rule.
    where : str
        File, and dataset or table in it.
    what : str
    """

    kind: str
    where: str
    what: str


@dataclass(frozen=True)
class Expected:
    """What the place of a file in the archive says of it.

    Attributes
    ----------
    date : datetime.date
    timezone, instance : str
    measured : mapping of str to int
        Measured cells of datasets, as the receipt tells them; only those are compared.
    """

    date: dt.date
    timezone: str
    instance: str
    measured: Mapping[str, int] = field(default_factory=dict)


def check_series(
    path: Path, expected: Expected | None = None, *, deep: bool = False
) -> Iterator[Problem]:
    """Problems of a file of time series.

    Parameters
    ----------
    path : pathlib.Path
    expected : Expected, optional
        What its place in the archive says of it.
    deep : bool
        Also read all values through h5py alone, and compare.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        yield Problem("cannot be opened", str(path), str(error))
        return
    with file:
        rules = _H5LMT_RULES if STEPS in file else _OWN_RULES if is_ours(file) else _TTS_RULES
        for rule in rules:
            yield from _guarded(rule, path, file, expected)
    yield from check_values(path, expected.measured if expected else {}, deep=deep)


def unreadable(path: Path) -> Iterator[Problem]:
    """A file that cannot be opened at all."""
    try:
        path.open("rb").close()
    except OSError as error:
        yield Problem("cannot be opened", str(path), error.strerror or str(error))


def is_ours(file: h5py.File) -> bool:
    """Whether a file says that it was made by this pipeline, and so promises more than TTS version
    1.
    """
    return "timezone" in file.attrs and "date" in file.attrs


_Rule = Callable[[Path, h5py.File, Expected | None], Iterator[Problem]]
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError)


def _guarded(
    rule: _Rule, path: Path, file: h5py.File, expected: Expected | None
) -> Iterator[Problem]:
    try:
        yield from rule(path, file, expected)
    except _DAMAGE as error:
        yield Problem("damaged", str(path), f"{rule.__name__.strip('_')}: {_told(error)}")


def _told(error: Exception) -> str:
    """What HDF5 or the archive's readers say; not what Python says of values that are of no use,
    nor what is to be done next.
    """
    if isinstance(error, OSError | KeyError | RuntimeError) and not isinstance(error, TokioError):
        return str(error)
    return (
        str(error).partition("; to do:")[0]
        if isinstance(error, TokioError)
        else "attributes or values are not what they should be"
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


# TTS


def version(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """The root attribute `version` is that of the format."""
    found = _text(file.attrs.get("version", "none"))
    if found != schemas.SCHEMA_VERSION:
        yield Problem("version", str(path), f"version {found} in place of {schemas.SCHEMA_VERSION}")


def bounds(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Start comes before end."""
    start, end = int(file.attrs["start"]), int(file.attrs["end"])
    if start >= end:
        yield Problem("bounds", str(path), f"start {start} is not before end {end}")


def day(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Start and end are those of the day in its zone; day, zone and instance are those of the place
    in the archive.
    """
    own = _day_of(file)
    for name, found, right in (
        ("start", int(file.attrs["start"]), own.start),
        ("end", int(file.attrs["end"]), own.end),
    ):
        if found != right:
            yield Problem(
                "bounds",
                str(path),
                f"{name} is {found}, and {right} by the calendar of {own.timezone}",
            )
    told = {
        "date": str(own),
        "timezone": own.timezone,
        "instance": _text(file.attrs.get("instance", "")),
    }
    right_of = (
        {"date": str(expected.date), "timezone": expected.timezone, "instance": expected.instance}
        if expected
        else {}
    )
    for name, right_text in right_of.items():
        if told[name] not in ("", right_text):
            yield Problem(
                "place",
                str(path),
                f"{name} is {told[name]}, and its place in the archive is that of {right_text}",
            )


def _day_of(file: h5py.File) -> Day:
    return Day(dt.date.fromisoformat(_text(file.attrs["date"])), _text(file.attrs["timezone"]))


def _items(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """The datasets of series, and their names."""
    for group in file.values():
        if isinstance(group, h5py.Group):
            yield from (
                (item.name[1:], item)
                for item in group.values()
                if isinstance(item, h5py.Dataset) and "columns" in item.attrs
            )


def _axis(item: h5py.Dataset) -> h5py.Dataset:
    return item.file[_text(item.attrs.get("timestamps", f"{item.parent.name}/timestamps"))]


def time_axes(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Time stamps grow by one timestep, and are within start and end."""
    for name in sorted({_axis(item).name for _, item in _items(file)}):
        stamps = np.asarray(file[name][...], dtype=np.int64)
        yield from _growing(f"{path}: {name}", stamps)
        if len(stamps) and (stamps[0] < file.attrs["start"] or stamps[-1] >= file.attrs["end"]):
            yield Problem(
                "time stamps",
                f"{path}: {name}",
                f"{stamps[0]} to {stamps[-1]} are not within {file.attrs['start']} to"
                f" {file.attrs['end']}",
            )


def _growing(where: str, stamps: Int64) -> Iterator[Problem]:
    if not len(stamps):
        yield Problem("time stamps", where, "there are none")
        return
    steps = np.diff(stamps)
    wrong = np.flatnonzero((steps != steps[0]) | (steps <= 0)) if len(steps) else steps
    if len(wrong):
        row = int(wrong[0])
        first = f"{stamps[row]} and {stamps[row + 1]}"
        yield Problem(
            "time stamps",
            where,
            f"{len(wrong)} do not follow by one timestep of {steps[0]} s, first after row {row}:"
            f" {first}",
        )


def whole_day(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Time stamps are those of the whole day, by the timestep that the axis tells."""
    own = _day_of(file)
    for name in sorted({_axis(item).name for _, item in _items(file)}):
        axis = file[name]
        timestep = int(axis.attrs["timestep"])
        right = own.timestamps(timestep)
        if axis.shape != right.shape or axis[0] != right[0] or axis[-1] != right[-1]:
            told = f"{len(axis)} rows do not cover the day, which has {len(right)} of {timestep} s"
            yield Problem("time stamps", f"{path}: {name}", told)


def columns(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """There are as many columns as values, with unique names, and as many rows as time stamps."""
    for name, item in _items(file):
        names = encoding.decode_names(item.attrs["columns"])
        if item.shape != (len(_axis(item)), len(names)):
            yield Problem(
                "columns",
                f"{path}: {name}",
                f"{item.shape} values for {len(_axis(item))} time stamps and {len(names)} names",
            )
        twice = (
            sorted({one for one in names if names.count(one) > 1})
            if len(set(names)) < len(names)
            else []
        )
        if twice:
            yield Problem(
                "columns", f"{path}: {name}", f"names that are there twice: {', '.join(twice[:5])}"
            )


def scales(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """The dimension scales are the time axis and the names of the columns."""
    for name, item in _items(file):
        if not len(item.dims[0]) or not len(item.dims[1]):
            yield Problem("scales", f"{path}: {name}", "a dimension has no scale")
        elif item.dims[0][0] != _axis(item):
            yield Problem(
                "scales",
                f"{path}: {name}",
                f"rows stand on {item.dims[0][0].name}, not on {_axis(item).name}",
            )
        elif tuple(item.dims[1][0].asstr()[...]) != encoding.decode_names(item.attrs["columns"]):
            yield Problem(
                "scales",
                f"{path}: {name}",
                f"{item.dims[1][0].name} and the attribute columns name other components",
            )


def catalogue(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Datasets are in the catalogue, with its unit and kind."""
    for name, item in _items(file):
        known = schemas.catalogue().get(name)
        if known is None:
            yield Problem("catalogue", f"{path}: {name}", "is not in the catalogue")
            continue
        unit, kind = _text(item.attrs.get("units", "")), _text(item.attrs.get("kind", ""))
        if unit not in KEPT_UNITS | {known.unit}:
            yield Problem("unit", f"{path}: {name}", f"{unit or 'none'} in place of {known.unit}")
        if kind != known.kind:
            yield Problem("kind", f"{path}: {name}", f"{kind or 'none'} in place of {known.kind}")


def units(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Older files say a unit that can be brought to the base unit; a rate's stands on amounts, too,
    in pytokio's.
    """
    for name, item in _items(file):
        known = schemas.catalogue().get(name) or schemas.rates().get(name)
        unit = _text(item.attrs.get("units", "")).removesuffix("/sec").removesuffix("/s")
        if known and unit not in KEPT_UNITS | {known.unit} | set(FACTORS):
            yield Problem(
                "unit", f"{path}: {name}", f"{unit or 'none'} cannot be brought to {known.unit}"
            )


def tables(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Columns of the tables of Darshan logs are of one length; summaries belong to logs and mounts
    that are there.
    """
    if "darshan" not in file:
        return
    for name in TABLES:
        if name not in file["darshan"]:
            yield Problem("tables", f"{path}: darshan/{name}", "is not there")
            return
        torn = sorted(
            column
            for column, item in file[f"darshan/{name}"].items()
            if not isinstance(item, h5py.Dataset)
        )
        if torn:
            yield Problem(
                "damaged",
                f"{path}: darshan/{name}",
                f"columns that cannot be opened: {', '.join(torn)}",
            )
            return
        lengths = {column: len(item) for column, item in file[f"darshan/{name}"].items()}
        wrong = [column for column, length in lengths.items() if length != lengths.get(ROW)]
        if wrong:
            yield Problem(
                "tables", f"{path}: darshan/{name}", f"{', '.join(wrong)} not as long as {ROW}"
            )
    for key, table in (("log_id", "logs"), ("fs_id", "mounts")):
        own, used = file[f"darshan/{table}/{key}"][...], file[f"darshan/summaries/{key}"][...]
        if len(np.unique(own)) < len(own):
            yield Problem("tables", f"{path}: darshan/{table}", f"{key} is not unique")
        if not np.isin(used, own).all():
            yield Problem(
                "tables", f"{path}: darshan/summaries", f"rows of a {key} that is not in {table}"
            )


# H5LMT


def steps(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Time stamps grow by one timestep."""
    yield from _growing(f"{path}: {STEPS}", np.asarray(file[STEPS][...], dtype=np.int64))


def components(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Datasets have as many rows as their attribute has names, and times for all but one of
    them.
    """
    for group in file.values():
        for item in group.values():
            names = next(
                (
                    item.attrs[key]
                    for key in ("OSTNames", "OSSNames", "OpNames")
                    if key in item.attrs
                ),
                None,
            )
            if names is not None and len(names) != len(item):
                yield Problem(
                    "columns", f"{path}: {item.name}", f"{len(item)} rows for {len(names)} names"
                )
            if abs(item.shape[-1] - len(file[STEPS])) > 1:
                yield Problem(
                    "time stamps",
                    f"{path}: {item.name}",
                    f"{item.shape[-1]} values for {len(file[STEPS])} time stamps",
                )


_COMMON: tuple[_Rule, ...] = (version, bounds, time_axes, columns)
_TTS_RULES: tuple[_Rule, ...] = (*_COMMON, units)
_OWN_RULES: tuple[_Rule, ...] = (*_COMMON, day, whole_day, scales, catalogue, tables)
_H5LMT_RULES: tuple[_Rule, ...] = (steps, components)


# Values


class Seen(NamedTuple):
    """What was seen in some rows."""

    dataset: str
    measured: int = 0
    infinite: int = 0
    negative: int = 0
    other: int = 0
    damage: str = ""


def check_values(
    path: Path, measured: Mapping[str, int], *, deep: bool = False
) -> Iterator[Problem]:
    """All values can be read; none is infinite, no amount is below zero, and as many are measured
    as the receipt says.
    """
    found: dict[str, list[Seen]] = {}
    try:
        with open_tts(path) as direct, open_tts(path, direct=False) as plain:
            for seen in threads.in_order(_seen, _tasks(direct, plain, deep)):
                found.setdefault(seen.dataset, []).append(seen)
    except (TokioError, *_DAMAGE) as error:
        yield Problem("damaged", str(path), _told(error))
        return
    for name, parts in found.items():
        yield from _judged(f"{path}: {name}", parts, measured.get(name))
    for name in sorted(set(measured) - set(found)):
        yield Problem(
            "measured",
            f"{path}: {name}",
            f"the receipt says {measured[name]} measured cells; it is not there",
        )


_Task = tuple[str, bool, Part | None, Part | None, str]


def _tasks(direct: SeriesFile, plain: SeriesFile, deep: bool) -> Iterator[_Task]:
    """Dataset, whether it is a flow, and the two ways to read some of its rows; or why they are not
    known.
    """
    for name in direct.datasets():
        try:
            is_flow, ways = direct.kind(name) in FLOW, (direct.parts(name), plain.parts(name))
        except (TokioError, *_DAMAGE) as error:
            yield name, False, None, None, _told(error)
            continue
        yield from (
            (name, is_flow, one, other if deep else None, "")
            for one, other in zip(*ways, strict=True)
        )


def _seen(task: _Task) -> Seen:
    name, is_flow, direct, plain, damage = task
    if direct is None:
        return Seen(name, damage=damage)
    try:
        values = direct.load()
        same = plain is None or np.array_equal(values, plain.load(), equal_nan=True)
    except FormatError as error:
        return Seen(name, damage=_told(error))
    with np.errstate(invalid="ignore"):
        finite = np.count_nonzero(np.isfinite(values))
        infinite = np.count_nonzero(np.isinf(values)) if finite < values.size else 0
        negative = np.count_nonzero(values < 0) if is_flow else 0
    return Seen(
        name, int(finite + infinite), int(infinite), int(negative), 0 if same else values.shape[0]
    )


def _judged(where: str, parts: list[Seen], measured: int | None) -> Iterator[Problem]:
    for one in parts:
        if one.damage:
            yield Problem("damaged", where, one.damage)
            return
    count = {
        key: sum(getattr(one, key) for one in parts)
        for key in ("measured", "infinite", "negative", "other")
    }
    if count["infinite"]:
        yield Problem("infinite", where, f"{count['infinite']} values are infinite")
    if count["negative"]:
        yield Problem("negative", where, f"{count['negative']} amounts are below zero")
    if count["other"]:
        yield Problem("differs", where, f"{count['other']} rows are others when HDF5 reads them")
    if measured is not None and measured != count["measured"]:
        yield Problem(
            "measured", where, f"{count['measured']} measured cells; the receipt says {measured}"
        )


# Index and jobs


def check_index(path: Path, source: Path | None = None) -> Iterator[Problem]:
    """SQLite finds no damage; the tables are there, and as long as those of the file that they are
    made from.
    """
    if closed := list(unreadable(path)):
        yield from closed
        return
    try:
        with contextlib.closing(_connected(path)) as connection:
            damage = [
                str(row[0])
                for row in connection.execute("PRAGMA integrity_check(5)")
                if row[0] != "ok"
            ]
            counts = (
                {
                    table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                    for table in _INDEXED.values()
                }
                if not damage
                else {}
            )
    except sqlite3.Error as error:
        yield Problem("damaged", str(path), str(error))
        return
    if damage:
        yield Problem("damaged", str(path), "; ".join(damage))
    right = _lengths(source) if source else {}
    for name, table in _INDEXED.items():
        if table in counts and name in right and counts[table] != right[name]:
            yield Problem(
                "rows", f"{path}: {table}", f"{counts[table]} rows; {source} has {right[name]}"
            )


_INDEXED = {"logs": "headers", "mounts": "mounts", "summaries": "summaries"}
"""Table of `darshan.hdf5` to that of the index; pytokio's have these, too."""


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro", uri=True)


def _lengths(source: Path) -> dict[str, int]:
    """Rows of the tables of a file of Darshan logs; of damage, `check_series` tells."""
    try:
        with h5py.File(source, "r") as file:
            return {
                name: len(file[f"darshan/{name}/{ROW}"])
                for name in _INDEXED
                if f"darshan/{name}/{ROW}" in file
            }
    except _DAMAGE:
        return {}


def check_jobs(path: Path) -> Iterator[Problem]:
    """All of a table of jobs can be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if closed := list(unreadable(path)):
        yield from closed
        return
    try:
        pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        yield Problem("damaged", str(path), str(error))


def same_jobs(path: Path, index: Path) -> Iterator[Problem]:
    """The sums of a table of jobs are those of its index; what cannot be read is told of
    elsewhere.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with contextlib.closing(_connected(index)) as connection:
            known = {row[1] for row in connection.execute("PRAGMA table_info(summaries)")} - {
                "log_id",
                "fs_id",
            }
            names = [name for name in pq.read_schema(path).names if name in known]
            query = (
                f"SELECT {', '.join(f'SUM({name})' for name in names)} FROM summaries"
                if names
                else "SELECT NULL"
            )
            right = dict(zip(names, connection.execute(query).fetchone(), strict=False))
        table = pq.read_table(path, columns=names)
    except (OSError, pa.ArrowException, sqlite3.Error):
        return
    for name in names:
        found = pc.sum(table[name]).as_py() or 0
        if found != (right[name] or 0):
            yield Problem("sums", f"{path}: {name}", f"{found}; {index} has {right[name] or 0}")
