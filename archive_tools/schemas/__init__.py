"""What the datasets are, and what is in an index: tables, checked when loaded.

`tts-1.toml` is the catalogue: unit, kind and reducers of each dataset. `darshan_index.sql` is the
index's DDL. A table that says something impossible is refused here, so that nothing has to be
guessed later.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from archive_tools.core.errors import ConfigError

SCHEMA_VERSION = "1"
"""Version of the TTS layout, as the files' root attribute says it."""

BUILD_VERSION = 2
"""Raised whenever the same inputs would give different products: older ones become stale, not
unreadable.
"""
FIGURES_VERSION = 3
"""Raised when a day's figures change: older ones are made again."""
REPORT_VERSION = 6
"""Raised when a day's page changes: older ones are made again."""

Kind = Literal["delta", "gauge"]
Reducer = Literal["sum", "mean", "min", "max"]
Absent = Literal["missing", "zero"]


@dataclass(frozen=True)
class Dataset:
    """One line of the catalogue.

    Attributes
    ----------
    name : str
        ``group/dataset``.
    unit : str
        Base unit: bytes, ops, %, inodes, 1.
    kind : {'delta', 'gauge'}
        A delta is what happened in the row's interval; a gauge is a state that was measured in it.
    time, columns : {'sum', 'mean', 'min', 'max'}
        How rows, and how components, are joined.
    rate : str
        Name under which ``delta / timestep`` is read, or "".
    doc : str
    within : str
        The dataset that is never smaller, cell by cell, or "".
    absent : {'missing', 'zero'}
        What a component has in a row that was measured, where the source does not name it: a
        partition that has no job is not named, and has none.
    """

    name: str
    unit: str
    kind: Kind
    time: Reducer
    columns: Reducer
    rate: str
    doc: str
    within: str = ""
    absent: Absent = "missing"

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def choice(where: str, key: str, value: object, allowed: tuple[str, ...]) -> str:
    """`value`, which must be one of the words in `allowed`.

    Raises
    ------
    ConfigError
        It is another one; says where.
    """
    if value not in allowed:
        raise ConfigError(
            f"{where}: {key} is not known", expected=" or ".join(allowed), got=repr(value)
        )
    return str(value)


REDUCERS: tuple[Reducer, ...] = ("sum", "mean", "min", "max")
KEYS = {"unit", "kind", "time", "columns", "rate", "doc", "within", "absent"}


def parse_catalogue(text: str, where: str = "catalogue") -> dict[str, Dataset]:
    """Catalogue of a TOML text: dataset name to `Dataset`.

    Raises
    ------
    ConfigError
        A key that is not known or missing, a kind or reducer that does not exist, a rate of a
        gauge, a total that is not there.
    """
    catalogue: dict[str, Dataset] = {}
    for group, lines in tomllib.loads(text).items():
        for short, line in lines.items():
            name = f"{group}/{short}"
            at = f"{where}: {name}"
            unknown = set(line) - KEYS
            lacking = {"unit", "kind", "doc"} - set(line)
            if unknown or lacking:
                raise ConfigError(
                    f"{at}: wrong keys",
                    expected="unit, kind, doc, and optionally time, columns, rate, within, absent",
                    got=", ".join(sorted(line)),
                )
            kind = cast(Kind, choice(at, "kind", line["kind"], ("delta", "gauge")))
            default = "sum" if kind == "delta" else "mean"
            if kind == "gauge" and "rate" in line:
                raise ConfigError(f"{at}: a gauge has no rate", hint="remove the key rate")
            catalogue[name] = Dataset(
                name=name,
                unit=line["unit"],
                kind=kind,
                time=cast(Reducer, choice(at, "time", line.get("time", default), REDUCERS)),
                columns=cast(
                    Reducer, choice(at, "columns", line.get("columns", default), REDUCERS)
                ),
                rate=f"{group}/{line['rate']}" if "rate" in line else "",
                doc=line["doc"],
                within=f"{group}/{line['within']}" if "within" in line else "",
                absent=cast(
                    Absent, choice(at, "absent", line.get("absent", "missing"), ("missing", "zero"))
                ),
            )
    for dataset in catalogue.values():
        total = catalogue.get(dataset.within)
        if dataset.within and (total is None or total.unit != dataset.unit):
            raise ConfigError(
                f"{where}: {dataset.name}: within is not a dataset of the group, of the same unit",
                got=dataset.within,
            )
    return catalogue


@functools.cache
def catalogue() -> Mapping[str, Dataset]:
    """The catalogue of TTS datasets, by name."""
    return parse_catalogue(_read(f"tts-{SCHEMA_VERSION}.toml"), f"tts-{SCHEMA_VERSION}.toml")


@functools.cache
def rates() -> Mapping[str, Dataset]:
    """The dataset that each rate name is derived from."""
    return {dataset.rate: dataset for dataset in catalogue().values() if dataset.rate}


def index_ddl() -> str:
    """The SQL that makes an empty Darshan index, as far as another one makes all indexes stale."""
    return _read("darshan_index.sql")


def jobs_query() -> str:
    """The query of an index that makes the table of jobs: a row a job and file system; a job
    without any I/O has one row without a file system. The text is part of the fingerprint of the
    table: another one makes those of all days stale.
    """
    return _read("darshan_jobs.sql")


def new_index_sql() -> str:
    """The SQL that makes an empty Darshan index, with columns that earlier ones lack."""
    return index_ddl() + _read("darshan_index_later.sql")
