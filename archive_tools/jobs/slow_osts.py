"""OSTs that go with slow files, by the Darshan logs of many days."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from archive_tools.core.errors import NotFound
from archive_tools.core.extras import needs_extra
from archive_tools.jobs.speed_sums import SpeedSums
from archive_tools.jobs.striped_files import striped_files


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
        After Benjamini and Hochberg (1995), over all OSTs that were tested, of all file systems.
    slowdown : float, optional
        How much slower files on it are: the median speed of all others of the file system by that
        of these; None where all files are on it.
    file_system : str, optional
        Whose OST it is; files of which it is not known count as those of one.
    """

    ost: int
    files: int
    coefficient: float
    p_value: float
    adjusted: float
    slowdown: float | None = None
    file_system: str | None = None

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


FEWEST_FILES = 3


def bad_osts(files: Iterable[str | Path]) -> list[OstCorrelation]:
    """OSTs that go with slow files of their file system, most certain first.

    Parameters
    ----------
    files : iterable of path
        `darshan.hdf5` of some days, each read once; what is held does not grow with them.

    Raises
    ------
    NotFound
        No file system has three files with Lustre stripes and I/O, of different speed.
    MissingPackage
        SciPy is not installed.
    """
    with needs_extra("analysis", "bad-osts"):
        from scipy import stats
    sums: dict[str | None, SpeedSums] = {}
    with contextlib.ExitStack() as kept:
        for path in files:
            for some in striped_files(Path(path)):
                if some.file_system not in sums:
                    sums[some.file_system] = SpeedSums(kept.enter_context(TemporaryFile()))
                sums[some.file_system].add(some)
        enough = {
            name: one
            for name, one in sums.items()
            if one.files >= FEWEST_FILES and one.least < one.most
        }
        tested = {
            (name, ost): figures
            for name, one in enough.items()
            for ost, figures in one.by_ost().items()
        }
    if not enough:
        raise NotFound(
            f"{sum(one.files for one in sums.values())} files with Lustre stripes and I/O",
            expected="at least three of a file system, of different speed",
        )
    if not tested:
        return []
    p_values = [_p_value(one.coefficient, sums[name].files) for (name, _), one in tested.items()]
    adjusted = stats.false_discovery_control(p_values)
    found = [
        OstCorrelation(ost, one.files, one.coefficient, p_value, float(value), one.slowdown, name)
        for ((name, ost), one), p_value, value in zip(
            tested.items(), p_values, adjusted, strict=True
        )
    ]
    return sorted(
        found, key=lambda one: (one.adjusted, one.p_value, one.file_system or "", one.ost)
    )


def _p_value(coefficient: float, count: int) -> float:
    """Two-sided p-value of Pearson's coefficient, as `scipy.stats.pearsonr` has it."""
    from scipy import stats

    shape = count / 2 - 1
    return float(2 * stats.beta(shape, shape, loc=-1, scale=2).sf(abs(coefficient)))
