"""Days as dask arrays: nothing is read before it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from archive_tools import schemas
from archive_tools.core.arrays import Float64
from archive_tools.core.errors import TokioError
from archive_tools.formats import row_blocks
from archive_tools.reading.days import DayRows, unit_of

if TYPE_CHECKING:
    import xarray as xr


def data_array(dataset: str, days: Sequence[DayRows], columns: Sequence[str]) -> xr.DataArray:
    """One DataArray of the rows of many days.

    Parameters
    ----------
    dataset : str
    days : sequence of DayRows
    columns : sequence of str
        Of the result; a day that lacks one has NaN there.

    Raises
    ------
    TokioError
        xarray or dask is not installed.
    """
    try:
        import dask.array as da
        import xarray as xr
    except ImportError as error:
        raise TokioError(
            f"to_xarray needs {error.name}", hint="pip install 'tokio-archive[analysis]'"
        ) from None
    name = f"{dataset}-{dask_token(days, columns)}"
    blocks = [block for rows in days for block in _blocks(rows, columns)] or [(0, None, None)]
    graph = {
        (name, n, 0): (_load, height, block, place, len(columns))
        for n, (height, block, place) in enumerate(blocks)
    }
    heights = tuple(height for height, _, _ in blocks)
    values = da.Array(graph, name, chunks=(heights, (len(columns),)), dtype=np.float64)  # type: ignore[no-untyped-call]
    stamps = np.concatenate([np.empty(0, np.int64), *(rows.timestamps for rows in days)])
    known = schemas.rates().get(dataset) or schemas.catalogue().get(dataset)
    attributes = (
        {
            "units": unit_of(dataset, days),
            "kind": days[0].kind,
            "long_name": known.doc if known else dataset,
        }
        if days
        else {}
    )
    coordinates = {
        "timestamps": stamps.astype("datetime64[s]").astype("datetime64[ns]"),
        "component": list(columns),
    }
    return xr.DataArray(
        values, dims=("timestamps", "component"), coords=coordinates, name=dataset, attrs=attributes
    )


def dask_token(days: Sequence[DayRows], columns: Sequence[str]) -> str:
    """A name for the array that differs when what is read differs."""
    from dask.base import tokenize

    return str(tokenize([str(block) for rows in days for block in rows.blocks], list(columns)))


Block = tuple[int, row_blocks.RowBlock | None, list[int] | None]


def _blocks(rows: DayRows, columns: Sequence[str]) -> list[Block]:
    """Height, block and places of the columns; a day that has none of them is one block without a
    block.
    """
    place = (
        None
        if list(rows.columns) == list(columns)
        else [list(columns).index(name) for name in rows.columns]
    )
    if not rows.blocks:
        return [(len(rows.timestamps), None, None)] if len(rows.timestamps) else []
    return [(block.last - block.first, block, place) for block in rows.blocks]


def _load(
    height: int, block: row_blocks.RowBlock | None, place: list[int] | None, width: int
) -> Float64:
    if block is not None and place is None:
        return block.load()
    wide = np.full((height, width), np.nan)
    if block is not None:
        wide[:, place] = block.load()
    return wide
