"""Series that a site measures itself, written into an archive: a day of an instance, in the same
layout, with the same checks and the same whole files as what the pipeline makes.

A dataset of the catalogue has its unit, kind and reducers. Any other says them itself, and keeps
them as attributes of the file, where readers find them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core import software
from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.errors import ArchiveError, BadArgument
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import BUILD_VERSION, REDUCERS, Dataset, Kind, Reducer
from archive_tools.store import files, layout, lock, status
from archive_tools.store.receipts import Receipt, Receipts, fingerprint

KIND = status.OWN
"""What stands for the kind of source, and marks datasets that are not of the catalogue."""
INSTANCE = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")
DATASET = re.compile(r"(?!darshan/)[a-z][a-z0-9_]*/(?!timestamps|component)[a-z][a-z0-9_]*")
LONGEST_NAME = 255


@dataclass(frozen=True)
class OwnSeries:
    """One dataset of one day that a site measures itself.

    Attributes
    ----------
    dataset : str
        ``group/name``, lower case.
    columns : sequence of str
        Names of the components.
    timestep : int
        Seconds a row; divides an hour.
    values : float (rows, columns)
        A row for each timestep of the day, from its midnight on; NaN where nobody measured.
    unit : str
        Base unit. This and what follows is the catalogue's where the dataset is in it.
    kind : {'delta', 'gauge'}
        An amount of the row's time, or a state.
    time, across : {'sum', 'mean', 'min', 'max'}
        How rows, and how components, are joined; a sum for a delta, else the mean, unless given.
    doc : str
        What it is, in some words.
    """

    dataset: str
    columns: Sequence[str]
    timestep: int
    values: npt.ArrayLike
    unit: str = ""
    kind: str = ""
    time: str = ""
    across: str = ""
    doc: str = ""


def write_series(
    archive: str | Path,
    instance: str,
    date: dt.date | str,
    series: Sequence[OwnSeries],
    *,
    timezone: str = "",
    site: str = "",
    complete_percent: float = 99.0,
) -> Path:
    """Write a day of a site's own series; replaces what an earlier call wrote of that day.

    Parameters
    ----------
    archive : str or pathlib.Path
        The archive's folder.
    instance : str
        What the series are read by; not one that the pipeline makes.
    date : datetime.date or str
        A day of the archive's time zone.
    series : sequence of OwnSeries
        Each dataset once.
    timezone, site : str
        Of a new archive; one that is there has its own.
    complete_percent : float
        The day is complete when every dataset has this share of its cells, else partial.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    BadArgument
        Something of this is not as described here; nothing is written.
    ArchiveError
        The archive cannot be written; what is there is kept.
    Busy
        Another run holds the day.
    """
    root = Path(archive)
    day = Day(_date(date), _timezone(root, timezone))
    if not INSTANCE.fullmatch(instance) or instance.endswith(("_index", "_jobs")):
        raise BadArgument(
            f"{instance!r} cannot be the name of an instance", expected="letters, digits, _ and -"
        )
    datasets = [_described(one) for one in series]
    if not datasets or len({one.name for one in datasets}) < len(datasets):
        raise BadArgument("each dataset once is expected, at least one", got=str(len(datasets)))
    grids = [_grid(one, known, day) for one, known in zip(series, datasets, strict=True)]
    with lock.holding(root, [day.date]):
        about = _begin(root, day.timezone, site or instance)
        _check_free(root, about, day.date, instance)
        return _write(root, day, instance, about, datasets, grids, complete_percent)


def _date(date: dt.date | str) -> dt.date:
    try:
        return dt.date.fromisoformat(date) if isinstance(date, str) else dt.date(*_parts(date))
    except ValueError as error:
        raise BadArgument(f"{date!r} is not a date", expected="such as 2026-11-22") from error


def _parts(date: dt.date) -> tuple[int, int, int]:
    return date.year, date.month, date.day


def _timezone(root: Path, given: str) -> str:
    """The archive's time zone; the one that is given for a new archive."""
    path = root / layout.ABOUT
    found = given
    if path.is_file():
        try:
            found = str(json.loads(path.read_text("utf-8"))["timezone"])
        except (ValueError, KeyError, TypeError) as error:
            raise ArchiveError(f"{path} does not say the time zone: {error}") from error
    try:
        ZoneInfo(found)
    except (ValueError, OSError, LookupError):
        raise BadArgument(
            f"{root} is not an archive yet, and {found!r} is not a time zone for a new one",
            expected="timezone: an IANA name, such as America/Los_Angeles",
        ) from None
    if given and given != found:
        raise BadArgument(f"the days of {root} are of another time zone", expected=found, got=given)
    return found


def _begin(root: Path, timezone: str, site: str) -> dict[str, Any]:
    """The content of `archive.json`, which is written for a new archive."""
    path = root / layout.ABOUT
    if path.is_file():
        return dict(json.loads(path.read_text("utf-8")))
    about = {"site": site, "timezone": timezone, "hdf5_files": {}, "layout": 1}
    files.write_text(path, json.dumps(about, indent=1) + "\n")
    return about


def _check_free(root: Path, about: dict[str, Any], date: dt.date, instance: str) -> None:
    """Refuse an instance that the pipeline makes."""
    made = Receipts(root).day(date)
    receipt = made.good(instance, Product.TTS)
    keys = made.content(receipt).get("configuration", {}) if receipt else {}
    if instance in about.get("instances", {}) or (receipt and keys.get("kind") != KIND):
        raise BadArgument(
            f"the instance {instance!r} of {root} is made by the pipeline",
            hint="give the series an instance of their own",
        )


