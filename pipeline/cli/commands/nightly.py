"""`tokio-pipeline nightly`: one day, and what came late to the days before."""

from __future__ import annotations

import argparse
import datetime as dt
import logging
from collections.abc import Iterator, Sequence

from archive_tools.cli import printing
from archive_tools.core.errors import Busy, ConfigError, TokioError
from archive_tools.core.findings import events_of, shortened
from archive_tools.core.quantities import counted
from archive_tools.core.vocabulary import FOR_A_PERSON, AlertState, FindingKind, ReceiptState
from archive_tools.reporting import kept_alerts
from archive_tools.reporting.near_days import DAYS
from archive_tools.store import layout, lock
from archive_tools.store.receipts import DayReceipts, Receipts
from pipeline.cli import exit_codes, site_options
from pipeline.runs import alerting, execution, pages, progress, recording, retention, states
from pipeline.site import Site
from pipeline.tasks.nightly import Nightly

log = logging.getLogger("tokio")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    tomorrow = site.yesterday() + dt.timedelta(days=1)
    given = site_options.one_date(options.date, site) if options.date else None
    if given and given > tomorrow:
        raise ConfigError(f"{given} is in the future", expected=f"at most {tomorrow}")
    dates = [given] if given else [site.yesterday(), *young(site)]
    with recording.writing(site, "nightly") as codes:
        with (
            lock.free(site.root, dates, patience=options.wait) as held,
            execution.swept(site, held),
        ):
            if dates[0] not in held:
                raise Busy(
                    f"another run holds {dates[0]} of {site.root}",
                    hint=(
                        "wait for it (--wait SECONDS), or look for tokio-pipeline on the hosts that"
                        " use this archive"
                    ),
                )
            for date in sorted(set(dates) - set(held)):
                log.warning("%s: another run has this day", date)
            nightlies = [Nightly(date=date, site=options.site) for date in held]
            codes.append(exit_codes.worst(_nightlies(site, nightlies, options)))
        if not pages.finish_pages(site, dates, options.site):
            codes.append(exit_codes.worst([*codes, exit_codes.FAILED]))
        if not given:
            _say_skipped(site)
        retention.prune(site)
    return codes[-1]


def _say_skipped(site: Site) -> None:
    """Name days of the last weeks that no run has tried, and that no nightly run will try any more:
    they are before the days that late data come to.
    """
    oldest = site.yesterday() - dt.timedelta(days=site.late_days)
    before = [oldest - dt.timedelta(days=number) for number in range(DAYS)]
    known = Receipts(site.root).days(before)
    first = next((date for date, _ in layout.day_folders(site.root)), dt.date.max)
    skipped = sorted(date for date in before if date > first and not known[date].all)
    if skipped:
        printing.say(
            f"no run has tried {counted(len(skipped), 'day')} before those of late_days:"
            f" {shortened([str(date) for date in skipped])}: tokio-pipeline backfill --start"
            f" {skipped[0]} --stop {skipped[-1]}"
        )


def young(site: Site) -> list[dt.date]:
    """Days before yesterday that late data may still come to, latest first: those that the archive
    knows, and those of skipped nights, which are after a day that it knows.
    """
    dates = [site.yesterday() - dt.timedelta(days=n) for n in range(1, site.late_days)]
    known = Receipts(site.root).days(dates)
    first = next((date for date, _ in layout.day_folders(site.root)), dt.date.max)
    first = min([first, *(date for date in dates if known[date].all)])
    return [date for date in dates if known[date].all or date > first]


def _nightlies(site: Site, nightlies: Sequence[Nightly], options: argparse.Namespace) -> list[int]:
    """Bring days up to date, and then those whose logs ran on a day whose servers were archived
    after them.
    """
    codes, joined = {}, []
    for nightly_run in nightlies:
        codes[nightly_run] = _one(site, nightly_run, options)
        joined += [nightly_run] if nightly_run.indexes_current() else []
    for nightly_run in joined:
        if not nightly_run.indexes_current():
            codes[nightly_run] = _one(site, nightly_run, options)
    return list(codes.values())


