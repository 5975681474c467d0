"""How much one request may take, and the errors of what is too much."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from archive_tools.core import threads
from archive_tools.core.errors import TokioError

READ_PER_CELL = 100
"""So many cells may be read for one of the answer."""


class TooLarge(TokioError):
    """More was requested than one request may have."""


class TooBusy(TokioError):
    """The request cannot be answered now: others are before it, or it took too long."""


@dataclass(frozen=True)
class Limits:
    """What one request may take, and how many there may be.

    Attributes
    ----------
    cells : int
        Rows by components of an answer of series; a hundred times as many may be read for it.
    rows : int
        Rows of an answer of jobs.
    days : int
        Days that a range may touch.
    seconds : float
        Until the answer is there, with the time that it waits for others.
    threads : int
        Requests that are read for at the same time.
    waiting : int
        Requests that may wait for a thread.
    connections : int
        Clients at the same time.
    idle : float
        Seconds that a client may neither say nor take anything.
    """

    cells: int = 1_000_000
    rows: int = 10_000
    days: int = 400
    seconds: float = 30.0
    threads: int = field(default_factory=lambda: max(2, threads.cores()))
    waiting: int = 32
    connections: int = 100
    idle: float = 30.0

    def check_days(self, days: int) -> None:
        """Refuse a range of more days than one request may have.

        Raises
        ------
        TooLarge
        """
        _check("days", days, self.days)

    def check_rows(self, rows: int) -> None:
        """Refuse more rows of jobs."""
        _check("rows", rows, self.rows)

    def check_cells(self, cells: int) -> None:
        """Refuse more cells of an answer."""
        _check("cells", cells, self.cells)

    def check_read(self, cells: int) -> None:
        """Refuse more cells that are read for an answer."""
        _check("cells to be read", cells, READ_PER_CELL * self.cells)

    def deadline(self) -> Deadline:
        """When a request that begins now must be answered."""
        return Deadline(time.monotonic() + self.seconds, self.seconds)


@dataclass(frozen=True)
class Deadline:
    """The end of a request's time.

    Attributes
    ----------
    at : float
        By the monotonic clock.
    seconds : float
        The limit, for the error.
    """

    at: float
    seconds: float

    @property
    def left(self) -> float:
        """Seconds that are left, not below 0."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> None:
        """Stop work for an answer that nobody waits for any longer.

        Raises
        ------
        TooBusy
        """
        if not self.left:
            raise self.error()

    def error(self) -> TooBusy:
        """The error of a request that took too long."""
        return TooBusy(
            "the request took too long",
            expected=f"an answer within {self.seconds:g} seconds",
            hint="request a shorter range, or try again when the server is less busy",
        )


def _check(what: str, got: int, most: int) -> None:
    if got > most:
        raise TooLarge(
            f"one request has too many {what}",
            expected=f"at most {most:,}",
            got=f"{got:,}",
            hint="request a shorter range, fewer components, or resampled rows",
        )
