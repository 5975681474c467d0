"""Where each source has the datasets of the catalogue: tables in TOML, checked when loaded.

`sources/<kind>.toml` maps a source's figures to the catalogue (`archive_tools.schemas`).
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
from archive_tools.schemas import REDUCERS, Dataset, Kind, Reducer, catalogue, choice

RAW_VERSION = 1
"""Raised when raw data are kept in another way; it has nothing to do with what is made of them."""
Reports = Literal["counter", "delta", "rate", "gauge", "seconds"]
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
        reports = cast(Reports, choice(at, "reports", line.get("reports"), tuple(LEGAL)))
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
        choice(at, "columns", own.get("columns", dataset.columns), REDUCERS)
        metrics.append(
            SourceMetric(
                dataset=dataclasses.replace(dataset, **own),
                reports=reports,
                scale=float(line.get("scale", 1.0)),
                offset=float(line.get("offset", 0.0)),
                merge=cast(Reducer, choice(at, "merge", line.get("merge", default), REDUCERS)),
                parts=cast(Parts, choice(at, "parts", together, ("sum", "mean", "total"))),
                find={
                    k: v
                    for k, v in line.items()
                    if k not in {"reports", "scale", "offset", "merge", "parts", *own}
                },
            )
        )
    return tuple(metrics)


@functools.cache
def source_map(kind: str) -> tuple[SourceMetric, ...]:
    """The map of a source kind."""
    return parse_source_map(_read(f"sources/{kind}.toml"), catalogue(), f"sources/{kind}.toml")
