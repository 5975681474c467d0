"""One dataset of one day as an array: a row a timestep, a column a component."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archive_tools.core.arrays import Float64, Int64


@dataclass(frozen=True)
class Grid:
    """One dataset of one day: a row a timestep, a column a component.

    Attributes
    ----------
    dataset : str
    columns : tuple of str
        Unique component names, one a column.
    start, timestep : int
        Row t holds ``[start + t * timestep, start + (t + 1) * timestep)``, epoch seconds.
    values : float64 (rows, columns)
        NaN is missing: nobody measured. 0.0 is a measured zero.
    """

    dataset: str
    columns: tuple[str, ...]
    start: int
    timestep: int
    values: Float64

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise ValueError(
                f"{self.dataset}: {self.values.shape} values for {len(self.columns)} columns"
            )
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"{self.dataset}: column names are not unique")

    @property
    def timestamps(self) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""
        return self.start + np.arange(len(self.values), dtype=np.int64) * self.timestep