def _described(one: OwnSeries) -> Dataset:
    """What a dataset is: by the catalogue, else by what is given.

    Raises
    ------
    BadArgument
        It is not said, or otherwise than in the catalogue.
    """
    given = {"unit": one.unit, "kind": one.kind, "time": one.time, "columns": one.across}
    if known := schemas.catalogue().get(one.dataset):
        for key, value in given.items():
            if value not in ("", getattr(known, key)):
                expected = str(getattr(known, key))
                raise BadArgument(
                    f"{one.dataset}: {key} is the catalogue's", expected=expected, got=value
                )
        return known
    if one.dataset in schemas.rates() or not DATASET.fullmatch(one.dataset):
        raise BadArgument(
            f"{one.dataset!r} cannot be the name of a dataset",
            expected="group/name in lower case, of an amount or a state, not of a rate",
        )
    default = "sum" if one.kind == "delta" else "mean"
    time, across = one.time or default, one.across or default
    if not one.unit or one.kind not in ("delta", "gauge") or {time, across} - set(REDUCERS):
        raise BadArgument(
            f"{one.dataset} is not in the catalogue, and is not described",
            expected=f"a unit; kind delta or gauge; time and across one of {', '.join(REDUCERS)}",
            got=", ".join(f"{key} {value!r}" for key, value in given.items()),
        )
    reducers = cast(Reducer, time), cast(Reducer, across)
    return Dataset(
        one.dataset, one.unit, cast(Kind, one.kind), *reducers, "", one.doc or one.dataset
    )


def _grid(one: OwnSeries, known: Dataset, day: Day) -> Grid:
    """The values with columns in the order of components.

    Raises
    ------
    BadArgument
        They are not those of the whole day, or no device can have them.
    """
    if not isinstance(one.timestep, int) or one.timestep < 1 or 3600 % one.timestep:
        raise BadArgument(
            f"{one.dataset}: timestep {one.timestep!r} does not divide an hour of 3600 s"
        )
    names = list(one.columns)
    wrong = [n for n in names if not (0 < len(n) <= LONGEST_NAME and n.isprintable())]
    if wrong or not names or len(set(names)) < len(names):
        raise BadArgument(
            f"{one.dataset}: names of columns are not unique, or not printable",
            expected=f"1 to {LONGEST_NAME} characters, each name once",
            got=repr(wrong or names)[:200],
        )
    values = np.asarray(one.values, dtype=np.float64)
    shape = day.rows(one.timestep), len(names)
    if values.shape != shape:
        raise BadArgument(
            f"{one.dataset}: the values are not those of {day}",
            expected=f"{shape[0]} rows of {one.timestep} s, {shape[1]} columns",
            got=str(values.shape),
        )
    if np.isinf(values).any() or (known.kind == "delta" and (values < 0).any()):
        raise BadArgument(f"{one.dataset}: a value is infinite, or an amount below zero")
    order = sorted(range(len(names)), key=lambda number: component_order(names[number]))
    columns = tuple(names[number] for number in order)
    return Grid(one.dataset, columns, day.start, one.timestep, values[:, order])


def _write(
    root: Path,
    day: Day,
    instance: str,
    about: dict[str, Any],
    datasets: Sequence[Dataset],
    grids: Sequence[Grid],
    complete_percent: float,
) -> Path:
    path = layout.path(root, layout.TTS, day.date, instance)
    inputs = fingerprint(
        [
            (str(known), grid.columns, grid.timestep)
            for known, grid in zip(datasets, grids, strict=True)
        ],
        [hashlib.sha256(grid.values.tobytes()).hexdigest() for grid in grids],
    )
    made = {"software": f"{software.DISTRIBUTION} {software.version()}", "version": BUILD_VERSION}
    root_attributes: dict[str, str | int] = {
        "site": str(about.get("site", "")),
        "instance": instance,
        "inputs_fingerprint": inputs,
        "provenance": json.dumps({**made, "findings": []}, sort_keys=True),
    }
    with files.replacing(path) as temporary:
        with TtsWriter(temporary, day, attributes=root_attributes) as writer:
            for known, grid in zip(datasets, grids, strict=True):
                writer.write(grid, known, source=KIND, updated=day.end)
                if known.name not in schemas.catalogue():
                    writer.file[known.name].attrs["catalogue"] = KIND
        size = temporary.stat().st_size
    cells = {grid.dataset: grid.values.size for grid in grids}
    percent = min(100.0 * writer.measured[name] / cells[name] for name in cells)
    is_whole = percent >= complete_percent
    receipt = Receipt(
        day.date,
        instance,
        Product.TTS,
        BUILD_VERSION,
        inputs,
        ReceiptState.COMPLETE if is_whole else ReceiptState.PARTIAL,
        100 if is_whole else int(percent),
    )
    quality = {
        name: {"measured": writer.measured[name], "missing": cells[name] - writer.measured[name]}
        for name in cells
    }
    content = {
        **made,
        "bytes": size,
        "counts": {"datasets": len(grids), "cells": sum(writer.measured.values())},
        "configuration": {"kind": KIND, "timestep": min(grid.timestep for grid in grids)},
        "percent": round(percent, 1),
        "quality": quality,
        "findings": [],
        "events": [],
        "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    Receipts(root).write(receipt, content)
    return path
