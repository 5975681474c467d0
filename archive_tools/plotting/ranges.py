"""What pictures share of their data: the unit drawn, the range shown, the size of the steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import TokioError
from archive_tools.formats.series import Series
from archive_tools.plotting import axes as axis
from archive_tools.plotting.stretches import (
    Interval,
    measured_span,
    span,
    width,
)

STRETCHES = 1000
"""Of a line, about: a dot each on paper."""


def drawn_unit(series: Series) -> str:
    """The unit in which a series is drawn: amounts as amounts a second."""
    return f"{series.unit}/s" if series.kind == "delta" else series.unit


def shown_range(series: Sequence[Series]) -> Interval:
    """The range in which anything was measured; that of the rows if nothing was."""
    there = [one for one in series if len(one.timestamps)]
    spans = [found for one in there if (found := measured_span(one))] or [
        span(one) for one in there
    ]
    if not spans:
        raise TokioError("there are no rows to draw")
    return min(low for low, _ in spans), max(high for _, high in spans)


def steps_of(series: Iterable[Series], most: int = STRETCHES) -> str:
    """How long the steps are, and which of them are means of rows that were resampled."""
    found = {
        (size := width(one, most), size > int(one.seconds.max()))
        for one in series
        if len(one.timestamps)
    }
    return axis.steps(
        *(
            sorted(size for size, resampled in found if resampled == which)
            for which in (False, True)
        )
    )


def extremes(arrays: Sequence[Float64]) -> tuple[float, float]:
    """Least and largest value, 0 among them."""
    finite = [some for values in arrays if len(some := values[np.isfinite(values)])]
    return min((float(some.min()) for some in finite), default=0.0), max(
        (float(some.max()) for some in finite), default=0.0
    )
