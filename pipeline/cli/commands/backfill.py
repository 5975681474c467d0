"""`tokio-pipeline backfill`: years, in chunks, resumable."""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import time
from collections.abc import Sequence

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError
from archive_tools.core.findings import shortened
from archive_tools.core.quantities import counted
from archive_tools.core.vocabulary import ReceiptState, Severity
from archive_tools.store import lock
from archive_tools.store.receipts import DAY, Receipt, Receipts
from pipeline.building.run_context import Mode, current, run_context
from pipeline.cli import common_options, exit_codes, site_options
from pipeline.runs import alerting, execution, pages, plan, progress, recording, retention, states
from pipeline.runs.plan import DayPlan, Plan
from pipeline.site import Site
from pipeline.tasks.nightly import Nightly

log = logging.getLogger("tokio")
CHUNK = 16
"""Days that Luigi's scheduler is given at a time: what it does for each task grows with the number
of those that wait.
"""
NO_ALERTS = (
    "alerts of these days are not evaluated, but where a nightly run had; the next one evaluates"
    " those within late_days, tokio-pipeline nightly --date DATE any other"
)
NOBODY_ELSE = 0.0
"""Seconds to wait for days of another run: their turn comes again at the end."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    dates = site_options.dates(options, site)
    if dates[-1] > site.yesterday():
        raise ConfigError(
            f"{dates[-1]} is not over yet", expected=f"--stop {site.yesterday()} or earlier"
        )
    instances = site_options.instances(options, site)
    ordered = dates[::-1] if options.newest_first else dates
    began = time.monotonic()
    planned = plan.plan_days(site, ordered, options.site, instances, expired=not options.expired)
    if options.dry_run:
        _show(planned)
        return exit_codes.COMPLETE
    with recording.writing(site, "backfill") as codes:
        title = f"{dates[0]} to {dates[-1]}"
        run = _Run(site, options)
        with progress.showing(title, len(planned.days), run.done, "days"):
            log.info(
                "%s: %d days to do, %d need nothing (looked at in %.1f s)",
                title,
                len(planned.days),
                planned.complete,
                time.monotonic() - began,
            )
            run.all(planned.days)
        well = alerting.evaluate_again(site, [day.date for day in planned.days])
        well &= pages.finish_pages(site, dates, options.site)
        retention.prune(site)
        code = _summary(site, dates, options.site, instances)
        written = exit_codes.COMPLETE if well else exit_codes.FAILED
        codes.append(exit_codes.worst([code, run.report_code(), written]))
        if site.alerts and not all(alerting.is_evaluated(site, day.date) for day in planned.days):
            printing.note(NO_ALERTS)
    return codes[-1]


class _Run:
    """The chunks of a backfill, and how far it is."""

    def __init__(self, site: Site, options: argparse.Namespace) -> None:
        self.site, self.options = site, options
        self.finished = 0
        self.current: Sequence[DayPlan] = ()
        self.before: set[str] = set()
        self.nightlies: list[Nightly] = []
        self.began = time.monotonic()

    def report_code(self) -> int:
        """The exit code of the days' reports, and a line that says which are not written."""
        bad = sorted(str(one.date) for one in self.nightlies if not one.up_to_date())
        if not bad:
            return exit_codes.COMPLETE
        printing.say(f"reports of {counted(len(bad), 'day')} are not written: {shortened(bad)}")
        return exit_codes.FAILED

    def done(self) -> int:
        """Days that are done, those of the chunk that runs among them."""
        current = self.current
        if not current:
            return self.finished
        known = self._receipts(current)
        new = {(r.date, *r.key) for r in known if r.name not in self.before}
        return self.finished + sum(
            all((day.date, last.instance, last.product) in new for last in day.lasts)
            for day in current
        )

    def _receipts(self, days: Sequence[DayPlan]) -> list[Receipt]:
        known = Receipts(self.site.root).days([day.date for day in days])
        return [receipt for day in known.values() for receipt in day.all]

    def all(self, days: Sequence[DayPlan]) -> None:
        """Run the days in their order, then again those that failed or that another run had, at
        most `tries` times.
        """
        self.nightlies = [day.nightly_run for day in days]
        waiting = self._pass(days, NOBODY_ELSE)
        for _ in range(1, self.options.tries):
            if not waiting:
                break
            log.info("%d days are tried again", len(waiting))
            self.finished -= len(waiting)
            current().answers.forget()
            waiting = self._pass(waiting, self.options.wait)
        self._join(self.nightlies)

    def _join(self, nightlies: Sequence[Nightly]) -> None:
        """Make indexes again whose logs ran on days that came after them."""
        for nightly_run in nightlies:
            if not nightly_run.indexes_current():
                with lock.free(
                    self.site.root, [nightly_run.date], patience=self.options.wait
                ) as held:
                    if held:
                        execution.finish(nightly_run)

    def _pass(self, days: Sequence[DayPlan], patience: float) -> list[DayPlan]:
        """Run days once; those that need another try."""
        again = []
        for first in range(0, len(days), CHUNK):
            chunk = days[first : first + CHUNK]
            dates = [day.date for day in chunk]
            with (
                lock.free(self.site.root, dates, patience=patience) as held,
                execution.swept(self.site, held),
            ):
                mine = [day for day in chunk if day.date in held]
                self.before = {receipt.name for receipt in self._receipts(mine)}
                self.current = mine
                with run_context(mode=Mode.RECEIPTS):
                    execution.bring_up(
                        [task for day in mine for task in day.roots],
                        [day.nightly_run for day in mine],
                        self.options.workers,
                    )
                self.current = ()
                failed = self._failed(mine)
            others = [day for day in chunk if day.date not in held]
            if others:
                log.warning(
                    "%s and %d more days: another run has them", others[0].date, len(others) - 1
                )
            again += [*failed, *others]
            self.finished += len(chunk)
            self._say(chunk, len(failed))
        return again

    def _failed(self, days: Sequence[DayPlan]) -> list[DayPlan]:
        """Days whose last try of a part failed, but for those that the source says
        it has nothing.
        """
        known = Receipts(self.site.root).read_days([day.date for day in days])
        return [
            day
            for day in days
            if any(
                r.state == ReceiptState.FAILED
                and r.instance != DAY
                and known[day.date].content(r).get("kind") != "NoData"
                for r in known[day.date].all
            )
        ]

    def _say(self, chunk: Sequence[DayPlan], failed: int) -> None:
        rate = self.finished / (time.monotonic() - self.began)
        log.info(
            "days=%d first=%s last=%s failed=%d rate=%.2f/s",
            self.finished,
            chunk[0].date,
            chunk[-1].date,
            failed,
            rate,
        )


