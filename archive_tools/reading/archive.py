"""An archive of many days: what is in it, and time ranges out of it.

Needs no Luigi, no database driver and no libdarshan; pandas, xarray and dask are loaded when a
DataFrame or a DataArray is asked for. Days are opened one after the other and their chunks read
side by side.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from archive_tools import schemas
from archive_tools.core.arrays import Float64
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.formats.series import Series, frame
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading import selection
from archive_tools.reading.days import (
    DayError,
    DayRows,
    by_day,
    joined_rows,
    loaded,
    rows_of,
    union,
)
from archive_tools.reading.resample import Step
from archive_tools.reading.selection import Components
from archive_tools.store import layout

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

When = str | dt.date | dt.datetime | int | float | np.datetime64
"""A moment: an aware datetime (any zone), epoch seconds, or a date or naive time at the site."""
Damaged = Literal["raise", "skip"]


class DamagedDay(UserWarning):
    """A day was left out because its file cannot be read."""


class Archive:
    """An archive folder, and files elsewhere that belong to it.

    Parameters
    ----------
    root : str or pathlib.Path
        The folder that `site.json` calls ``archive``.
    hdf5_files : mapping of str to str or list of str, optional
        Instance to strftime templates of further files, TTS or H5LMT, for days that the folder does
        not have; the first that is there counts. Default: what `site.json` said in the last nightly
        run.
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
        self.root = Path(root)
        if not self.root.is_dir():
            raise NotFound(
                f"no archive folder {self.root}",
                hint="name the folder that site.json calls archive",
            )
        self.about = _about(self.root / layout.ABOUT)
        self.timezone: str = self.about.get("timezone", "UTC")
        self.direct = direct
        files = self.about.get("hdf5_files", {}) if hdf5_files is None else hdf5_files
        self._files: dict[str, list[str]] = {
            name: [found] if isinstance(found, str) else list(found)
            for name, found in files.items()
        }

    def __repr__(self) -> str:
        return f"Archive({str(self.root)!r})"

    # What there is

    def instances(self) -> list[str]:
        """Instances that have at least one day."""
        own = {
            name
            for _, folder in layout.day_folders(self.root)
            for name in layout.instances_in(folder)
        }
        return sorted(own | {name for name in self._files if self.days(name)})

    def days(self, instance: str) -> list[dt.date]:
        """Days of an instance, oldest first."""
        own = {
            date
            for date, folder in layout.day_folders(self.root)
            if (folder / f"{instance}.hdf5").is_file()
        }
        return sorted(
            own
            | {
                date
                for template in self._files.get(instance, [])
                for date, _ in layout.dated_files(template)
            }
        )

    def path(self, instance: str, date: dt.date) -> Path:
        """Where the file of an instance and day is, or would be."""
        if "/" in instance or instance.startswith("."):
            raise NotFound(f"{instance!r} is no instance", expected=", ".join(self.instances()))
        own = layout.path(self.root, layout.TTS, date, instance)
        others = (Path(date.strftime(template)) for template in self._files.get(instance, []))
        return next((path for path in [own, *others] if path.is_file()), own)

    def open(self, instance: str, date: dt.date) -> SeriesFile:
        """Open the file of an instance and day.

        Raises
        ------
        NotFound
            It is not in the archive; names what is.
        """
        path = self.path(instance, date)
        if not path.is_file():
            raise self._absent(instance, f"{instance} of {date} is not in {self.root}")
        return open_tts(path, direct=self.direct)

    def _absent(self, instance: str, what: str) -> NotFound:
        dates = self.days(instance)
        if dates:
            return NotFound(what, expected=f"{len(dates)} days from {dates[0]} to {dates[-1]}")
        instances = self.instances()
        near = difflib.get_close_matches(instance, instances, 1)
        return NotFound(
            what,
            expected=f"an instance of {', '.join(instances) or 'none'}",
            hint=f"did you mean {near[0]}?" if near else "",
        )

    def day(self, date: dt.date) -> Day:
        """A day in the archive's time zone."""
        return Day(date, self.timezone)

    def moment(self, when: When) -> int:
        """A moment as epoch seconds, fractions rounded up: the first whole second that is not
        before it.

        Dates and naive times are the site's, aware ones are what they say; a `numpy.datetime64` is
        UTC, like the time stamps of arrays.
        """
        try:
            return self._moment(when)
        except (ValueError, OverflowError, OSError) as error:
            raise TokioError(
                f"{when!r} is no moment: {error}", expected="a time between the years 1 and 9999"
            ) from None

    def _moment(self, when: When) -> int:
        if isinstance(when, bool):
            raise TokioError("a moment is no truth value")
        if isinstance(when, np.datetime64):
            if np.isnat(when):
                raise ValueError("not a time")
            when = int(when.astype("datetime64[ns]").astype(np.int64)) / 10**9
        if isinstance(when, int | float | np.integer | np.floating):
            dt.datetime.fromtimestamp(float(when), dt.UTC)
            return math.ceil(when)
        if isinstance(when, str):
            import dateutil.parser

            try:
                when = dateutil.parser.isoparse(when.strip().replace(" ", "T", 1))
            except ValueError:
                raise TokioError(
                    f"{when!r} is no time",
                    expected="2026-11-22, 2026-11-22T07:50:00 or 2026-11-22T07:50:00Z",
                ) from None
        if not isinstance(when, dt.date):
            raise TokioError(
                f"{when!r} is no moment", expected="a datetime, a date, a text or epoch seconds"
            )
        moment = (
            when if isinstance(when, dt.datetime) else dt.datetime(when.year, when.month, when.day)
        )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(self.timezone))
        return math.ceil(moment.timestamp())

    # Time ranges

    def read(
        self,
        instance: str,
        dataset: str,
        start: When,
        end: When,
        *,
        components: Components | None = None,
        rate: bool = False,
        resample: str | None = None,
        damaged: Damaged = "raise",
    ) -> Series:
        """One dataset over a time range, across midnights.

        Parameters
        ----------
        instance, dataset : str
        start, end : str, datetime, date or epoch seconds
            The range ``[start, end)``: rows whose start is in it. Dates and naive times are the
            site's.
        components : str, re.Pattern or list of these, optional
            Names, shell patterns (``*OST00*``) or compiled regular expressions for whole names.
            Default: all.
        rate : bool
            Amounts a second in place of amounts.
        resample : str, optional
            ``1min``, ``15min``, ``1h``, ... or ``1d``: rows are joined by the catalogue's reducer
            (sum of a delta, mean of a gauge, ...). Minutes and hours are aligned to the epoch, days
            to the site's calendar.
        damaged : {'raise', 'skip'}
            What to do about a day whose file cannot be read: an error, or a `DamagedDay` warning
            and no rows.

        Returns
        -------
        Series
            The columns are the union over the days, NaN where a day does not have one. Days that
            are not in the archive, or do not have the dataset, have no rows. Joined rows have the
            values of the cells that were measured; their `seconds` are those of the rows in them,
            by which a rate is divided.

        Raises
        ------
        NotFound
            No day of the range is in the archive; no day of it has such a dataset or component.
        FormatError
            A day's file is damaged.
        """
        if damaged not in get_args(Damaged):
            raise TokioError(
                f"damaged={damaged!r} is not known", expected=" or ".join(get_args(Damaged))
            )
        components = _listed(components)
        first, last = self._range(start, end)
        amount = schemas.rates().get(dataset)
        if rate and not amount:
            dataset = self._rate_of(dataset)
            amount = schemas.rates()[dataset]
        step = None if resample is None else Step.parse(resample, self.timezone)
        stored = amount.name if step and amount else dataset

        def load(found: list[DayRows]) -> Series:
            columns = union(found, components)
            return (
                loaded(dataset, found, columns)
                if step is None
                else joined_rows(dataset, found, columns, step)
            )

        return self._loaded(load, (instance, stored, first, last, components, damaged))

    def _loaded(
        self,
        load: Callable[[list[DayRows]], Result],
        asked: tuple[str, str, int, int, Components | None, Damaged],
    ) -> Result:
        """What `load` makes of the days, without those that turn out to be damaged where these may
        be skipped.
        """
        skipped: set[dt.date] = set()
        while True:
            try:
                return load(list(self._days(*asked, skipped)))
            except DayError as error:
                if asked[-1] == "raise":
                    raise error.reason from None
                _warn(asked[0], error.date, error.reason)
                skipped.add(error.date)

    def _range(self, start: When, end: When) -> tuple[int, int]:
        first, last = self.moment(start), self.moment(end)
        if last <= first:
            raise TokioError(
                "the range is empty", expected="start before end", got=f"{start} to {end}"
            )
        return first, last

    @staticmethod
    def _rate_of(dataset: str) -> str:
        known = schemas.catalogue().get(dataset)
        if known is None or not known.rate:
            raise TokioError(
                f"{dataset} has no rate",
                expected="a dataset of amounts, such as datatargets/readbytes",
            )
        return known.rate

    def dates(self, first: int, last: int) -> list[dt.date]:
        """The site's days that ``[first, last)`` touches, epoch seconds."""
        zone = ZoneInfo(self.timezone)
        low, high = (dt.datetime.fromtimestamp(moment, zone).date() for moment in (first, last - 1))
        return [low + dt.timedelta(days=n) for n in range((high - low).days + 1)]

    def _there(self, instance: str, first: int, last: int) -> list[dt.date]:
        """The days of a range that there are files of: looked for one by one, or among all where
        the range is long.
        """
        if last - first > LONG:
            low, high = (
                dt.datetime.fromtimestamp(moment, ZoneInfo(self.timezone)).date()
                for moment in (first, last - 1)
            )
            return [date for date in self.days(instance) if low <= date <= high]
        return [date for date in self.dates(first, last) if self.path(instance, date).is_file()]

    def _days(
        self,
        instance: str,
        dataset: str,
        first: int,
        last: int,
        wanted: Components | None,
        damaged: Damaged,
        skipped: Iterable[dt.date] = (),
        *,
        whole_chunks: int = 0,
    ) -> Iterator[DayRows]:
        """The rows of each day that has some, with the files closed again.

        Raises
        ------
        NotFound
            There is none at all.
        """
        there = self._there(instance, first, last)
        if not there:
            raise self._absent(
                instance,
                f"no day of {instance} from {_utc(first)} to {_utc(last)} is in {self.root}",
            )
        lacking: list[TokioError] = []
        names: set[str] = set()
        known = found = False
        for date in [date for date in there if date not in skipped]:
            try:
                with damage_named(self.path(instance, date)), self.open(instance, date) as file:
                    columns = file.columns(dataset)
                    day, chosen = self.day(date), selection.chosen(columns, wanted)
                    rows = rows_of(
                        file,
                        dataset,
                        day,
                        (max(first, day.start), min(last, day.end)),
                        chosen,
                        whole_chunks,
                    )
            except NotFound as error:
                lacking.append(error)
                continue
            except FormatError as error:
                if damaged == "raise":
                    raise
                _warn(instance, date, error)
                lacking.append(error)
                continue
            names.update(columns)
            known, found = True, found or bool(chosen)
            yield rows
        if not known:
            raise (
                lacking[0]
                if lacking
                else FormatError(f"no day of {instance} from {there[0]} to {there[-1]} can be read")
            )
        if wanted is not None and not found:
            raise selection.absent(
                names, wanted, f"{dataset} of {instance} from {there[0]} to {there[-1]}"
            )

    def to_numpy(
        self, instance: str, dataset: str, start: When, end: When, **options: Any
    ) -> Float64:
        """The values of `read`: float64 (rows, columns), base unit, NaN where missing."""
        return self.read(instance, dataset, start, end, **options).values

    def to_dataframe(
        self, instance: str, dataset: str, start: When, end: When, **options: Any
    ) -> pd.DataFrame:
        """One dataset over a time range as a DataFrame; `read` has the parameters and errors.

        Returns
        -------
        pandas.DataFrame
            float64 in base units, NaN where missing; index ``timestamp``, UTC; one column a
            component.
        """
        return self.read(instance, dataset, start, end, **options).to_dataframe()

    def missing(
        self, instance: str, dataset: str, start: When, end: When, **options: Any
    ) -> pd.DataFrame:
        """Where nobody measured: bool, index and columns as of `to_dataframe`."""
        series = self.read(instance, dataset, start, end, **options)
        return frame(series.missing(), series.timestamps, series.columns)

    def coverage(
        self,
        instance: str,
        dataset: str,
        start: When,
        end: When,
        *,
        components: Components | None = None,
        damaged: Damaged = "raise",
    ) -> pd.DataFrame:
        """How much was measured, day by day.

        Parameters
        ----------
        start, end
            Whole days: all that the range touches.

        Returns
        -------
        pandas.DataFrame
            Per cent of the day's rows that were measured; index ``date``, every day of the range (0
            where the archive has none of it); one column a component.
        """
        import pandas as pd

        components = _listed(components)
        dates = self.dates(*self._range(start, end))
        low, high = self.day(dates[0]).start, self.day(dates[-1]).end

        def load(found: list[DayRows]) -> pd.DataFrame:
            columns = union(found, components)
            share = np.zeros((len(dates), len(columns)))
            for rows, joined in zip(
                found, by_day(found, Step(0, self.timezone), "sum"), strict=True
            ):
                place = [columns.index(name) for name in rows.columns]
                share[dates.index(rows.date), place] = (
                    100.0 * joined.count.sum(axis=0) / self.day(rows.date).rows(rows.timestep)
                )
            return pd.DataFrame(
                share, index=pd.Index(dates, name="date"), columns=pd.Index(columns, dtype=object)
            )

        return self._loaded(load, (instance, dataset, low, high, components, damaged))

    def to_xarray(
        self,
        instance: str,
        dataset: str,
        start: When,
        end: When,
        *,
        components: Components | None = None,
        rate: bool = False,
        damaged: Damaged = "raise",
    ) -> xr.DataArray:
        """One dataset over a time range, loaded when it is computed: dask chunks are those of the
        files, one hour each.

        Returns
        -------
        xarray.DataArray
            float64, dimensions ``timestamps`` (UTC) and ``component``; attributes ``units``,
            ``kind`` and ``long_name``. Only the days' headers are read before it is computed.
        """
        from archive_tools.reading import lazy

        components = _listed(components)
        first, last = self._range(start, end)
        name = self._rate_of(dataset) if rate and dataset not in schemas.rates() else dataset
        found = list(self._days(instance, name, first, last, components, damaged, whole_chunks=1))
        return lazy.data_array(name, found, union(found, components))


LONG = 400 * 86400
"""Seconds of a range for which the archive is listed rather than asked for each day."""
Result = TypeVar("Result")


def _about(path: Path) -> dict[str, Any]:
    """`archive.json`; nothing if it is not there.

    Raises
    ------
    FormatError
        It is not what the nightly run writes.
    """
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text("utf-8"))
        ZoneInfo(about.get("timezone", "UTC"))
    except (ValueError, AttributeError, TypeError, ZoneInfoNotFoundError) as error:
        raise FormatError(
            f"{path} cannot be used: {error}",
            expected="an object with the key timezone",
            hint="the next nightly run writes it anew",
        ) from error
    return dict(about)


def _listed(components: Components | None) -> Components | None:
    """Components that can be looked at more than once."""
    return (
        components
        if components is None or isinstance(components, str | re.Pattern)
        else list(components)
    )


def _warn(instance: str, date: dt.date, reason: TokioError) -> None:
    warnings.warn(
        f"{instance} of {date} is left out: {reason}", DamagedDay, stacklevel=_callers_level()
    )


def _callers_level() -> int:
    """The stack level, for a warning of `_warn`, of the first frame that is not of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("archive_tools"):
        level, frame = level + 1, frame.f_back
    return level


def _utc(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