def _one(site: Site, nightly_run: Nightly, options: argparse.Namespace) -> int:
    """Bring one day up to date, and say what the archive then says of it."""
    tasks = execution.everything(nightly_run)
    with progress.showing(
        str(nightly_run.date),
        len(tasks),
        lambda: sum(task.has_product() for task in tasks),
        quiet=options.quiet,
    ):
        wanted = [] if nightly_run.complete() else [nightly_run]
        if not wanted:
            log.info("%s: everything is complete, no task was run", nightly_run.date)
        well = execution.bring_up(wanted, [nightly_run], options.workers)
    code = _summary(site, nightly_run, quiet=options.quiet)
    well = _alerts(site, nightly_run.date, quiet=options.quiet) and well
    return code if well else exit_codes.worst([code, exit_codes.FAILED])


def _alerts(site: Site, date: dt.date, *, quiet: bool) -> bool:
    """Evaluate the day's alerts, and say those that are beyond their thresholds or not known, with
    `quiet` those alone that no run before has said: what a site did is not a fault of the run, and
    leaves its exit code alone. Whether they could be kept.
    """
    kept = kept_alerts.read(site.root, [date]).days.get(date) if quiet else None
    known = kept.alerts if kept else []
    try:
        for one in alerting.evaluate_day(site, date):
            if one.state is not AlertState.QUIET and one not in known:
                printing.say(f"{date}  alert {one.name} {one.state}: {kept_alerts.said(one)}")
    except (TokioError, OSError) as error:
        printing.note(f"tokio-pipeline: the alerts of {date} are not kept: {error}")
        return False
    return True


def _summary(site: Site, nightly_run: Nightly, *, quiet: bool) -> int:
    """Say where things are and what the archive says of the day, or only what is not as it should
    be; the exit code follows from that.
    """
    found = states.day_states(site, [nightly_run.date], nightly_run.site)[nightly_run.date]
    receipts = Receipts(site.root).day(nightly_run.date).read()
    for instance, state in found.items():
        more = list(_for_a_person(receipts, instance, quiet=quiet))
        if not quiet or more or exit_codes.exit_code([state]):
            printing.say(f"{nightly_run.date}  {instance:16} {state}")
        for sentence in more:
            printing.say(f"  {sentence}")
    if quiet:
        return exit_codes.exit_code(found.values())
    folder = nightly_run.path().parent
    print(f"archive: {site.root}")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = path.relative_to(site.root)
        if path.is_dir():
            print(f"  {name}  {counted(len(list(path.iterdir())), 'page')}")
        elif not path.name.startswith("."):
            print(f"  {name}  {path.stat().st_size:,} bytes")
    if nightly_run.path().is_file():
        print(f"report: {nightly_run.path()}")
    return exit_codes.exit_code(found.values())


def _for_a_person(receipts: DayReceipts, instance: str, *, quiet: bool) -> Iterator[str]:
    """What a person should know of an instance's day although its state does not say it: components
    that were not measured at all, in a day that is complete without them, and what was measured and
    is not archived. Without `quiet` also mistakes in site.json.
    """
    kinds = FOR_A_PERSON if quiet else FOR_A_PERSON | {FindingKind.PATTERNS_UNMATCHED}
    for receipt in receipts.all:
        if receipt.instance != instance or not receipt.good:
            continue
        content = receipts.content(receipt)
        silent = content.get("missing_components", ())
        if silent and receipt.state == ReceiptState.COMPLETE:
            yield (
                f"not measured at all: {shortened([str(name) for name in silent])}; where that is"
                " for good, tokio-pipeline retire says so"
            )
        for event in events_of(content):
            if event.kind in kinds:
                yield event.sentence()
