"""What no device can have measured is made missing, before it is written; findings say whose cells
they were, and when. The rules are `archive_tools.schemas.limits`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from archive_tools.core.cells import Axes
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind
from archive_tools.schemas import Dataset, limits


def remove_impossible(
    grid: Grid, dataset: Dataset, findings: Findings, largest: float | None = None
) -> None:
    """Make missing what is below zero, infinite, or larger than a device can have; what is below
    zero by rounding is 0.

    Parameters
    ----------
    grid : Grid
        Its values are changed in place.
    dataset : Dataset
    findings : Findings
    largest : float, optional
        What the site says that a component can have.
    """
    values = grid.values
    if not values.size:
        return
    large = limits.too_large(values, dataset, grid.timestep, largest)
    lowest = np.fmin.reduce(values, axis=None)
    if large is None and not lowest < 0:
        return
    with np.errstate(invalid="ignore"):
        rounded = (values < 0) & (values >= -limits.ROUNDING)
        found: npt.NDArray[np.bool_] = values < -limits.ROUNDING
    found |= False if large is None else large
    values[rounded] = 0.0
    _remove(grid, found, findings, "")


def remove_above_total(part: Grid, total: Grid, findings: Findings) -> None:
    """Make missing the cells of `part` that are larger than the same component's total.

    Parameters
    ----------
    part, total : Grid
        Of one day, timestep and unit. The values of `part` are changed in place.
    findings : Findings
    """
    if part.columns == total.columns:
        above = limits.above_total(part.values, total.values)
        if above is not None:
            _remove(part, above, findings, f"more than {total.dataset}")
        return
    place = {name: n for n, name in enumerate(total.columns)}
    both = [n for n, name in enumerate(part.columns) if name in place]
    its = [place[part.columns[n]] for n in both]
    above = limits.above_total(part.values[:, both], total.values[:, its]) if both else None
    if above is not None:
        found = np.zeros(part.values.shape, dtype=bool)
        found[:, both] = above
        _remove(part, found, findings, f"more than {total.dataset}")


def _remove(grid: Grid, found: npt.NDArray[np.bool_], findings: Findings, detail: str) -> None:
    axes = Axes(grid.dataset, grid.columns, grid.start, grid.timestep)
    axes.report(findings, FindingKind.IMPOSSIBLE, found, detail)
    grid.values[found] = np.nan


class AwaitedTotals:
    """Grids that wait for their total, so that what is above it is not written.

    Parameters
    ----------
    datasets : iterable of Dataset
        What may come, in any order, with the units in which it is written.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        known = {dataset.name: dataset for dataset in datasets}
        self._total_of = {
            name: dataset.within
            for name, dataset in known.items()
            if dataset.within in known and known[dataset.within].unit == dataset.unit
        }
        self._to_come = set(self._total_of)
        self._totals: dict[str, Grid] = {}
        self._waiting: dict[str, list[Grid]] = {}

    def ready(self, grid: Grid, findings: Findings) -> list[Grid]:
        """What can be written now that a dataset is there: itself, unless it waits for its total,
        and what waited for it.
        """
        total = self._total_of.get(grid.dataset)
        self._to_come.discard(grid.dataset)
        if total and total not in self._totals:
            self._waiting.setdefault(total, []).append(grid)
            return []
        if total:
            remove_above_total(grid, self._totals[total], findings)
        self._totals[grid.dataset] = grid
        needed = {self._total_of[name] for name in self._to_come}
        self._totals = {name: one for name, one in self._totals.items() if name in needed}
        freed = self._waiting.pop(grid.dataset, [])
        for part in freed:
            remove_above_total(part, grid, findings)
        return [grid, *freed]

    def rest(self) -> list[Grid]:
        """What waits for a total that did not come."""
        found = [grid for grids in self._waiting.values() for grid in grids]
        self._waiting = {}
        return found
