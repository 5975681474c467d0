"""The roster: which components and datasets an instance is expected to have.

Each day's receipt hands it on to the next day: what was measured, what the source lists, and what
was not measured in the last complete days. A component leaves the roster after `DAYS` complete days
without it, also where the source still lists it, or when an operator retires it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tools.core.vocabulary import Product
from archive_tools.store.receipt_content import DamagedReceipt
from archive_tools.store.receipts import Receipts
from pipeline.building import statements

DAYS = 7
"""Complete days without a component after which it is not expected any more."""
REACH = 31
"""Days before a day in which its roster is looked for."""
RETIRED = "retired.json"
"""File of the archive that says which components are retired."""


@dataclass(frozen=True)
class Roster:
    """What an instance had on the days before.

    Attributes
    ----------
    days : mapping of str to mapping of str to int
        Dataset to component to how many complete days it has not been measured; `DAYS` is one that
        has left, and that the source lists.
    """

    days: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def components(self, dataset: str) -> frozenset[str]:
        """The components that a dataset is expected to have."""
        return frozenset(n for n, days in self.days.get(dataset, {}).items() if days < DAYS)

    def left(self, dataset: str) -> frozenset[str]:
        """The components that a dataset is not expected to have, although the source lists them."""
        return frozenset(self.days.get(dataset, ())) - self.components(dataset)

    def names(self) -> frozenset[str]:
        """All components of all datasets."""
        return frozenset(name for dataset in self.days for name in self.components(dataset))

    def after(
        self,
        measured: Mapping[str, Iterable[str]],
        *,
        complete: bool,
        listed: Mapping[str, Iterable[str]] | None = None,
    ) -> Roster:
        """The roster of the next day.

        Parameters
        ----------
        measured : mapping of str to iterable of str
            Dataset to the components that were measured on this day.
        complete : bool
            Whether this day is complete: only then a component that is not there is a day nearer to
            leaving.
        listed : mapping of str to iterable of str, optional
            Dataset to the components that the source lists, and has no sample of.
        """
        found: dict[str, dict[str, int]] = {}
        for dataset in sorted({*self.days, *measured}):
            now, still = set(measured.get(dataset, ())), set((listed or {}).get(dataset, ()))
            before = {**dict.fromkeys(still, 0), **self.days.get(dataset, {})}
            known = {
                name: min(days + complete, DAYS)
                for name, days in before.items()
                if name not in now and (days + complete < DAYS or name in still)
            }
            found[dataset] = dict(sorted({**known, **dict.fromkeys(now, 0)}.items()))
        return Roster({dataset: names for dataset, names in found.items() if names})

    def as_json(self) -> list[dict[str, Any]]:
        """As a receipt has it: datasets that have the same components are one entry."""
        groups: dict[tuple[tuple[str, int], ...], list[str]] = {}
        for dataset, names in self.days.items():
            groups.setdefault(tuple(names.items()), []).append(dataset)
        return [
            {
                "datasets": datasets,
                "components": [name for name, days in names if not days],
                "unmeasured": {name: days for name, days in names if days},
            }
            for names, datasets in groups.items()
        ]

    @classmethod
    def from_json(cls, groups: Iterable[Mapping[str, Any]]) -> Roster:
        """The roster in a receipt."""
        return cls(
            {
                dataset: {**dict.fromkeys(group["components"], 0), **group["unmeasured"]}
                for group in groups
                for dataset in group["datasets"]
            }
        )


def roster_before(root: Path, date: dt.date, instance: str) -> Roster:
    """The roster that the nearest archived day before `date` hands on; empty if there is none in
    `REACH` days, or it was archived before rosters were kept.
    """
    dates = [date - dt.timedelta(days=n) for n in range(1, REACH + 1)]
    days = Receipts(root).days(dates)
    for before in dates:
        receipt = days[before].good(instance, Product.TTS)
        if receipt:
            with contextlib.suppress(DamagedReceipt):  # the day before it has one too
                return Roster.from_json(days[before].content(receipt).get("roster", ()))
    return Roster()


@dataclass(frozen=True)
class Retirement:
    """A component or dataset that an operator retired.

    Attributes
    ----------
    instance, name : str
    since : str
        The first day on which it is not expected any more, ISO.
    who, why, written : str
    """

    instance: str
    name: str
    since: str
    who: str
    why: str
    written: str


def retirements(root: Path) -> list[Retirement]:
    """All that operators retired."""
    return statements.typed(root / RETIRED, lambda one: Retirement(**one))


def retire(root: Path, more: Iterable[Retirement]) -> None:
    """Add to what is retired; the same instance and name is replaced."""
    found = {(one.instance, one.name): one for one in [*retirements(root), *more]}
    _write(root, found.values())


def recall(root: Path, instance: str, names: Iterable[str]) -> list[str]:
    """Expect retired names again; the names that were retired."""
    wanted = set(names)
    there = retirements(root)
    keep = [one for one in there if one.instance != instance or one.name not in wanted]
    _write(root, keep)
    return sorted({one.name for one in there} - {one.name for one in keep})


def _write(root: Path, found: Iterable[Retirement]) -> None:
    ordered = sorted(found, key=lambda one: (one.instance, one.name))
    statements.write(root / RETIRED, [vars(one) for one in ordered])


def retired_on(root: Path, date: dt.date, instance: str) -> list[str]:
    """Names of an instance that are not expected on a day, sorted."""
    return sorted(
        one.name
        for one in retirements(root)
        if one.instance == instance and one.since <= date.isoformat()
    )
