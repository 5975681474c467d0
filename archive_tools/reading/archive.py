"""An archive of many days: what is in it, and time ranges out of it.

Needs no Luigi, no database driver and no libdarshan; pandas, xarray and dask are loaded when a
DataFrame or a DataArray is requested. Days are opened one after the other, each once, and their
chunks are read side by side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from archive_tools.core.arrays import Float64
from archive_tools.core.errors import BadArgument
from archive_tools.core.times import When
from archive_tools.formats.series import Series, frame
from archive_tools.reading.archive_days import ArchiveDays
from archive_tools.reading.days import DayRows, by_day, union
from archive_tools.reading.ranges import day_rows, read_range, without_damaged
from archive_tools.reading.requests import Damaged, ReadRequest
from archive_tools.reading.resample import Step
from archive_tools.reading.selection import Components

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Archive(ArchiveDays):
    """An archive: what is in it, and time ranges out of it; `ArchiveDays` has the parameters and
    attributes.
    """

    def request(
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
    ) -> ReadRequest:
        """What `read` would read, as an object; `read` has the parameters.

        Raises
        ------
        BadArgument
            The range is empty, a time or a step is none, or the dataset has no rate.
        """
        return ReadRequest.of(
            instance,
            dataset,
            start,
            end,
            self.timezone,
            components=components,
            rate=rate,
            resample=resample,
            damaged=damaged,
        )

    @overload
    def read(self, instance: ReadRequest) -> Series: ...

    @overload
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
    ) -> Series: ...

    def read(
        self,
        instance: str | ReadRequest,
        dataset: str | None = None,
        start: When | None = None,
        end: When | None = None,
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
            Or, in place of all arguments, a `ReadRequest`.
        start, end : str, datetime, date or epoch seconds
            The range ``[start, end)``: rows whose start is in it. Dates and naive times are the
            site's.
        components : str, re.Pattern or list of these, optional
            Names, shell patterns (``*OST00*``) or compiled regular expressions for whole names.
            Default: all.
        rate : bool
            Amounts a second in place of amounts.
        resample : str, optional
            ``1min``, ``15min``, ``1h``, ... or ``1d``: rows are resampled by the catalogue's
            reducer (sum of a delta, mean of a gauge, ...). Minutes and hours are aligned to the
            epoch, days to the site's calendar.
        damaged : {'raise', 'skip'}
            What to do about a day whose file cannot be read: an error, or a `DamagedDay` warning
            and no rows.

        Returns
        -------
        Series
            float64 (rows, columns), base unit, NaN where nobody measured. The columns are the
            union over the days, NaN where a day does not have one. Days that are not in the
            archive, or do not have the dataset, have no rows. Resampled rows have the values of the
            cells that were measured; their `seconds` are those of the rows in them, by which a rate
            is divided.

        Raises
        ------
        NotFound
            No day of the range is in the archive; no day of it has such a dataset or component.
        FormatError
            A day's file is damaged.
        BadArgument
            The range is empty, a time or a step is none, or the dataset has no rate.
        """
        if isinstance(instance, ReadRequest):
            if any((dataset, start, end, components, rate, resample, damaged != "raise")):
                raise BadArgument(
                    "a request says all that is to be read", hint="give it as the only argument"
                )
            return read_range(self, instance)
        if dataset is None or start is None or end is None:
            raise BadArgument("what to read is not said", expected="dataset, start and end")
        request = self.request(
            instance,
            dataset,
            start,
            end,
            components=components,
            rate=rate,
            resample=resample,
            damaged=damaged,
        )
        return read_range(self, request)

    def to_numpy(
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
    ) -> Float64:
        """The values of `read`, which has the parameters and errors: float64 (rows, columns), base
        unit, NaN where missing.
        """
        return self.read(
            instance,
            dataset,
            start,
            end,
            components=components,
            rate=rate,
            resample=resample,
            damaged=damaged,
        ).values

    def to_dataframe(
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
    ) -> pd.DataFrame:
        """One dataset over a time range as a DataFrame; `read` has the parameters and errors.

        Returns
        -------
        pandas.DataFrame
            float64 in base units, NaN where missing; index ``timestamp``, UTC; one column a
            component.
        """
        return self.read(
            instance,
            dataset,
            start,
            end,
            components=components,
            rate=rate,
            resample=resample,
            damaged=damaged,
        ).to_dataframe()

    def missing(
        self,
        instance: str,
        dataset: str,
        start: When,
        end: When,
        *,
        components: Components | None = None,
        resample: str | None = None,
        damaged: Damaged = "raise",
    ) -> pd.DataFrame:
        """Where nobody measured; `read` has the parameters and errors.

        Returns
        -------
        pandas.DataFrame
            bool; index and columns as of `to_dataframe`.
        """
        series = self.read(
            instance,
            dataset,
            start,
            end,
            components=components,
            resample=resample,
            damaged=damaged,
        )
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
        """How much was measured, day by day; `read` has the other parameters and the errors.

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
        request = self.request(
            instance, dataset, start, end, components=components, resample="1d", damaged=damaged
        )
        dates = self.dates(request.start, request.end)
        request = request.between(self.day(dates[0]).start, self.day(dates[-1]).end)
        return without_damaged(self, request, lambda days: self._coverage(request, dates, days))

    def _coverage(
        self, request: ReadRequest, dates: Sequence[dt.date], days: list[DayRows]
    ) -> pd.DataFrame:
        import pandas as pd

        columns = union(days, request.components)
        share = np.zeros((len(dates), len(columns)))
        resampled = by_day(days, Step(0, self.timezone), "sum")
        for rows, whole in zip(days, resampled, strict=True):
            place = [columns.index(name) for name in rows.columns]
            all_rows = self.day(rows.date).rows(rows.timestep)
            share[dates.index(rows.date), place] = 100.0 * whole.count.sum(axis=0) / all_rows
        return pd.DataFrame(
            share, index=pd.Index(dates, name="date"), columns=pd.Index(columns, dtype=object)
        )

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
        files, one hour each. `read` has the parameters and errors.

        Returns
        -------
        xarray.DataArray
            float64, dimensions ``timestamps`` (UTC) and ``component``; attributes ``units``,
            ``kind`` and ``long_name``. Only the days' headers are read before it is computed.

        Raises
        ------
        MissingPackage
            xarray or dask is not installed.
        """
        from archive_tools.reading import lazy

        request = self.request(
            instance, dataset, start, end, components=components, rate=rate, damaged=damaged
        )
        found = [rows.unheld() for rows in day_rows(self, request, whole_chunks=1)]
        return lazy.data_array(request.dataset, found, union(found, request.components))
