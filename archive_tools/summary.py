"""What a file says in a few numbers: totals, means, peaks and what is missing, for each dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archive_tools.series_file import SeriesFile
from pipeline import schemas
from pipeline.model import Float64


@dataclass(frozen=True)
class DatasetSummary:
    """One dataset of a file.

    Attributes
    ----------
    dataset, unit, kind : str
    rows, columns : int
    total : float or None
        Of a delta: sum of all cells that are measured. None for a gauge.
    mean : float or None
        Of the cells that are measured; None if there are none.
    peak : float or None
        Of a delta: the largest row, summed over the components. Of a gauge: the largest cell.
    peak_at : int or None
        Epoch second of the start of the peak's row.
    missing : float
        Per cent of the cells that nobody measured.
    """

    dataset: str
    unit: str
    kind: str
    rows: int
    columns: int
    total: float | None
    mean: float | None
    peak: float | None
    peak_at: int | None
    missing: float


def row_totals(values: Float64) -> Float64:
    """Sum over the components of each row, of what was measured; NaN where nothing was."""
    absent = np.isnan(values)
    return np.where(absent.all(axis=1), np.nan, np.where(absent, 0.0, values).sum(axis=1))


def summarize_dataset(tts: SeriesFile, name: str) -> DatasetSummary:
    """Summary of one dataset."""
    values = tts.to_numpy(name)
    known = schemas.catalogue().get(name)
    kind = known.kind if known else "gauge"
    measured = values.size - int(np.isnan(values).sum())
    rows, columns = values.shape
    missing = 100.0 * (1 - measured / values.size) if values.size else 100.0
    if not measured:
        return DatasetSummary(name, tts.units(name), kind, rows, columns, 0.0 if kind == "delta" else None, None, None, None, missing)
    total = float(np.nansum(values))
    profile = row_totals(values) if kind == "delta" else np.fmax.reduce(values, axis=1)
    at = int(np.nanargmax(profile))
    return DatasetSummary(
        dataset=name,
        unit=tts.units(name),
        kind=kind,
        rows=rows,
        columns=columns,
        total=total if kind == "delta" else None,
        mean=total / measured,
        peak=float(profile[at]),
        peak_at=int(tts.timestamps(name)[at]),
        missing=missing,
    )


def summarize(tts: SeriesFile) -> list[DatasetSummary]:
    """Summaries of all datasets of a file."""
    return [summarize_dataset(tts, name) for name in tts.datasets()]


def quantity(value: float | None, unit: str) -> str:
    """A number as people read it: bytes with IEC prefixes, others with thousands separators; – for none."""
    if value is None:
        return "–"
    if unit in ("bytes", "bytes/s"):
        suffix = "/s" if unit.endswith("/s") else ""
        for prefix in ("", "Ki", "Mi", "Gi", "Ti", "Pi"):
            if abs(value) < 1024 or prefix == "Pi":
                return f"{value:,.{1 if prefix else 0}f} {prefix}B{suffix}"
            value /= 1024
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}"
    return text if unit in ("", "1") else f"{text} {unit}"
