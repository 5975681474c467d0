"""OSTs that go with slow files, by the Darshan logs of many days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import NotFound
from archive_tools.core.extras import needs_extra
from archive_tools.formats import darshan_tables


@dataclass(frozen=True)
class OstCorrelation:
    """How the speed of files goes with the share of them that is on an OST.

    Attributes
    ----------
    ost : int
    files : int
        Files that have stripes on it.
    coefficient : float
        Pearson's; below 0, files on this OST are slower.
    p_value : float
        Two-sided.
    adjusted : float
        After Benjamini and Hochberg (1995), over all OSTs that were tested.
    slowdown : float, optional
        How much slower files on it are: the median speed of all others by that of these; None
        where all files are on it.
    """

    ost: int
    files: int
    coefficient: float
    p_value: float
    adjusted: float
    slowdown: float | None = None

    def is_slow(self, *, alpha: float, min_files: int, min_slowdown: float) -> bool:
        """Whether it goes with slow files: by the corrected p-value, by how many files are on it
        and by how much slower they are.
        """
        return (
            self.adjusted < alpha
            and self.coefficient < 0
            and self.files >= min_files
            and self.slowdown is not None
            and self.slowdown >= min_slowdown
        )


def bad_osts(files: Iterable[str | Path]) -> list[OstCorrelation]:
    """OSTs that go with slow files, most certain first.

    Parameters
    ----------
    files : iterable of path
        `darshan.hdf5` of some days.

    Raises
    ------
    NotFound
        Fewer than three files with Lustre stripes and I/O are in them.
    MissingPackage
        SciPy is not installed.
    """
    with needs_extra("analysis", "bad-osts"):
        from scipy import stats
    tables = [darshan_tables.read_table(Path(path), "stripes") for path in files]
    osts = [
        [int(ost) for ost in text.split(",") if int(ost) >= 0]  # older files may have -1
        for table in tables
        for text in table["osts"]
    ]
    speed = np.concatenate([np.empty(0), *(table["bytes"] / table["seconds"] for table in tables)])
    speed = speed[np.array([bool(numbers) for numbers in osts], dtype=bool)]
    osts = [numbers for numbers in osts if numbers]
    if len(speed) < 3 or (speed == speed[0]).all():
        raise NotFound(
            f"{len(speed)} files with Lustre stripes and I/O",
            expected="at least three, of different speed",
        )
    shares: dict[int, Any] = {}
    for file, numbers in enumerate(osts):
        for ost in numbers:
            shares.setdefault(ost, np.zeros(len(speed)))[file] = 1 / len(numbers)
    tested = {
        ost: stats.pearsonr(speed, share)
        for ost, share in sorted(shares.items())
        if (share != share[0]).any()
    }
    if not tested:
        return []
    adjusted = stats.false_discovery_control([result.pvalue for result in tested.values()])
    found = [
        OstCorrelation(
            ost,
            int(np.count_nonzero(shares[ost])),
            float(result.statistic),
            float(result.pvalue),
            float(value),
            _slowdown(speed, shares[ost] > 0),
        )
        for (ost, result), value in zip(tested.items(), adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: (one.adjusted, one.p_value, one.ost))


def _slowdown(speed: Float64, on_it: npt.NDArray[np.bool_]) -> float | None:
    if on_it.all():
        return None
    return float(np.median(speed[~on_it]) / np.median(speed[on_it]))
