"""Where each source has the datasets of the catalogue: tables in TOML, checked when loaded.

A source map brings a source's figures to the catalogue (`archive_tools.schemas`). Ours are
`sources/<kind>.toml`; a source of another package has its table there. The keys that are a kind's
own are checked by its `Selector`.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

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
SHARED_KEYS = ("reports", "scale", "offset", "merge", "parts", "unit", "columns")
"""Keys that a row of any kind's table may have."""


def _one_or_several(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_several), Field(min_length=1)]
"""A text, or a list of them, in a table."""


class Selector(BaseModel):
    """The keys of a row that are its kind's own: they say where the figure is found. A kind adds
    its keys in a subclass; a key with a default may be left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LogSelector(Selector):
    """The keys of a row of a source of logs.

    Attributes
    ----------
    counters : dict of str to str
        By module of the log: the counter.
    during : {'READ', 'WRITE', 'OPEN', 'CLOSE'}
        Between which two time stamps of a record the counted work was done.
    """

    counters: dict[str, str]
    during: Literal["READ", "WRITE", "OPEN", "CLOSE"]


FIRST_MEANINGS: Mapping[str, tuple[int, str]] = {
    "collectd": (1, "d2ef7849dcefce28"),
    "darshan": (1, "373aec96c80d1e63"),
    "lmt": (1, "ce49b36138592e80"),
    "mmperfmon": (1, "b297a51729d891da"),
    "prometheus": (1, "e1d7e3de121cd368"),
}
"""By kind: the version of the parser and the `digest` of the figures with which archives were made
before fingerprints held either. Those archives must not become stale, so while a kind is what it
was then, its fingerprints say nothing of it. These lines never change: a change of a table or of a
parser differs from them, and makes stale what was made before it.
"""

Own = TypeVar("Own", bound=Selector)
Own_co = TypeVar("Own_co", bound=Selector, covariant=True)


@dataclass(frozen=True)
class SourceMetric(Generic[Own_co]):
    """One row of a source map: how a source's figure becomes a dataset.

    The catalogue's figure is ``reported * scale + offset``; `merge` joins several samples of one
    cell, `parts` the parts of a component that the source measures one by one: their ``sum``, their
    ``mean``, or their ``total``, which is missing unless all of them were measured. `find` holds
    the source's own keys, those that say where the figure is found. A row's `unit` and `columns`
    replace the catalogue's where the source's figure cannot be brought to the base unit.
    """

    dataset: Dataset
    reports: Reports
    scale: float
    offset: float
    merge: Reducer
    parts: Parts
    find: Own_co


def parse_source_map(
    text: str, known: Mapping[str, Dataset], where: str, selector: type[Own]
) -> tuple[SourceMetric[Own], ...]:
    """Source map of a TOML text.

    Parameters
    ----------
    text : str
    known : mapping of str to Dataset
        The catalogue.
    where : str
        What messages call the table.
    selector : type
        The model of the kind's own keys.

    Raises
    ------
    ConfigError
        A dataset that the catalogue does not have, or a figure that cannot become it: legal are
        counter, delta and rate to delta, gauge and seconds to gauge. Or a key that the kind does
        not have, or that is missing.
    """
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    metrics = []
    for name, line in rows.items():
        at = f"{where}: {name}"
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigError(
                f"{at}: not in the catalogue",
                hint=f"did you mean {near[0]}?"
                if near
                else "the datasets are in archive_tools/schemas/tts-1.toml",
            )
        if not isinstance(line, dict):
            raise ConfigError(f"{at} is not a table", expected="{reports = ...}", got=repr(line))
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
        if not isinstance(own.get("unit", ""), str):
            raise ConfigError(f"{at}: unit is not a text", got=repr(own["unit"]))
        choice(at, "columns", own.get("columns", dataset.columns), REDUCERS)
        metrics.append(
            SourceMetric(
                dataset=dataclasses.replace(dataset, **own),
                reports=reports,
                scale=_scale(at, line.get("scale", 1.0), reports),
                offset=_number(at, "offset", line.get("offset", 0.0)),
                merge=cast(Reducer, choice(at, "merge", line.get("merge", default), REDUCERS)),
                parts=cast(Parts, choice(at, "parts", together, ("sum", "mean", "total"))),
                find=_selected(
                    at, {k: v for k, v in line.items() if k not in SHARED_KEYS}, selector
                ),
            )
        )
    if not metrics:
        raise ConfigError(f"{where} has no rows", expected="a row for each dataset")
    return tuple(metrics)


def _scale(at: str, value: object, reports: Reports) -> float:
    """What a figure is multiplied by: not zero, and for amounts not negative."""
    scale = _number(at, "scale", value)
    if scale == 0 or (scale < 0 and LEGAL[reports] == "delta"):
        raise ConfigError(f"{at}: scale = {value} makes no {reports}", expected="a number above 0")
    return scale


def _number(at: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{at}: {key} is not a number", got=repr(value))
    if not math.isfinite(value):
        raise ConfigError(f"{at}: {key} is not a finite number", got=repr(value))
    return float(value)


def _selected(at: str, content: Mapping[str, object], selector: type[Own]) -> Own:
    """A kind's own keys of a row."""
    try:
        return selector.model_validate(dict(content))
    except ValidationError as error:
        problems = [_problem(item["loc"], item["type"], item, selector) for item in error.errors()]
        raise ConfigError(f"{at}: {' | '.join(problems)}") from None


