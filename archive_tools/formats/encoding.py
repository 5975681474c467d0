"""How missing cells and column names are on disk: each encoder beside its decoder.

Missing is NaN in memory. On disk it is NaN, or -0.0 as pytokio wrote it; reading takes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64

Missing = Literal["nan", "negative_zero"]
ATTRIBUTE_LIMIT = 60 * 1024
"""Bytes of an attribute, 64 KiB less a margin; above it, one needs HDF5 1.8's dense storage, see
docs/format.md.
"""
FILL = {"nan": np.nan, "negative_zero": -0.0}


def encode_missing(values: Float64, missing: Missing) -> Float64:
    """Values with NaN as they are written; a measured -0.0 becomes 0.0."""
    if missing == "nan":
        return values + 0.0
    return np.where(np.isnan(values), -0.0, values + 0.0)


def is_missing(values: Float64) -> npt.NDArray[np.bool_]:
    """Where stored values are missing: NaN, or a zero with its sign bit set."""
    absent: npt.NDArray[np.bool_] = np.isnan(values) | ((values == 0.0) & np.signbit(values))
    return absent


def decode_missing(values: Float64) -> Float64:
    """Stored values with NaN where they are missing, in place."""
    zero = values == 0.0
    if zero.any():
        zero &= np.signbit(values)
        values[zero] = np.nan
    return values


def encode_names(names: Sequence[str]) -> npt.NDArray[np.bytes_]:
    """Component names as fixed-length bytes (UTF-8), the form of the attribute `columns`."""
    encoded = [name.encode("utf-8") for name in names]
    return np.array(encoded, dtype=f"S{max([1, *map(len, encoded)])}")


def decode_names(stored: npt.NDArray[Any] | Sequence[Any]) -> tuple[str, ...]:
    """Component names out of fixed-length bytes, bytes or str."""
    return tuple(
        name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
        for name in stored
    )


def text_of(value: Any) -> str:
    """An attribute of text: str, or bytes in older files."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
