"""The figures of a day: one small JSON file beside the day's products, `figures.json`.

What pages over months and years, and alerts, need of a day, so that none of them opens HDF5. The
file is read with its types checked; one that is damaged, or of a later layout, is named and is as
if it were not there. Fields may be added; those that are here keep their meaning.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from archive_tools.core import quantities
from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import Product
from archive_tools.store import digest, layout
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import DAY, DayReceipts, Receipts

LAYOUT = 1
"""Raised when a field gets another meaning."""
SLOW_SCORE, SLOW_SHARE = -4.0, 0.8
"""A target was slow on a day if its score is not above, and it was no faster beside its peers."""


class DatasetFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dataset's day, in base units; what was not measured, or not read, is None.

    Attributes
    ----------
    unit, kind : str
    components : int
    total, mean, peak, missing : float or None
        As `archive_tools.reading.summary.DatasetSummary` has them; missing is in per cent.
    peak_at : int or None
    hours : list of float or None
        Of datasets that the day's page draws: each hour from midnight on, of a delta the sum, of a
        gauge the mean.
    hours_peak : list of float or None
        The largest row of the hour, of a delta a second.
    hours_measured : list of float
        Share of the hour's cells that were measured, 0 to 1, less that of cells before the hour
        whose growth is in it.
    """

    unit: str
    kind: str
    components: int
    total: float | None = None
    mean: float | None = None
    peak: float | None = None
    peak_at: int | None = None
    missing: float | None = None
    hours: list[float | None] = []
    hours_peak: list[float | None] = []
    hours_measured: list[float] = []


class Full(msgspec.Struct, frozen=True):
    """How full a target was when it was measured last: bytes or inodes."""

    used: float
    total: float

    @property
    def percent(self) -> float:
        """Per cent that is used; 0 of nothing."""
        return 100 * self.used / self.total if self.total > 0 else 0.0


class TargetUnderLoad(msgspec.Struct, frozen=True):
    """A target among those that moved least in the busier half of the day.

    Attributes
    ----------
    name : str
    share : float
        Bytes that it moved then, by the median of all targets.
    deviations : float
        How far from the median, in robust standard deviations (1.4826 MAD); below 0.
    """

    name: str
    share: float
    deviations: float


class TargetSpeed(msgspec.Struct, frozen=True):
    """How fast a target was beside its peers, by `archive_tools.jobs.slow_targets`.

    Attributes
    ----------
    name : str
    direction : str
        read or written.
    share : float
        Its speed by that of the median target, in the median hour.
    hours : int
        Hours under load that were compared.
    score : float
        Student's statistic of these hours: far below 0 it was surely slower.
    """

    name: str
    direction: str
    share: float
    hours: int
    score: float

    @property
    def is_sure(self) -> bool:
        """Whether it was slower than its peers by more than chance, however little."""
        return self.score <= SLOW_SCORE

    @property
    def is_slow(self) -> bool:
        """Whether it counts as slow on the day."""
        return self.is_sure and self.share <= SLOW_SHARE


def speed_words(speeds: Sequence[TargetSpeed], shown: Callable[[float], str]) -> str:
    """How fast one target was, in each direction that is given.

    Parameters
    ----------
    speeds : sequence of TargetSpeed
        Of the same target, at least one.
    shown : callable
        How a share is written.
    """
    shares = " and ".join(f"{one.direction} at {shown(one.share)}" for one in speeds)
    hours = list(dict.fromkeys(one.hours for one in speeds))
    most = quantities.counted(hours[-1], "hour")
    time = " and ".join([*(str(one) for one in hours[:-1]), most])
    return f"{speeds[0].name} {shares} of the speed of the median target in {time} under load"


