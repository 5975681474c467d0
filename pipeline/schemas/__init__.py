"""What the datasets are, and where each source keeps them: tables in TOML, checked when loaded.

`tts-1.toml` is the catalogue: unit, kind and reducers of each dataset. `sources/<kind>.toml` maps a
source's figures to it. `darshan_index.sql` is the index's DDL. A table that says something
impossible is refused here, so that nothing has to be guessed later.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from archive_tools.core.errors import ConfigError

SCHEMA_VERSION = "1"
"""Version of the TTS layout, as the files' root attribute says it."""

RAW_VERSION = 1
"""Raised when raw data are kept in another way; it has nothing to do with what is made of them."""

BUILD_VERSION = 2
"""Raised whenever the same inputs would give different products: older ones become stale, not
unreadable.
"""

Kind = Literal["delta", "gauge"]
Reports = Literal["counter", "delta", "rate", "gauge", "seconds"]
Reducer = Literal["sum", "mean", "min", "max"]
Parts = Literal["sum", "mean", "total"]

LEGAL: Mapping[str, Kind] = {
    "counter": "delta",
    "delta": "delta",
    "rate": "delta",
    "gauge": "gauge",
    "seconds": "gauge",
}
"""What a source reports, and the kind of dataset it may become; `seconds` is a counter of seconds
spent in a state, which becomes the share of the row's time, %.
"""


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
    """

    name: str
    unit: str
    kind: Kind
    time: Reducer
    columns: Reducer
    rate: str
    doc: str

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class SourceMetric:
    """One line of a source map: how a source's figure becomes a dataset.

    The catalogue's figure is ``reported * scale + offset``; `merge` joins several samples of one
    cell, `parts` the parts of a component that the source measures one by one: their ``sum``, their
    ``mean``, or their ``total``, which is missing unless all of them were measured. `find` holds
    the source's own keys, those that say where the figure stands. A line's `unit` and `columns`
    replace the catalogue's where the source's figure cannot be brought to the base unit.
    """

    dataset: Dataset
    reports: Reports
    scale: float
    offset: float
    merge: Reducer
    parts: Parts
    find: Mapping[str, Any]


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def _choice(where: str, key: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ConfigError(
            f"{where}: {key} is not known", expected=" or ".join(allowed), got=repr(value)
        )
    return str(value)


REDUCERS = ("sum", "mean", "min", "max")


def parse_catalogue(text: str, where: str = "catalogue") -> dict[str, Dataset]:
    """Catalogue of a TOML text: dataset name to `Dataset`.

    Raises
    ------
    ConfigError
        A key that is not known or missing, a kind or reducer that does not exist, a rate of a
        gauge.
    """
    catalogue: dict[str, Dataset] = {}
    for group, lines in tomllib.loads(text).items():
        for short, line in lines.items():
            name = f"{group}/{short}"
            at = f"{where}: {name}"
            unknown = set(line) - {"unit", "kind", "time", "columns", "rate", "doc"}
            lacking = {"unit", "kind", "doc"} - set(line)
            if unknown or lacking:
                raise ConfigError(
                    f"{at}: wrong keys",
                    expected="unit, kind, doc, and optionally time, columns, rate",
                    got=", ".join(sorted(line)),
                )
            kind = cast(Kind, _choice(at, "kind", line["kind"], ("delta", "gauge")))
            default = "sum" if kind == "delta" else "mean"
            if kind == "gauge" and "rate" in line:
                raise ConfigError(f"{at}: a gauge has no rate", hint="remove the key rate")
            catalogue[name] = Dataset(
                name=name,
                unit=line["unit"],
                kind=kind,
                time=cast(Reducer, _choice(at, "time", line.get("time", default), REDUCERS)),
                columns=cast(
                    Reducer, _choice(at, "columns", line.get("columns", default), REDUCERS)
                ),
                rate=f"{group}/{line['rate']}" if "rate" in line else "",
                doc=line["doc"],
            )
    return catalogue


def parse_source_map(
    text: str, known: Mapping[str, Dataset], where: str
) -> tuple[SourceMetric, ...]:
    """Source map of a TOML text.

    Raises
    ------
    ConfigError
        A dataset that the catalogue does not have, or a figure that cannot become it: legal are
        counter, delta and rate to delta, gauge and seconds to gauge.
    """
    metrics = []
    for name, line in tomllib.loads(text).items():
        at = f"{where}: {name}"
        if name not in known:
            raise ConfigError(
                f"{at}: not in the catalogue",
                hint="add the dataset to tts-1.toml, or correct its name",
            )
        dataset = known[name]
        reports = cast(Reports, _choice(at, "reports", line.get("reports"), tuple(LEGAL)))
        if LEGAL[reports] != dataset.kind:
            raise ConfigError(
                f"{at}: a {reports} cannot become a {dataset.kind}",
                expected=f"reports that give a {dataset.kind}",
                got=reports,
            )
        if line.get("offset") and dataset.kind != "gauge":
            raise ConfigError(f"{at}: only a gauge has an offset", got=f"reports = {reports}")
        default: Reducer = "mean" if reports in ("gauge", "rate") else "sum"
        together = line.get("parts", "sum" if dataset.columns == "sum" else "mean")
        own = {key: line[key] for key in ("unit", "columns") if key in line}
        _choice(at, "columns", own.get("columns", dataset.columns), REDUCERS)
        metrics.append(
            SourceMetric(
                dataset=dataclasses.replace(dataset, **own),
                reports=reports,
                scale=float(line.get("scale", 1.0)),
                offset=float(line.get("offset", 0.0)),
                merge=cast(Reducer, _choice(at, "merge", line.get("merge", default), REDUCERS)),
                parts=cast(Parts, _choice(at, "parts", together, ("sum", "mean", "total"))),
                find={
                    k: v
                    for k, v in line.items()
                    if k not in {"reports", "scale", "offset", "merge", "parts", *own}
                },
            )
        )
    return tuple(metrics)


@functools.cache
def catalogue() -> Mapping[str, Dataset]:
    """The catalogue of TTS datasets, by name."""
    return parse_catalogue(_read(f"tts-{SCHEMA_VERSION}.toml"), f"tts-{SCHEMA_VERSION}.toml")


@functools.cache
def rates() -> Mapping[str, Dataset]:
    """The dataset that each rate name is derived from."""
    return {dataset.rate: dataset for dataset in catalogue().values() if dataset.rate}


@functools.cache
def source_map(kind: str) -> tuple[SourceMetric, ...]:
    """The map of a source kind."""
    return parse_source_map(_read(f"sources/{kind}.toml"), catalogue(), f"sources/{kind}.toml")


def index_ddl() -> str:
    """The SQL that makes an empty Darshan index."""
    return _read("darshan_index.sql")
