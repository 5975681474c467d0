"""Whether all values of a file can be read, and are possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archive_tools.checking.problems import DAMAGE, Problem, error_text
from archive_tools.core import threads
from archive_tools.core.errors import FormatError, TokioError
from archive_tools.formats.row_blocks import RowBlock
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading.reduction import FLOW

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


_Task = tuple[str, bool, RowBlock | None, RowBlock | None, str]


def _tasks(direct: SeriesFile, plain: SeriesFile, deep: bool) -> Iterator[_Task]:
    """Dataset, whether it is a flow, and the two ways to read some of its rows; or why they are not
    known.
    """
    for name in direct.datasets():
        try:
            is_flow, ways = (
                direct.kind(name) in FLOW,
                (direct.row_blocks(name), plain.row_blocks(name)),
            )
        except (TokioError, *DAMAGE) as error:
            yield name, False, None, None, error_text(error)
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
        return Seen(name, damage=error_text(error))
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
