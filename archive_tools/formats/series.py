"""One dataset over a time range, as it comes out of an archive: what plots, summaries and tables
work on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archive_tools.core import quantities
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.time_texts import utc_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Series:
    """Rows of one dataset, a column a component.

    Attributes
    ----------
    dataset : str
        ``group/dataset``.
    unit : str
        Base unit of the values: bytes, bytes/s, ops, ops/s, %, inodes, 1.
    kind : {'delta', 'gauge', 'rate'}
    columns : tuple of str
        Unique component names.
    timestamps : int64 (rows,)
        Starts of the rows, epoch seconds, growing; days that are not in the archive have no rows.
    seconds : int64 (rows,)
        How long each row is: row t holds ``[timestamps[t], timestamps[t] + seconds[t])``.
    values : float64 (rows, columns)
        NaN is missing: nobody measured. 0.0 is a measured zero.
    """

    dataset: str
    unit: str
    kind: str
    columns: tuple[str, ...]
    timestamps: Int64
    seconds: Int64
    values: Float64

    def __post_init__(self) -> None:
        rows = len(self.timestamps)
        if self.values.shape != (rows, len(self.columns)) or self.seconds.shape != (rows,):
            raise ValueError(
                f"{self.dataset}: {self.values.shape} values and {self.seconds.shape} seconds for"
                f" {rows} rows, {len(self.columns)} columns"
            )

    def __repr__(self) -> str:
        rows, columns = self.values.shape
        components = quantities.counted(columns, "component")
        head = f"Series({self.dataset!r}): {self.unit}, {self.kind}"
        if not rows:
            return f"{head}, no rows, {components}"
        first, last = self.timestamps[0], self.timestamps[-1] + self.seconds[-1]
        steps = sorted({int(one) for one in self.seconds})
        missing = 100.0 * float(np.isnan(self.values).mean()) if columns else 100.0
        return (
            f"{head}, {rows} rows of {' or '.join(map(str, steps[:3]))} s"
            f" from {utc_text(int(first))} to {utc_text(int(last))}, {components},"
            f" {missing:.1f} % missing"
        )

    def missing(self) -> npt.NDArray[np.bool_]:
        """Where nobody measured: bool (rows, columns)."""
        return np.isnan(self.values)

    def to_dataframe(self) -> pd.DataFrame:
        """float64, NaN where missing; index ``timestamp``: UTC; columns: component names. The
        values are not copied.
        """
        return frame(self.values, self.timestamps, self.columns)


def frame(
    values: npt.NDArray[np.float64] | npt.NDArray[np.bool_],
    timestamps: Int64,
    columns: tuple[str, ...],
) -> pd.DataFrame:
    """A DataFrame of values with a UTC index named ``timestamp``."""
    import pandas as pd

    index = pd.DatetimeIndex(
        timestamps.astype("datetime64[s]").astype("datetime64[ns]"), name="timestamp"
    ).tz_localize("UTC")
    return pd.DataFrame(values, index=index, columns=pd.Index(columns, dtype=object), copy=False)