class Moved(msgspec.Struct, frozen=True):
    """What the logs of a user, program or file system moved."""

    name: str
    logs: int
    read: int
    written: int


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Findings of one time and instance, together.

    Attributes
    ----------
    sentence : str
        With the time, by the clock of the site, and with the date where it is another day's.
    kinds : list of str
        Those of the findings (`archive_tools.core.vocabulary.FindingKind`), the weightiest first.
    details : list of str
        Each finding in the same words.
    first, last : int or None
        Epoch seconds, where that is known.
    """

    sentence: str
    kinds: list[str]
    details: list[str]
    first: int | None = None
    last: int | None = None


class InstanceFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instance's day.

    Attributes
    ----------
    state : str
        A word of `archive_tools.core.vocabulary.DayState`, when the figures were made.
    detail : str
    percent : int or None
        Of a partial day.
    datasets : dict of str to DatasetFigures
    fullness : dict of str to dict of str to Full
        By dataset (``fullness/bytes``, ``fullness/inodes``, and of ``mdfullness``), then target.
    slow_targets : list of TargetUnderLoad
        The few that moved least under load, least first.
    target_speeds : list of TargetSpeed
        The few that were most surely slower than their peers, the surest first; a target may be
        there for each direction. Days of earlier versions do not have it.
    users, programs, file_systems : list of Moved
        By bytes, largest first; the first few.
    problems : list of Problem
    """

    state: str
    detail: str = ""
    percent: int | None = None
    datasets: dict[str, DatasetFigures] = {}
    fullness: dict[str, dict[str, Full]] = {}
    slow_targets: list[TargetUnderLoad] = []
    target_speeds: list[TargetSpeed] = []
    users: list[Moved] = []
    programs: list[Moved] = []
    file_systems: list[Moved] = []
    problems: list[Problem] = []

    def moved(self) -> tuple[float | None, float | None]:
        """Bytes that the data targets read and wrote; None where nobody measured."""
        read, written = (
            self.datasets.get(f"datatargets/{name}") for name in ("readbytes", "writebytes")
        )
        return read.total if read else None, written.total if written else None


class DayFigures(msgspec.Struct, frozen=True):
    """A day.

    Attributes
    ----------
    layout : int
    date : datetime.date
    timezone : str
    start, end : int
        Epoch seconds.
    instances : dict of str to InstanceFigures
        In the order of site.json.
    """

    layout: int
    date: dt.date
    timezone: str
    start: int
    end: int
    instances: dict[str, InstanceFigures]


@dataclass(frozen=True)
class FiguresOfDays:
    """The figures of some days.

    Attributes
    ----------
    days : dict of datetime.date to DayFigures
        Those that have some, in their order.
    damaged : dict of datetime.date to str
        Those whose file cannot be read, with the reason.
    """

    days: dict[dt.date, DayFigures] = field(default_factory=dict)
    damaged: dict[dt.date, str] = field(default_factory=dict)


def encode(figures: DayFigures) -> bytes:
    """Figures as the file has them."""
    return msgspec.json.encode(figures) + b"\n"


def _is_of_other_bytes(content: bytes, receipts: DayReceipts) -> bool:
    """Whether a receipt is of other figures; where there is none, nobody knows."""
    receipt = receipts.good(DAY, Product.FIGURES)
    try:
        expected = receipts.content(receipt).get("sha256") if receipt else None
    except DamagedReceipt:
        return False
    return expected is not None and hashlib.sha256(content).hexdigest() != expected


def read_day_figures(root: Path, dates: Iterable[dt.date]) -> FiguresOfDays:
    """The figures of some days of an archive.

    Parameters
    ----------
    root : pathlib.Path
        The archive.
    dates : iterable of datetime.date
        Days without figures, such as those that earlier versions archived, are left out; those
        whose bytes are not those of their receipt are damaged.
    """
    found = FiguresOfDays()
    decoder = msgspec.json.Decoder(DayFigures)
    wanted = sorted(set(dates))
    receipts = Receipts(root).days(wanted)
    for date in wanted:
        try:
            content = layout.path(root, layout.FIGURES, date).read_bytes()
            if _is_of_other_bytes(content, receipts[date]):  # or a run has just made them anew
                content = layout.path(root, layout.FIGURES, date).read_bytes()
                if _is_of_other_bytes(content, Receipts(root).day(date)):
                    found.damaged[date] = digest.OTHER_BYTES
                    continue
            figures = decoder.decode(content)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found.damaged[date] = f"it cannot be read: {error.strerror}"
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            found.damaged[date] = f"it is not what this version writes: {clean(str(error))}"
        else:
            if figures.layout != LAYOUT or figures.date != date:
                found.damaged[date] = (
                    f"layout {LAYOUT} of {date} is expected, it is layout {figures.layout} of"
                    f" {figures.date}"
                )
            else:
                found.days[date] = figures
    return found
