"""What no device can have measured: the smallest and the largest figure of a dataset.

The same rules hold when a day is built and when an archive is checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64
from archive_tools.schemas import Dataset

LARGEST_PER_SECOND = {"bytes": 1e13, "ops": 1e9}
"""What one component moves or does in a second at most: 10 TB, and a thousand million."""
LARGEST_PER_PROCESS = {"bytes": 2.0**37, "ops": 1e9}
"""What one process of a job moves or does in a second at most: 128 GiB is what a node's memory
gives.
"""
MOST_PROCESSES = 2**31 - 1
"""MPI counts processes with 32 bits."""
LONGEST_JOB = 31 * 86400
"""Seconds."""
LARGEST_STATE = {"%": 105.0, "bytes": float(2**60), "inodes": 1e15, "1": 1e9}
"""The largest state of one component. Shares may be a little above 100, for samples jitter."""
ROUNDING = 1e-3
"""A figure this little below zero is a zero that was rounded."""
WITHIN_TOLERANCE = 1e-6
"""Share by which a part may be above its total, for both are rounded."""
Cells = npt.NDArray[np.bool_]


def largest(dataset: Dataset, seconds: float, given: float | None = None) -> float:
    """The largest figure that a component can have.

    Parameters
    ----------
    dataset : Dataset
    seconds : float
        How long the interval is of which an amount is.
    given : float, optional
        What the site says in place of the limit here: of an amount, for one second.

    Returns
    -------
    float
        In the dataset's unit; infinity for units that are not the catalogue's.
    """
    if dataset.kind == "delta":
        each = LARGEST_PER_SECOND.get(dataset.unit, float("inf")) if given is None else given
        return each * seconds
    return LARGEST_STATE.get(dataset.unit, float("inf")) if given is None else given


def job_seconds(start: Float64, end: Float64, walltime: Float64) -> Float64:
    """How long jobs ran, at least a second; a second also where their times are none that a job
    has.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        longest = np.fmax(end - start, walltime)
        return np.where((longest >= 1) & (longest <= LONGEST_JOB), longest, 1.0)


def largest_of_jobs(
    unit: str, processes: npt.NDArray[Any], seconds: Float64, given: float | None = None
) -> Float64:
    """The most that each job can have moved or done on all file systems together.

    Parameters
    ----------
    unit : str
        ``bytes`` or ``ops``.
    processes : int64 (jobs,)
        A number that no job has counts as one.
    seconds : float64 (jobs,)
        See `job_seconds`.
    given : float, optional
        What the site says that a file system can have in a second.

    Returns
    -------
    float64 (jobs,)
    """
    possible = (processes >= 1) & (processes <= MOST_PROCESSES)
    by_processes = LARGEST_PER_PROCESS[unit] * np.where(possible, processes, 1)
    each = LARGEST_PER_SECOND[unit] if given is None else given
    return np.minimum(by_processes, each) * seconds


def too_large(
    values: Float64, dataset: Dataset, timestep: int, given: float | None = None, earlier: int = 0
) -> Cells | None:
    """Cells that are larger than a device can have.

    An amount after a gap is of the whole gap, and may be as much more.

    Parameters
    ----------
    values : float64 (rows, components)
        NaN where nothing was measured.
    dataset : Dataset
    timestep : int
        Seconds a row.
    given : float, optional
        As for `largest`.
    earlier : int
        Rows of the day before these ones; a gap that begins in them counts from the first one.

    Returns
    -------
    bool (rows, components) or None
        None if there are none.
    """
    most = largest(dataset, timestep, given)
    if not values.size or not np.fmax.reduce(values, axis=None) > most:
        return None
    with np.errstate(invalid="ignore"):
        found = values > most
    if dataset.kind == "delta":
        measured = ~np.isnan(values)
        for row, column in np.argwhere(found).tolist():
            before = np.flatnonzero(measured[:row, column])
            rows = row - int(before[-1]) if len(before) else earlier + row + 1
            found[row, column] = values[row, column] > largest(dataset, timestep * rows, given)
    return found if found.any() else None


def above_total(part: Float64, total: Float64) -> Cells | None:
    """Cells of a part that are larger than its total, where both were measured; None if there are
    none. Arrays are float64 of one shape, in one unit.
    """
    with np.errstate(invalid="ignore"):
        found = part > total * (1 + WITHIN_TOLERANCE)
    return found if found.any() else None
