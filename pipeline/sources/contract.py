"""What a source is: the methods and attributes that the rest of the pipeline uses, and no more.

A kind is one class that names `SeriesSource`, `RecordSource` or `LogSource` as its base, so that
mypy checks it, and one object of that class, ``SOURCE`` in the kind's module. The object keeps no
state: what an instance is, its options say.

`fetch` does all input and output. `parse`, and `jobs` with `run`, read what `fetch` kept, so that
they can be run again years later.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import Product
from pipeline.model import LogBatch, LogIdentity, Samples
from pipeline.processes.isolated import IsolatedRead
from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import LogSelector, SourceMetric
from pipeline.site import Site, SourceOptions

if TYPE_CHECKING:
    import pyarrow as pa

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Inputs: TypeAlias = Mapping[str, Json]
"""What a source has for a day, as it goes into a receipt and its fingerprint."""
Counts: TypeAlias = Mapping[str, int]
Rejects: TypeAlias = Mapping[tuple[str, int, int], str]
"""Name, size and mtime_ns of files that were rejected, and why."""
KeysT = TypeVar("KeysT", bound=SourceOptions)
Result = TypeVar("Result")

SERIES_PRODUCTS = (Product.TTS,)
RECORD_PRODUCTS = (Product.TTS, Product.JOBS)
LOG_PRODUCTS = (Product.TTS, Product.INDEX, Product.JOBS)


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought.

    Attributes
    ----------
    counts : mapping of str to int
        How many rows of what.
    inputs : mapping or None
        What was there while it was fetched, in the form of `Source.inputs`; None where only another
        query can say that.
    span : tuple of int, optional
        The first and the last second of what was fetched, where the source knows.
    """

    counts: Counts
    inputs: Inputs | None = None
    span: tuple[int, int] | None = None


@runtime_checkable
class Source(Protocol[KeysT]):
    """What every kind of source has.

    Attributes
    ----------
    kind : str
        Its name in site.json.
    Options : type of SourceOptions
        The keys of an instance in site.json.
    Selector : type of Selector
        The kind's own keys in the rows of its table.
    version : int
        Of the kind's parser: raised when the same raw data give other figures.
    products : tuple of Product
        What an instance has besides the raw data, in the order in which it is made.
    """

    kind: str
    Options: type[KeysT]
    Selector: type[source_maps.Selector]
    version: int
    products: tuple[Product, ...]

    @abstractmethod
    def metrics(self) -> tuple[SourceMetric[source_maps.Selector], ...]:
        """The rows of the kind's table; see `pipeline.schemas.source_maps.source_map`.

        Raises
        ------
        ConfigError
            The table is wrong.
        """
        raise NotImplementedError

    @abstractmethod
    def with_absolute_paths(self, options: KeysT, site: Site) -> KeysT:
        """The same options with paths counted from site.json, and the site's defaults."""
        raise NotImplementedError

    @abstractmethod
    def inputs(self, options: KeysT, day: Day) -> Inputs:
        """What the source has for the day, small and quick to ask for.

        Its fingerprint decides whether anything changed.

        Raises
        ------
        SourceError
            The source cannot be reached or read.
        """
        raise NotImplementedError

    @abstractmethod
    def fetch(self, options: KeysT, day: Day, folder: Path) -> Fetched:
        """Write what the source has of the day, unchanged, into `folder`.

        Raises
        ------
        NoData
            The source has nothing of the day.
        SourceError
            The source cannot be reached or read.
        """
        raise NotImplementedError

    def server_info(self, options: KeysT, day: Day) -> Mapping[str, str]:
        """What the source says of itself, such as the server's version and time zone."""
        return {}

    def fetch_new(self, options: KeysT, day: Day, folder: Path, held: Sequence[Path]) -> Fetched:
        """As `fetch`, of what the archive does not have yet: a piece of the day's raw data.

        A kind that cannot tell brings all that the source has, which is right and slower.

        Parameters
        ----------
        options, day, folder
            As for `fetch`.
        held : sequence of Path
            The pieces that were fetched before, oldest first.

        Raises
        ------
        NoData
            The source has nothing that is not held.
        SourceError
            It cannot be reached or read.
        """
        return self.fetch(options, day, folder)

    def contains(self, newer: Path, older: Path) -> bool | None:
        """Whether a piece has all that an older one has, which is then dropped.

        Returns
        -------
        bool or None
            None where only the samples can tell; they are then compared.
        """
        return None