def _show(planned: Plan) -> None:
    """Say what would be done."""
    for day in planned.days:
        print(
            f"{day.date}  "
            + "  ".join(
                f"{instance}: {' '.join(made)}" for instance, made in day.by_instance().items()
            )
        )
    for date, instance in planned.expired:
        print(f"{date}  {instance}: expired, the source is not queried (--expired queries it)")
    print(
        f"{len(planned.days)} days to do,"
        f" {sum(len(day.todo) or day.lacks_report for day in planned.days)} products;"
        f" nothing to do for {counted(planned.complete, 'day')}"
    )


def _summary(site: Site, dates: Sequence[dt.date], given: str, instances: Sequence[str]) -> int:
    """Say what the archive says of the range now."""
    found = states.day_states(site, dates, given, instances=instances, ask=False)
    words = [state.word for day in found.values() for state in day.values()]
    print(
        f"{dates[0]} to {dates[-1]}: "
        + ", ".join(
            f"{words.count(word)} {word}"
            for word in sorted(set(words), key=words.count, reverse=True)
        )
    )
    bad = [
        f"{date}  {instance:16} {state}"
        for date, day in found.items()
        for instance, state in day.items()
        if state.word.severity is Severity.BAD
    ]
    for line in common_options.listed(bad, "tokio-pipeline status --json has all"):
        printing.say(line)
    return exit_codes.exit_code(state for day in found.values() for state in day.values())
