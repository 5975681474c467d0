"""What each measured work may take: the one table that `make bench` prints beside what was
reached.

Unless the unit says otherwise a figure is a ratio of wall times: what the pipeline or a reader
takes, against a reference on the same data in the same run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A row of the table.

    Attributes
    ----------
    work : str
        What is measured, and against what.
    unit : str
        Of figure, bound and aim.
    bound, aim : float
        What must be reached, and what is wanted.
    more_is_better : bool
    """

    work: str
    unit: str
    bound: float
    aim: float
    more_is_better: bool = False

    def reached(self, figure: float, wanted: float) -> bool:
        """Whether a figure is as good as wanted."""
        return figure >= wanted if self.more_is_better else figure <= wanted


RATIO = "ratio"
BOUNDS = {
    "lmt night": Bound(
        "LMT day of Cori's size: nightly / one reading of its rows", RATIO, 1.6, 1.3
    ),
    "lmt memory": Bound("the same: peak memory of a process of the nightly run", "MB", 600, 600),
    "mariadb night": Bound("the same out of MariaDB: nightly / one reading", RATIO, 1.6, 1.3),
    "darshan night": Bound(
        "nightly of 10,000 real logs: logs/s on two cores / bare library on one",
        RATIO,
        0.5,
        1.0,
        more_is_better=True,
    ),
    "collectd day": Bound(
        "collectd day, 288 hosts x 4 devices: samples/s / msgspec decoding in one thread",
        RATIO,
        0.5,
        0.8,
        more_is_better=True,
    ),
    "summarize a day": Bound(
        "summarize a full day, by instance and day / h5py read of all datasets", RATIO, 0.5, 0.3
    ),
    "one OST over 60 days": Bound("one OST over 60 days / h5py", RATIO, 0.2, 0.1),
    "all OSTs over 7 days": Bound("all OSTs over 7 days / h5py", RATIO, 0.2, 0.1),
    "daily totals over a year": Bound("daily totals over a year / h5py", RATIO, 0.2, 0.1),
    "backfill overhead": Bound("backfill, a day beside its products", "ms", 40, 20),
    "status": Bound("status of 3,650 days of 6 instances", "s", 1.0, 0.5),
    "start": Bound("start of any command (--help, ls), CPU", "s", 0.25, 0.15),
    "collect": Bound(
        "hourly collect of a Cori-size day, CPU: the last of the day / the first",
        RATIO,
        1.3,
        1.1,
    ),
}
