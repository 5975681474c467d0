"""A calendar day of a site, and its seconds.

Times are int64 seconds since 1970-01-01T00:00:00Z everywhere; a civil date has a meaning only
together with its time zone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from archive_tools.core.arrays import Int64


@dataclass(frozen=True, order=True)
class Day:
    """One calendar day of a site: 23, 24 or 25 hours of its time zone.

    Parameters
    ----------
    date : datetime.date
    timezone : str
        IANA name of the zone, such as ``America/Los_Angeles``.
    """

    date: dt.date
    timezone: str = "UTC"

    def _midnight(self, date: dt.date) -> int:
        zone = ZoneInfo(self.timezone)
        return int(dt.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())

    @property
    def start(self) -> int:
        """First second of the day (epoch seconds, inclusive)."""
        return self._midnight(self.date)

    @property
    def end(self) -> int:
        """First second of the next day (epoch seconds, exclusive)."""
        return self._midnight(self.date + dt.timedelta(days=1))

    def rows(self, timestep: int) -> int:
        """How many rows of `timestep` seconds cover the day; the last one may reach past its
        end.
        """
        return -(-(self.end - self.start) // timestep)

    def timestamps(self, timestep: int) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""
        return self.start + np.arange(self.rows(timestep), dtype=np.int64) * timestep

    def expand(self, template: str) -> str:
        """A strftime template (``%Y``, ``%-m``, ...) filled in with this day."""
        return self.date.strftime(template)

    def clock(self, second: float, *, is_end: bool = False) -> str:
        """A time by the site's clock, for people: ``08:00``, ``08:00:05``; with its date where that
        is another day's, and with the zone's short name on days on which clocks are changed.

        Parameters
        ----------
        second : float
            Epoch second.
        is_end : bool
            The day's end is 24:00.

        Raises
        ------
        ValueError, OverflowError, OSError
            No calendar has it.
        """
        if is_end and second == self.end:
            return "24:00"
        local = dt.datetime.fromtimestamp(int(second), ZoneInfo(self.timezone))
        text = local.strftime("%H:%M:%S" if local.second else "%H:%M")
        if self.end - self.start != 24 * 3600:
            text += f" {local:%Z}"
        return text if local.date() == self.date else f"{local.date()} {text}"

    def __str__(self) -> str:
        return self.date.isoformat()
