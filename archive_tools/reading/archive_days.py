"""What an archive has: its files, opened by instance and day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from archive_tools.core.day import Day
from archive_tools.core.errors import NotFound
from archive_tools.core.times import When, date_of, epoch_second
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading.archive_folder import ArchiveFolder
from archive_tools.reading.ranges import dates_between
from archive_tools.store import layout


class ArchiveDays(ArchiveFolder):
    """The days of an archive folder, and files elsewhere that belong to it.

    Parameters
    ----------
    root, hdf5_files
        See `ArchiveFolder`.
    direct : bool
        Read chunks directly where the files allow it; otherwise through h5py alone (slower, the
        same numbers).
    """

    def __init__(
        self,
        root: str | Path,
        *,
        hdf5_files: Mapping[str, str | Sequence[str]] | None = None,
        direct: bool = True,
    ) -> None:
        super().__init__(root, hdf5_files=hdf5_files)
        self.direct = direct

    def datasets(self, instance: str, date: When | None = None) -> list[str]:
        """Names of the datasets of a day, sorted; default: of the newest day.

        Raises
        ------
        NotFound
            The instance, or the day, is not in the archive.
        """
        with self._day_file(instance, date) as file:
            return file.datasets()

    def components(self, instance: str, dataset: str, date: When | None = None) -> list[str]:
        """Names of a dataset's components on a day, in the order of its columns; default: on the
        newest day.

        Raises
        ------
        NotFound
            The instance, the day or the dataset is not in the archive.
        """
        with self._day_file(instance, date) as file:
            return list(file.columns(dataset))

    def _day_file(self, instance: str, date: When | None) -> SeriesFile:
        if date is None:
            days = self.days(instance)
            if not days:
                raise self.absent(instance, f"{instance} is not in {self.root}")
            date = days[-1]
        return self.open(instance, date)

    def path(self, instance: str, date: When) -> Path:
        """Where the file of an instance and day is, or would be.

        Raises
        ------
        NotFound
            The name cannot be that of an instance.
        """
        if "/" in instance or instance.startswith("."):
            raise NotFound(f"{instance!r} is not an instance", expected=", ".join(self.instances()))
        date = date_of(date, self.timezone)
        own = layout.path(self.root, layout.TTS, date, instance)
        others = (Path(date.strftime(template)) for template in self._files.get(instance, []))
        return next((path for path in [own, *others] if path.is_file()), own)

    def open(self, instance: str, date: When) -> SeriesFile:
        """Open the file of an instance and day; a context manager.

        Raises
        ------
        NotFound
            It is not in the archive; names what is.
        FormatError
            It cannot be read.
        """
        path = self.path(instance, date)
        if not path.is_file():
            raise self.absent(instance, f"{instance} of {date} is not in {self.root}")
        return open_tts(path, direct=self.direct)

    def day(self, date: dt.date) -> Day:
        """A day in the archive's time zone."""
        return Day(date, self.timezone)

    def epoch_second(self, when: When) -> int:
        """A time as epoch seconds; dates and naive times are the site's. See
        `archive_tools.core.times.epoch_second`.
        """
        return epoch_second(when, self.timezone)

    def dates(self, first: int, last: int) -> list[dt.date]:
        """The site's days that ``[first, last)`` touches, epoch seconds."""
        return dates_between(first, last, self.timezone)