@runtime_checkable
class SeriesSource(Source[KeysT], Protocol[KeysT]):
    """A source of counters and gauges."""

    products: tuple[Product, ...] = SERIES_PRODUCTS

    @abstractmethod
    def parse(
        self, options: KeysT, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Samples of each dataset; the pieces of a dataset follow each other.

        Reads nothing but `folder`; the same files give the same samples. Datasets come in the order
        of `metrics`.

        Raises
        ------
        SourceError
            The raw data cannot be read.
        """
        raise NotImplementedError

    def parse_pieces(
        self, options: KeysT, day: Day, pieces: Sequence[Path], findings: Findings
    ) -> Iterator[Samples] | None:
        """As `parse`, of several pieces, the newest first.

        Returns
        -------
        iterator of Samples, or None
            None where the pieces can be parsed one by one, as if each were the day: of what several
            have, the newest counts.
        """
        return None


@runtime_checkable
class RecordSource(SeriesSource[KeysT], Protocol[KeysT]):
    """A source of series that knows jobs by name too: beside its samples it has a table, one row a
    job, or a job and a target.

    What was not measured, and what of the input cannot be read, `parse` says, for both.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the table. `jobid` is among them.
    """

    products: tuple[Product, ...] = RECORD_PRODUCTS
    schema: pa.Schema

    @abstractmethod
    def records(
        self, options: KeysT, day: Day, pieces: Sequence[Path]
    ) -> Iterator[pa.RecordBatch | pa.Table]:
        """The rows of a day's table, out of all its pieces, in an order that is the same whatever
        the order of the input; no more of them at a time than memory bears.

        Parameters
        ----------
        options, day
            As for `fetch`.
        pieces : sequence of Path
            Folders that `fetch` wrote, the newest first.

        Raises
        ------
        SourceError
            The raw data cannot be read.
        """
        raise NotImplementedError


@runtime_checkable
class LogSource(Source[KeysT], Protocol[KeysT]):
    """A source of logs of applications, which are read by processes of their own.

    Attributes
    ----------
    reader : str
        What reads the logs: another one may read what this one rejects.
    """

    products: tuple[Product, ...] = LOG_PRODUCTS
    reader: str

    @abstractmethod
    def metrics(self) -> tuple[SourceMetric[LogSelector], ...]:
        """The rows of the kind's table."""
        raise NotImplementedError

    @abstractmethod
    def mount_to_fsname(self, options: KeysT) -> Mapping[str, str]:
        """Regular expression of a mount point to file system name."""
        raise NotImplementedError

    @abstractmethod
    def jobs(
        self,
        options: KeysT,
        day: Day,
        folder: Path,
        reduce: Callable[[LogBatch], Result],
        known: Rejects | None = None,
    ) -> Iterator[IsolatedRead[Result]]:
        """Pieces of work for an executor, of what `fetch` listed in `folder`.

        Parameters
        ----------
        options, day, folder
            As for `fetch`.
        reduce : callable
            From a batch to what a job gives; must be picklable.
        known : mapping, optional
            Files that the same reader rejected before.
        """
        raise NotImplementedError

    def files_of(self, pieces: Sequence[Path]) -> list[LogIdentity] | None:
        """The files that the pieces list, each once, as the newest piece lists it; in the order in
        which they are read.

        Parameters
        ----------
        pieces : sequence of Path
            The newest first.

        Returns
        -------
        list of LogIdentity, or None
            None for a kind of which nothing is kept between two builds: all logs are read again.
        """
        return None

    def jobs_of(
        self,
        options: KeysT,
        day: Day,
        files: Sequence[LogIdentity],
        wanted: Collection[LogIdentity],
        reduce: Callable[[LogBatch], Result],
        known: Rejects | None = None,
    ) -> Iterator[IsolatedRead[Result]]:
        """As `jobs`, for the wanted ones of all `files` of the day.

        Raises
        ------
        NotImplementedError
            `files_of` gives None.
        """
        raise NotImplementedError

    @abstractmethod
    def run(self, job: IsolatedRead[Result]) -> list[Result]:
        """The results of the batches of a job, in order.

        Raises
        ------
        SourceError
            The reader could not run.
        InputChanged
            A log changed since it was listed.
        """
        raise NotImplementedError


@runtime_checkable
class HasClock(Protocol):
    """What a source has, besides its kind's contract, that can say what time it is there."""

    @abstractmethod
    def clock(self, options: Any, day: Day) -> float | None:
        """The source's time now, epoch seconds, as the stamps of its data are understood; None
        where this instance does not say it.

        Raises
        ------
        SourceError
            The source cannot be reached or read.
        """
        raise NotImplementedError


AnySource: TypeAlias = SeriesSource[Any] | LogSource[Any]
"""A source of a kind that only site.json names: its options are of its own `Options`."""


FROM_THE_BASE = {"contains", "fetch_new", "files_of", "jobs_of", "parse_pieces"}
"""What a class has from its base unless it says otherwise."""


def missing_members(found: object) -> list[str]:
    """What an object lacks to be a source of series or of logs; empty for a source."""
    lacking = [
        sorted(
            (name for name in _members(contract) if not hasattr(found, name)),
            key=lambda name: (name in FROM_THE_BASE, name),
        )
        for contract in (SeriesSource, LogSource)
    ]
    return min(lacking, key=len)


def _members(contract: type[object]) -> set[str]:
    own = [one for one in contract.__mro__ if one.__module__ == __name__]
    names = {name for one in own for name in (*vars(one), *vars(one).get("__annotations__", {}))}
    return {name for name in names if not name.startswith("_")}
