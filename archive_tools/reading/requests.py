"""What is read: one object, for every way to read it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from archive_tools import schemas
from archive_tools.core.errors import BadArgument
from archive_tools.core.times import When, seconds_between
from archive_tools.reading.resample import Step
from archive_tools.reading.selection import Components, listed

Damaged = Literal["raise", "skip"]
"""What to do about a day whose file cannot be read: an error, or a warning and no rows."""


@dataclass(frozen=True)
class ReadRequest:
    """One dataset of an instance over a range of time; `Archive.request` makes it.

    Attributes
    ----------
    instance : str
    dataset : str
        Its name in the catalogue: an amount (``datatargets/readbytes``), its rate
        (``datatargets/readrates``), or a state.
    start, end : int
        Rows whose start is in ``[start, end)``, epoch seconds.
    timezone : str
        IANA name of the zone whose calendar days ``resample="1d"`` joins.
    components : tuple of str and re.Pattern, or None
        Names, shell patterns or regular expressions, of any form when it is made; None is all.
    resample : str or None
        Step of resampled rows; None is the rows as they are.
    damaged : {'raise', 'skip'}
    """

    instance: str
    dataset: str
    start: int
    end: int
    timezone: str = "UTC"
    components: Components | None = None
    resample: str | None = None
    damaged: Damaged = "raise"

    def __post_init__(self) -> None:
        if self.components is not None:
            object.__setattr__(self, "components", listed(self.components))
        if self.damaged not in get_args(Damaged):
            raise BadArgument(
                f"damaged={self.damaged!r} is not known", expected=" or ".join(get_args(Damaged))
            )
        if self.end <= self.start:
            raise BadArgument(
                "the range is empty", expected="start before end", got=f"{self.start} to {self.end}"
            )
        if self.resample is not None:
            Step.parse(self.resample, self.timezone)

    @classmethod
    def of(
        cls,
        instance: str,
        dataset: str,
        start: When,
        end: When,
        timezone: str,
        *,
        components: Components | None = None,
        rate: bool = False,
        resample: str | None = None,
        damaged: Damaged = "raise",
    ) -> ReadRequest:
        """A request in the words of a user: times of any form, and whether rates are meant.

        Raises
        ------
        BadArgument
            The range is empty, a time or a step is none, or the dataset has no rate.
        """
        first, last = seconds_between(start, end, timezone)
        return cls(
            instance,
            rate_of(dataset) if rate else dataset,
            first,
            last,
            timezone,
            components,
            resample,
            damaged,
        )

    @property
    def is_by_day(self) -> bool:
        """Whether all rows of a day become one."""
        return self.step is not None and not self.step.seconds

    @property
    def step(self) -> Step | None:
        """The step of resampled rows; None where rows are read as they are."""
        return None if self.resample is None else Step.parse(self.resample, self.timezone)

    @property
    def stored(self) -> str:
        """The dataset whose rows are loaded: of resampled rates the amount, which adds up."""
        amount = schemas.rates().get(self.dataset)
        return amount.name if self.resample is not None and amount else self.dataset

    def between(self, start: int, end: int) -> ReadRequest:
        """The same over another range."""
        return dataclasses.replace(self, start=start, end=end)


def rate_of(dataset: str) -> str:
    """Name of a dataset's rate; that of a rate is itself.

    Raises
    ------
    BadArgument
        It has none.
    """
    if dataset in schemas.rates():
        return dataset
    known = schemas.catalogue().get(dataset)
    if known is None or not known.rate:
        raise BadArgument(
            f"{dataset} has no rate", expected="a dataset of amounts, such as datatargets/readbytes"
        )
    return known.rate
