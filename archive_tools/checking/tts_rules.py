"""Rules of TTS files, ours and pytokio's, and of the tables of Darshan logs in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from archive_tools import schemas
from archive_tools.checking.problems import Expected, Problem, Rule
from archive_tools.core.arrays import Int64
from archive_tools.core.day import Day
from archive_tools.formats import encoding
from archive_tools.formats.darshan_tables import ROW, TABLES
from archive_tools.formats.encoding import text_of
from archive_tools.formats.tts_read import FACTORS, KEPT_UNITS


def is_ours(file: h5py.File) -> bool:
    """Whether a file says that it was made by this pipeline, and so promises more than TTS version
    1.
    """
    return "timezone" in file.attrs and "date" in file.attrs


# TTS


def version(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """The root attribute `version` is that of the format."""
    found = text_of(file.attrs.get("version", "none"))
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
    reported = {
        "date": str(own),
        "timezone": own.timezone,
        "instance": text_of(file.attrs.get("instance", "")),
    }
    right_of = (
        {"date": str(expected.date), "timezone": expected.timezone, "instance": expected.instance}
        if expected
        else {}
    )
    for name, right_text in right_of.items():
        if reported[name] not in ("", right_text):
            yield Problem(
                "place",
                str(path),
                f"{name} is {reported[name]}, and its place in the archive is that of {right_text}",
            )


def _day_of(file: h5py.File) -> Day:
    return Day(dt.date.fromisoformat(text_of(file.attrs["date"])), text_of(file.attrs["timezone"]))


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
    return item.file[text_of(item.attrs.get("timestamps", f"{item.parent.name}/timestamps"))]


def time_axes(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Time stamps grow by one timestep, and are within start and end."""
    for name in sorted({_axis(item).name for _, item in _items(file)}):
        stamps = np.asarray(file[name][...], dtype=np.int64)
        yield from growing(f"{path}: {name}", stamps)
        if len(stamps) and (stamps[0] < file.attrs["start"] or stamps[-1] >= file.attrs["end"]):
            yield Problem(
                "time stamps",
                f"{path}: {name}",
                f"{stamps[0]} to {stamps[-1]} are not within {file.attrs['start']} to"
                f" {file.attrs['end']}",
            )


def growing(where: str, stamps: Int64) -> Iterator[Problem]:
    """Time stamps that do not follow each other by one timestep."""
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
    """Time stamps are those of the whole day, by the timestep that the axis has."""
    own = _day_of(file)
    for name in sorted({_axis(item).name for _, item in _items(file)}):
        axis = file[name]
        timestep = int(axis.attrs["timestep"])
        right = own.timestamps(timestep)
        if axis.shape != right.shape or axis[0] != right[0] or axis[-1] != right[-1]:
            reported = (
                f"{len(axis)} rows do not cover the day, which has {len(right)} of {timestep} s"
            )
            yield Problem("time stamps", f"{path}: {name}", reported)


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
                f"rows are on {item.dims[0][0].name}, not on {_axis(item).name}",
            )
        elif tuple(item.dims[1][0].asstr()[...]) != encoding.decode_names(item.attrs["columns"]):
            yield Problem(
                "scales",
                f"{path}: {name}",
                f"{item.dims[1][0].name} and the attribute columns name other components",
            )


def catalogue(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Datasets are in the catalogue, with its unit and kind; a site's own say theirs."""
    for name, item in _items(file):
        known = schemas.catalogue().get(name)
        if known is None:
            if text_of(item.attrs.get("catalogue", "")) != "own":
                yield Problem("catalogue", f"{path}: {name}", "is not in the catalogue")
            elif not _describes_itself(item):
                yield Problem("catalogue", f"{path}: {name}", "does not say its unit and kind")
            continue
        unit, kind = text_of(item.attrs.get("units", "")), text_of(item.attrs.get("kind", ""))
        if unit not in KEPT_UNITS | {known.unit}:
            yield Problem("unit", f"{path}: {name}", f"{unit or 'none'} in place of {known.unit}")
        if kind != known.kind:
            yield Problem("kind", f"{path}: {name}", f"{kind or 'none'} in place of {known.kind}")


def _describes_itself(item: h5py.Dataset) -> bool:
    """Whether a dataset has the attributes that the catalogue has of others."""
    said = {key: text_of(item.attrs.get(key, "")) for key in OWN}
    reducers = {said["time_reducer"], said["column_reducer"]}
    is_kind = said["kind"] in ("delta", "gauge")
    return bool(said["units"]) and is_kind and reducers <= set(schemas.REDUCERS)


OWN = ("units", "kind", "time_reducer", "column_reducer")


def units(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Older files say a unit that can be brought to the base unit; a rate's is allowed on amounts,
    too, in pytokio's.
    """
    for name, item in _items(file):
        known = schemas.catalogue().get(name) or schemas.rates().get(name)
        unit = text_of(item.attrs.get("units", "")).removesuffix("/sec").removesuffix("/s")
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
        broken, problems = _table(f"{path}: darshan/{name}", file["darshan"].get(name))
        yield from problems
        if broken:
            return
    for key, table in (("log_id", "logs"), ("fs_id", "mounts")):
        own, used = file[f"darshan/{table}/{key}"][...], file[f"darshan/summaries/{key}"][...]
        if len(np.unique(own)) < len(own):
            yield Problem("tables", f"{path}: darshan/{table}", f"{key} is not unique")
        if not np.isin(used, own).all():
            where = f"{path}: darshan/summaries"
            yield Problem("tables", where, f"rows of a {key} that is not in {table}")


def _table(where: str, group: h5py.Group | None) -> tuple[bool, list[Problem]]:
    """Whether one table cannot be used at all, and what is wrong with it."""
    if group is None:
        return True, [Problem("tables", where, "is not there")]
    torn = sorted(name for name, item in group.items() if not isinstance(item, h5py.Dataset))
    if torn:
        what = f"columns that cannot be opened: {', '.join(torn)}"
        return True, [Problem("damaged", where, what)]
    lengths = {name: len(item) for name, item in group.items()}
    wrong = [name for name, length in lengths.items() if length != lengths.get(ROW)]
    what = f"{', '.join(wrong)} not as long as {ROW}"
    return False, [Problem("tables", where, what)] if wrong else []


_COMMON: tuple[Rule, ...] = (version, bounds, time_axes, columns)
TTS_RULES: tuple[Rule, ...] = (*_COMMON, units)
OWN_RULES: tuple[Rule, ...] = (*_COMMON, day, whole_day, scales, catalogue, tables)
