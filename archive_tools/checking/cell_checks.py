"""Whether all values of a file can be read, and are possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archive_tools import schemas
from archive_tools.checking.problems import Problem, error_text
from archive_tools.core import threads
from archive_tools.core.arrays import Float64
from archive_tools.core.errors import FormatError, TokioError
from archive_tools.formats import row_blocks
from archive_tools.formats.identity import DAMAGE
from archive_tools.formats.row_blocks import RowBlock
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading.reduction import FLOW
from archive_tools.schemas import Dataset, limits

# Values


class Seen(NamedTuple):
    """What was seen in some rows."""

    dataset: str
    measured: int = 0
    infinite: int = 0
    negative: int = 0
    large: int = 0
    above_total: int = 0
    other: int = 0
    damage: str = ""


@dataclass(frozen=True)
class _Rules:
    """What a dataset's values are held against.

    Attributes
    ----------
    is_flow : bool
        Whether they are amounts or rates.
    dataset : Dataset or None
        The catalogue's, in the unit that the file has; None for one that it does not have.
    timestep : int
    largest : float or None
        The site's own limit.
    """

    is_flow: bool
    dataset: Dataset | None
    timestep: int
    largest: float | None

    @classmethod
    def of(cls, file: SeriesFile, name: str) -> _Rules:
        """The rules of a stored dataset; of one that is stored as a rate, those of the amount."""
        rate = schemas.rates().get(name)
        known = rate or schemas.catalogue().get(name)
        if known and rate is None:
            known = dataclasses.replace(known, unit=file.units(name))
        timestep = 1 if rate else file.timestep(name)
        return cls(file.kind(name) in FLOW, known, timestep, file.largest(name))

    def too_large(self, values: Float64, earlier: int) -> int:
        """How many cells are larger than a device can have."""
        if self.dataset is None:
            return 0
        found = limits.too_large(values, self.dataset, self.timestep, self.largest, earlier)
        return 0 if found is None else int(np.count_nonzero(found & np.isfinite(values)))


@dataclass(frozen=True)
class _Total:
    """The total of some columns of a dataset.

    Attributes
    ----------
    name : str
        The dataset that is the total.
    columns : list of int
        Columns of the part whose component it has, too.
    chosen : Chosen
        The total's columns of the same components, in the same order.
    """

    name: str
    columns: list[int]
    chosen: row_blocks.Chosen

    @classmethod
    def of(cls, file: SeriesFile, name: str, stored: Container[str]) -> _Total | None:
        """The total of a dataset, where it is stored with the same rows and unit."""
        known = schemas.catalogue().get(name)
        total = known.within if known else ""
        if total not in stored or file.units(total) != file.units(name):
            return None
        own, its = file.columns(name), file.columns(total)
        both = [component for component in own if component in set(its)]
        if not both or not np.array_equal(file.timestamps(total), file.timestamps(name)):
            return None
        return cls(total, [own.index(one) for one in both], row_blocks.matching(its, both))


class _Task(NamedTuple):
    """Some rows of a dataset, and the two ways to read them; or why they are not known."""

    dataset: str
    rules: _Rules | None = None
    direct: RowBlock | None = None
    plain: RowBlock | None = None
    total: _Total | None = None
    of_total: Sequence[RowBlock] = ()
    damage: str = ""


def _tasks(direct: SeriesFile, plain: SeriesFile, deep: bool) -> Iterator[_Task]:
    stored = direct.datasets()
    for name in stored:
        try:
            rules, total = _Rules.of(direct, name), _Total.of(direct, name, stored)
            ways = direct.row_blocks(name), plain.row_blocks(name)
            tasks = [
                _Task(
                    name, rules, one, other if deep else None, total, _rows_of(direct, total, one)
                )
                for one, other in zip(*ways, strict=True)
            ]
        except (TokioError, *DAMAGE) as error:
            yield _Task(name, damage=error_text(error))
            continue
        yield from tasks


def _rows_of(file: SeriesFile, total: _Total | None, block: RowBlock) -> list[RowBlock]:
    return file.row_blocks(total.name, block.first, block.last, total.chosen) if total else []


def _above(values: Float64, total: _Total, blocks: Sequence[RowBlock]) -> int:
    """How many values are above their total."""
    its = np.concatenate([block.load() for block in blocks])
    part = values[:, total.columns]
    found = limits.above_total(part, its)
    return 0 if found is None else int(np.count_nonzero(found & np.isfinite(part)))


def _seen(task: _Task) -> Seen:
    name, rules = task.dataset, task.rules
    if task.direct is None or rules is None:
        return Seen(name, damage=task.damage)
    try:
        values = task.direct.load()
        same = task.plain is None or np.array_equal(values, task.plain.load(), equal_nan=True)
        above = _above(values, task.total, task.of_total) if task.total else 0
    except FormatError as error:
        return Seen(name, damage=error_text(error))
    with np.errstate(invalid="ignore"):
        finite = np.count_nonzero(np.isfinite(values))
        infinite = np.count_nonzero(np.isinf(values)) if finite < values.size else 0
        low = -limits.ROUNDING if rules.dataset is not None and not rules.is_flow else 0.0
        negative = np.count_nonzero(values < low) if rules.is_flow or rules.dataset else 0
    return Seen(
        name,
        measured=int(finite + infinite),
        infinite=int(infinite),
        negative=int(negative),
        large=rules.too_large(values, task.direct.first),
        above_total=above,
        other=0 if same else values.shape[0],
    )


def check_values(
    path: Path, measured: Mapping[str, int], *, deep: bool = False
) -> Iterator[Problem]:
    """All values can be read; none is infinite, below zero, larger than a device can have or above
    its total, and as many are measured as the receipt says.
    """
    found: dict[str, list[Seen]] = {}
    try:
        with open_tts(path) as direct, open_tts(path, direct=False) as plain:
            for seen in threads.in_order(_seen, _tasks(direct, plain, deep)):
                found.setdefault(seen.dataset, []).append(seen)
    except (TokioError, *DAMAGE) as error:
        yield Problem("damaged", str(path), error_text(error))
        return
    for name, parts in found.items():
        yield from _judged(f"{path}: {name}", parts, measured.get(name))
    for name in sorted(set(measured) - set(found)):
        yield Problem(
            "measured",
            f"{path}: {name}",
            f"the receipt says {measured[name]} measured cells; it is not there",
        )


def _judged(where: str, parts: list[Seen], measured: int | None) -> Iterator[Problem]:
    for one in parts:
        if one.damage:
            yield Problem("damaged", where, one.damage)
            return
    count = {
        key: sum(getattr(one, key) for one in parts)
        for key in ("measured", "infinite", "negative", "large", "above_total", "other")
    }
    if count["infinite"]:
        yield Problem("infinite", where, f"{count['infinite']} values are infinite")
    if count["negative"]:
        yield Problem("negative", where, f"{count['negative']} values are below zero")
    if count["large"]:
        yield Problem(
            "impossible", where, f"{count['large']} values are larger than a device can have"
        )
    if count["above_total"]:
        yield Problem("impossible", where, f"{count['above_total']} values are above their total")
    if count["other"]:
        yield Problem("differs", where, f"{count['other']} rows are others when HDF5 reads them")
    if measured is not None and measured != count["measured"]:
        yield Problem(
            "measured", where, f"{count['measured']} measured cells; the receipt says {measured}"
        )
