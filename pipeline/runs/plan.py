"""What a backfill has to do, from receipts alone: no source is queried, and nothing runs.

A day's plan is the tasks that are not complete, and those that are made from them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_tools.core.vocabulary import DayState, Product
from archive_tools.store import aside
from archive_tools.store.receipts import Receipts
from pipeline.building.run_context import Mode, run_context, with_receipts
from pipeline.runs import states
from pipeline.runs.execution import everything
from pipeline.site import Site
from pipeline.tasks.base import ArchiveTask
from pipeline.tasks.nightly import Nightly, products


@dataclass(frozen=True)
class DayPlan:
    """What one day needs.

    Attributes
    ----------
    nightly_run : Nightly
        The day's report, which is written anew after the rest.
    lasts : tuple of ArchiveTask
        The last tasks of the instances that are wanted and have something to do.
    todo : tuple of ArchiveTask
        The tasks that will run, what is required first.
    whole : bool
        Whether all instances of the site were looked at.
    report_is_due : bool
        Whether the report is to be made, whatever else is: a run was killed, or failed, before it.
    """

    nightly_run: Nightly
    lasts: tuple[ArchiveTask, ...]
    todo: tuple[ArchiveTask, ...]
    whole: bool
    report_is_due: bool = False

    @property
    def lacks_report(self) -> bool:
        """Whether nothing but the report is to do."""
        return self.report_is_due and not self.todo

    @property
    def roots(self) -> tuple[ArchiveTask, ...]:
        """What Luigi is given: the report, which requires all instances, where all of them are
        meant.
        """
        return (self.nightly_run,) if self.whole else self.lasts

    @property
    def date(self) -> dt.date:
        return self.nightly_run.date

    def by_instance(self) -> dict[str, list[str]]:
        """The products that will be made, of each instance."""
        found: dict[str, list[str]] = {}
        for task in self.todo:
            found.setdefault(task.instance, []).append(task.product)
        if self.lacks_report:
            found[self.nightly_run.instance] = [self.nightly_run.product]
        return found


@dataclass(frozen=True)
class Plan:
    """What some days need.

    Attributes
    ----------
    days : tuple of DayPlan
        In the order in which they will be run; days that need nothing are not among them.
    complete : int
        Days that need nothing.
    expired : tuple of (datetime.date, str)
        Days and instances that are missing and that the source keeps no longer: it is not queried.
    """

    days: tuple[DayPlan, ...]
    complete: int
    expired: tuple[tuple[dt.date, str], ...]


def plan_days(
    site: Site,
    dates: Sequence[dt.date],
    given: str,
    instances: Sequence[str],
    *,
    wanted: Callable[[ArchiveTask], bool] | None = None,
    expired: bool = True,
) -> Plan:
    """The plan of some days.

    Parameters
    ----------
    site : Site
    dates : sequence of datetime.date
    given : str
        Where the site is, for tasks.
    instances : sequence of str
    wanted : callable, optional
        Tasks that are to do also where they are complete.
    expired : bool
        Whether to leave out what the source keeps no longer.
    """
    gone = set(_expired(site, dates, given, instances)) if expired else set()
    found, complete = [], 0
    with (
        run_context(mode=Mode.RECEIPTS),
        with_receipts(site.root, Receipts(site.root).read_days(dates)),
    ):
        for date in dates:
            names = [name for name in instances if (date, name) not in gone]
            day = _day(site, date, given, names, wanted or (lambda task: False))
            if day.todo or day.lacks_report:
                found.append(day)
            elif names or not instances:
                complete += 1
    return Plan(tuple(found), complete, tuple(sorted(gone)))


def _day(
    site: Site,
    date: dt.date,
    given: str,
    instances: Sequence[str],
    wanted: Callable[[ArchiveTask], bool],
) -> DayPlan:
    lasts, todo = [], dict[str, ArchiveTask]()
    for instance in instances:
        (last,) = (
            task(date=date, instance=instance, site=given) for task in products(site, instance)
        )
        mine = dict[str, ArchiveTask]()
        for task in everything(last):
            if (
                any(other.task_id in mine for other in task.needs())
                or wanted(task)
                or not (task.up_to_date() or task.is_marked_empty())
            ):
                mine[task.task_id] = task
        if mine:
            lasts.append(last)
            todo |= mine
    nightly_run = Nightly(date=date, site=given)
    return DayPlan(
        nightly_run,
        tuple(lasts),
        tuple(todo.values()),
        set(instances) == set(site.sources),
        bool(instances) and (not nightly_run.up_to_date() or any(map(wanted, nightly_run.of_day))),
    )


def _expired(
    site: Site, dates: Sequence[dt.date], given: str, instances: Sequence[str]
) -> Iterator[tuple[dt.date, str]]:
    """Days without products whose source keeps them no longer, unless the raw data are there."""
    for date, found in states.day_states(
        site, dates, given, instances=instances, ask=False
    ).items():
        for instance, state in found.items():
            if (
                state.word == DayState.EXPIRED
                and Receipts(site.root).day(date).read().good(instance, Product.RAW) is None
                and not aside.has_raw(site.root, date, instance)
            ):
                yield date, instance