def _problem(
    place: tuple[int | str, ...], problem: str, item: Mapping[str, Any], selector: type[Selector]
) -> str:
    """One wrong key in words; an unknown one with the near name."""
    key = ".".join(map(str, place))
    if problem == "missing":
        return f"key {key} is missing"
    if problem != "extra_forbidden":
        return f"key {key}: {item['msg'].removeprefix('Value error, ')}; got {item['input']!r}"
    allowed = [*_model_at(selector, place[:-1]).model_fields]
    if len(place) == 1:
        allowed += SHARED_KEYS
    near = difflib.get_close_matches(str(place[-1]), allowed, 1)
    return f"key {key} is not known; allowed: {', '.join(allowed)}" + (
        f"; did you mean {near[0]}?" if near else ""
    )


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of a table in a row's table: ``{exporter = {select = ...}}``."""
    for name in place:
        annotation = model.model_fields[str(name)].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next(
            kind for kind in inner if isinstance(kind, type) and issubclass(kind, Selector)
        )
    return model


def table_of(kind: str) -> Traversable:
    """The table of one of our kinds."""
    return resources.files("pipeline.schemas") / "sources" / f"{kind}.toml"


def source_map(table: Traversable, selector: type[Own]) -> tuple[SourceMetric[Own], ...]:
    """The map that a file of TOML holds.

    Raises
    ------
    ConfigError
        It cannot be read, or is wrong; names the file, the dataset and the key.
    """
    where = "/".join(PurePath(str(table)).parts[-2:])
    try:
        text = table.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{table} cannot be read: {error.strerror or error}") from error
    return parse_source_map(text, catalogue(), where, selector)


def digest(metrics: Iterable[SourceMetric[Selector]]) -> str:
    """What the figures of a kind mean, as 16 hexadecimal digits: the rows of its table and what the
    catalogue says of their datasets, but for `doc`.

    The order of rows, and a key that says the default, do not count.
    """
    rows = sorted(map(_meaning, metrics), key=lambda row: row["dataset"])
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _meaning(metric: SourceMetric[Selector]) -> dict[str, Any]:
    dataset = metric.dataset
    return {
        "dataset": dataset.name,
        "reports": metric.reports,
        "scale": metric.scale,
        "offset": metric.offset,
        "merge": metric.merge,
        "parts": metric.parts,
        "find": metric.find.model_dump(mode="json", exclude_defaults=True),
        **{key: getattr(dataset, key) for key in ("unit", "kind", "time", "columns", "rate")},
        **({"absent": dataset.absent} if dataset.absent != "missing" else {}),
    }
