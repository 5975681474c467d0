"""An archive of many days: what is in it, and time ranges out of it.

Needs no Luigi, no database driver and no libdarshan; pandas is loaded when a DataFrame is asked for.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools import layout
from archive_tools.tts_read import Tts, frame, open_tts
from pipeline.errors import NotFound, TokioError
from pipeline.model import Day, component_order

if TYPE_CHECKING:
    import pandas as pd

When = str | dt.date | dt.datetime | int | float | np.datetime64
"""A moment: an aware datetime (any zone), epoch seconds, or a date or naive time at the site."""


class Archive:
    """An archive folder.

    Parameters
    ----------
    root : str or pathlib.Path
        The folder that `site.json` calls ``archive``.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise NotFound(f"no archive folder {self.root}")
        about = self.root / layout.ABOUT
        self.about: dict[str, Any] = json.loads(about.read_text("utf-8")) if about.is_file() else {}
        self.timezone: str = self.about.get("timezone", "UTC")

    def __repr__(self) -> str:
        return f"Archive({str(self.root)!r})"

    def instances(self) -> list[str]:
        """Instances that have at least one day."""
        return sorted({name for _, folder in layout.day_folders(self.root) for name in layout.instances_in(folder)})

    def days(self, instance: str) -> list[dt.date]:
        """Days of an instance, oldest first."""
        return [date for date, folder in layout.day_folders(self.root) if (folder / f"{instance}.hdf5").is_file()]

    def path(self, instance: str, date: dt.date) -> Path:
        """Where the TTS file of an instance and day is, or would be."""
        return layout.path(self.root, layout.TTS, date, instance)

    def open(self, instance: str, date: dt.date) -> Tts:
        """Open the TTS file of an instance and day.

        Raises
        ------
        NotFound
            It is not in the archive; names what is.
        """
        path = self.path(instance, date)
        if not path.is_file():
            raise self._absent(instance, f"{instance} of {date} is not in {self.root}")
        return open_tts(path)

    def _absent(self, instance: str, what: str) -> NotFound:
        instances = self.instances()
        if instance not in instances:
            near = difflib.get_close_matches(instance, instances, 1)
            return NotFound(what, expected=f"an instance of {', '.join(instances) or 'none'}", hint=f"did you mean {near[0]}?" if near else "")
        days = self.days(instance)
        return NotFound(what, expected=f"{len(days)} days from {days[0]} to {days[-1]}")

    def moment(self, when: When) -> int:
        """A moment as epoch seconds: dates and naive times are the site's, aware ones are what they say."""
        if isinstance(when, bool):
            raise TokioError("a moment is no truth value")
        if isinstance(when, int | float | np.integer | np.floating):
            return int(when)
        if isinstance(when, np.datetime64):
            return int(when.astype("datetime64[s]").astype(np.int64))
        if isinstance(when, str):
            import dateutil.parser

            try:
                when = dateutil.parser.isoparse(when.strip().replace(" ", "T", 1))
            except ValueError:
                raise TokioError(f"{when!r} is no time", expected="2026-11-22, 2026-11-22T07:50:00 or 2026-11-22T07:50:00Z") from None
        if not isinstance(when, dt.date):
            raise TokioError(f"{when!r} is no moment", expected="a datetime, a date, a text or epoch seconds")
        moment = when if isinstance(when, dt.datetime) else dt.datetime(when.year, when.month, when.day)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(self.timezone))
        return int(moment.timestamp())

    def to_dataframe(self, instance: str, dataset: str, start: When, end: When) -> pd.DataFrame:
        """One dataset over a time range, across midnights.

        Parameters
        ----------
        instance, dataset : str
        start, end : str, datetime, date or epoch seconds
            The range ``[start, end)``: rows whose start is in it. Dates and naive times are the site's.

        Returns
        -------
        pandas.DataFrame
            float64 in base units, NaN where missing; index ``timestamp``, UTC; one column a component: the
            union over the days. Days that are not in the archive have no rows.

        Raises
        ------
        NotFound
            No day of the range is in the archive, or a day has no such dataset.
        """
        first, last = self.moment(start), self.moment(end)
        if last <= first:
            raise TokioError("the range is empty", expected="start before end", got=f"{start} to {end}")
        parts = []
        for date in self._dates(first, last):
            if self.path(instance, date).is_file():
                with self.open(instance, date) as tts:
                    stamps = tts.timestamps(dataset)
                    low, high = np.searchsorted(stamps, [first, last])
                    parts.append((stamps[low:high], tts.columns(dataset), tts.to_numpy(dataset, int(low), int(high))))
        if not parts:
            raise self._absent(instance, f"no day of {instance} from {start} to {end} is in {self.root}")
        return _joined(parts)

    def _dates(self, first: int, last: int) -> list[dt.date]:
        zone = ZoneInfo(self.timezone)
        low = dt.datetime.fromtimestamp(first, zone).date()
        high = dt.datetime.fromtimestamp(last - 1, zone).date()
        return [low + dt.timedelta(days=n) for n in range((high - low).days + 1)]

    def day(self, date: dt.date) -> Day:
        """A day in the archive's time zone."""
        return Day(date, self.timezone)


def _joined(parts: list[tuple[Any, tuple[str, ...], Any]]) -> pd.DataFrame:
    """Days below each other, with the union of their columns."""
    if len({columns for _, columns, _ in parts}) == 1:
        columns = parts[0][1]
        return frame(np.concatenate([values for _, _, values in parts]), np.concatenate([stamps for stamps, _, _ in parts]), columns)
    union = tuple(sorted({name for _, columns, _ in parts for name in columns}, key=component_order))
    place = {name: i for i, name in enumerate(union)}
    values = np.full((sum(len(stamps) for stamps, _, _ in parts), len(union)), np.nan)
    at = 0
    for stamps, columns, some in parts:
        values[at : at + len(stamps), [place[name] for name in columns]] = some
        at += len(stamps)
    return frame(values, np.concatenate([stamps for stamps, _, _ in parts]), union)
