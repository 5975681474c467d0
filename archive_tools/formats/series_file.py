"""What every file of time series gives, whatever its format: `Tts` and `H5lmt` build on it.

Values come out in base units with NaN for missing, whatever the file used.
"""

from __future__ import annotations

import abc
import contextlib
import difflib
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

import h5py
import numpy as np
import numpy.typing as npt

from archive_tools import schemas
from archive_tools.core import quantities, threads
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.errors import MEND, FormatError, NotFound, TokioError
from archive_tools.formats import row_blocks
from archive_tools.formats.encoding import text_of
from archive_tools.formats.identity import DAMAGE, Identity
from archive_tools.formats.kept_summary import KeptSummary
from archive_tools.formats.series import Series

if TYPE_CHECKING:
    import pandas as pd


File = TypeVar("File", bound="SeriesFile")
Given = ParamSpec("Given")
Result = TypeVar("Result")


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged file into a FormatError that names it."""
    try:
        yield
    except TokioError:
        raise
    except PermissionError as error:
        raise FormatError(
            f"{path} may not be read: {error}", hint="ask its owner for the right to read"
        ) from error
    except DAMAGE as error:
        raise FormatError(f"{path} is damaged: {error}", hint=MEND) from error


def names_damage(
    method: Callable[Concatenate[File, Given], Result],
) -> Callable[Concatenate[File, Given], Result]:
    """A method of a file; what h5py raises in it on a damaged file names the file."""

    @functools.wraps(method)
    def guarded(self: File, /, *args: Given.args, **keys: Given.kwargs) -> Result:
        with damage_named(self.path):
            return method(self, *args, **keys)

    return guarded


class SeriesFile(abc.ABC):
    """One open file of time series. A context manager; what was read stays when it is closed.

    Parameters
    ----------
    path : pathlib.Path
    file : h5py.File
        Open; it is closed with this object.
    direct : bool
        Read chunks directly where the layout allows it; otherwise through h5py alone.
    """

    def __init__(self, path: Path, file: h5py.File, *, direct: bool = True) -> None:
        self.path = path
        self.direct = direct
        self._file = file
        self._identity = Identity.of(str(path.absolute()), file.id.get_vfd_handle(), hold=True)

    def __repr__(self) -> str:
        if not self._file:
            return f"{type(self).__name__}({str(self.path)!r}), closed"
        lines = [
            f"  {name}: {self.units(name)}, {len(self.timestamps(name))} rows of"
            f" {self.timestep(name)} s, {quantities.counted(len(self.columns(name)), 'component')}"
            for name in self.datasets()
        ]
        return "\n".join([f"{type(self).__name__}({str(self.path)!r})", *lines])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with damage_named(self.path):
            self._file.close()

    # What a format says

    @property
    @abc.abstractmethod
    def start(self) -> int:
        """First second that the file covers (epoch seconds)."""

    @property
    @abc.abstractmethod
    def end(self) -> int:
        """First second after those that the file covers (epoch seconds)."""

    @abc.abstractmethod
    def datasets(self) -> list[str]:
        """Names of the stored datasets, such as ``datatargets/readbytes``."""

    @abc.abstractmethod
    def units(self, name: str) -> str:
        """Unit of the values that are read."""

    @abc.abstractmethod
    def columns(self, name: str) -> tuple[str, ...]:
        """Component names, one a column."""

    @abc.abstractmethod
    def timestamps(self, name: str) -> Int64:
        """Starts of the rows, int64 epoch seconds, shape (rows,)."""

    @abc.abstractmethod
    def timestep(self, name: str) -> int:
        """Seconds a row."""

    @abc.abstractmethod
    def row_blocks(
        self,
        name: str,
        first: int = 0,
        last: int | None = None,
        chosen: row_blocks.Chosen = None,
        *,
        whole_chunks: int = 0,
    ) -> list[row_blocks.RowBlock]:
        """The rows ``first:last``, cut into parts that can be loaded when the file is closed; see
        `archive_tools.formats.row_blocks.cut`.
        """

    def kept(self, name: str) -> KeptSummary | None:
        """What the file says that all rows of a dataset come to; None where it says nothing."""
        return None

    # What follows from it

    @property
    @names_damage
    def attributes(self) -> dict[str, Any]:
        """The root attributes."""
        return {
            key: value.item() if isinstance(value, np.generic) else value
            for key, value in self._file.attrs.items()
        }

    @names_damage
    def sources(self) -> dict[str, str]:
        """Group to the kind of source that it came from, "" where the file does not say."""
        return {
            name: text_of(item.attrs.get("source", ""))
            for name, item in self._file.items()
            if isinstance(item, h5py.Group)
        }

    @names_damage
    def kind(self, name: str) -> str:
        """delta, gauge or rate; a dataset that the catalogue does not know is what the file says,
        else it counts as a gauge.
        """
        known = schemas.catalogue().get(name)
        if known or name in schemas.rates():
            return known.kind if known else "rate"
        return "delta" if self._said(name, "kind") == "delta" else "gauge"

    @names_damage
    def time_reducer(self, name: str) -> schemas.Reducer:
        """How rows are joined: by the catalogue, else as the file says, else to their mean."""
        known = schemas.rates().get(name) or schemas.catalogue().get(name)
        said = known.time if known else self._said(name, "time_reducer")
        return next((one for one in schemas.REDUCERS if one == said), "mean")

    def _said(self, name: str, attribute: str) -> str:
        """What an attribute of a stored dataset says; "" where there is none."""
        item = self._file.get(name)
        return "" if item is None else text_of(item.attrs.get(attribute, ""))

    @names_damage
    def largest(self, name: str) -> float | None:
        """The site's own limit of what a component of a stored dataset can have, of amounts in a
        second; None where the file says none.
        """
        item = self._file.get(name)
        found = None if item is None else item.attrs.get("largest")
        return None if found is None else float(found)

    def to_numpy(
        self,
        name: str,
        first: int = 0,
        last: int | None = None,
        *,
        components: Sequence[str] | None = None,
    ) -> Float64:
        """Values of the rows ``first:last``: float64 (rows, columns), base unit, NaN where missing.

        Raises
        ------
        NotFound
            No such dataset or component; names what there is.
        """
        chosen = None if components is None else row_blocks.matching(self.columns(name), components)
        pieces = self.row_blocks(name, first, last, chosen)
        if not pieces:
            return np.empty((0, len(self.columns(name)) if components is None else len(components)))
        low = pieces[0].first
        values = np.empty((pieces[-1].last - low, pieces[0].width))
        for _ in threads.in_order(
            lambda piece: piece.load(values[piece.first - low : piece.last - low]), pieces
        ):
            pass
        return values

    def missing(self, name: str) -> npt.NDArray[np.bool_]:
        """Where nobody measured: bool (rows, columns)."""
        return np.isnan(self.to_numpy(name))

    def to_series(self, name: str) -> Series:
        """All rows of a dataset."""
        stamps = self.timestamps(name)
        return Series(
            name,
            self.units(name),
            self.kind(name),
            self.columns(name),
            stamps,
            np.full_like(stamps, self.timestep(name)),
            self.to_numpy(name),
        )

    def to_dataframe(self, name: str) -> pd.DataFrame:
        """All rows of a dataset.

        Returns
        -------
        pandas.DataFrame
            float64 in the base unit, NaN where missing; index: UTC time stamps of the rows' starts,
            named ``timestamp``; columns: component names.
        """
        return self.to_series(name).to_dataframe()

    def _absent(self, name: str) -> NotFound:
        stored = self.datasets()
        rates = [
            known.rate for one in stored if (known := schemas.catalogue().get(one)) and known.rate
        ]
        near = difflib.get_close_matches(name, dict.fromkeys([*stored, *rates]), 3)
        there = ", ".join(stored) or "the file has none"
        return NotFound(
            f"{self.path} has no dataset {name}",
            expected=there,
            hint=f"near: {', '.join(near)}" if near else "",
        )
