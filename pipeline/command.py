"""The command `tokio-pipeline`: the night's run, what is complete, whether the configuration is right.

Exit codes: 0 the archive says that everything asked for is complete; 1 something failed or is missing; 2 the
command or the configuration is wrong; 3 something is partial, late or stale, nothing worse; 4 another run
holds the archive.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import luigi

from archive_tools import layout, status
from archive_tools.receipts import Receipts
from pipeline import site as sites
from pipeline import sources
from pipeline.errors import Busy, ConfigError, TokioError
from pipeline.tasks import Jobs, progress
from pipeline.tasks.fetch import Fetch, forget_answers
from pipeline.tasks.nightly import Nightly, load_check, made_by, products

log = logging.getLogger("tokio")

COMPLETE, FAILED, USAGE, PARTIAL, BUSY = 0, 1, 2, 3, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return int(options.run(options))
    except ConfigError as error:
        print(f"tokio-pipeline: {error}", file=sys.stderr)
        return USAGE
    except Busy as error:
        print(f"tokio-pipeline: {error}", file=sys.stderr)
        return BUSY
    except TokioError as error:
        print(f"tokio-pipeline: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stopped:
        print(f"tokio-pipeline: stopped{f' by signal {stopped}' if stopped.args else ''}; what is complete stays complete", file=sys.stderr)
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)  # the only one that Luigi does not take for a failed task


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; expected: 2026-11-22") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokio-pipeline",
        description="Archive each day's Darshan logs and server-side counters.",
        epilog="Exit codes: 0 complete, 1 failed or missing, 2 wrong command or configuration, 3 partial, late or stale, 4 another run holds the archive.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--site", default="", metavar="FILE", help="site file (default: $TOKIO_SITE, else ./site.json)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    nightly = commands.add_parser("nightly", parents=[common], help="bring one day into the archive", description="Bring one day into the archive.")
    nightly.add_argument("--date", type=_date, help="day of the site (default: yesterday, and earlier days that late data may have come to)")
    nightly.add_argument("--workers", type=int, default=1, metavar="N", help="tasks at the same time (default: 1; each uses all cores)")
    nightly.set_defaults(run=_nightly)

    show = commands.add_parser("status", parents=[common], help="what is in the archive, a day by instance", description="What is in the archive.")
    show.add_argument("--start", type=_date, help="first day (default: 13 days before --stop)")
    show.add_argument("--stop", type=_date, help="last day (default: yesterday)")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=_status)

    check = commands.add_parser("check-config", parents=[common], help="check site.json", description="Check every key of site.json; nothing is contacted.")
    check.set_defaults(run=_check_config)

    invalidate = commands.add_parser(
        "invalidate", parents=[common], help="have days fetched and built again", description="Forget that days are complete; the next run makes them again."
    )
    invalidate.add_argument("--start", type=_date, required=True)
    invalidate.add_argument("--stop", type=_date, required=True, help="last day")
    invalidate.add_argument("--instance", action="append", help="only this instance (may be given again)")
    invalidate.set_defaults(run=_invalidate)
    return parser


# nightly


PATIENCE = 5.0
"""Seconds to wait for the archive's lock: children of a run that was killed take a moment to end."""


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def holding(root: Path) -> Iterator[None]:
    """Hold the archive's lock; the kernel lets go of it when the process ends, however it ends.

    Raises
    ------
    Busy
        Another run on this host holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / layout.LOCK).open("a+") as handle:
        patience = time.monotonic() + PATIENCE
        while not _locked(handle.fileno()):
            if time.monotonic() > patience:
                raise Busy(f"another run holds {root}", hint="wait for it, or look for its process")
            time.sleep(0.1)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # a child that is still ending has the handle too


def run_luigi(tasks: Sequence[luigi.Task], workers: int) -> bool:
    """Run tasks by the local scheduler; True if all of them went well."""
    configuration = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    configuration.set("core", "no_configure_logging", "true")
    configuration.set("worker", "check_complete_on_run", "true")
    configuration.set("worker", "wait_interval", "0.1")
    configuration.set("worker", "timeout", "0")
    for name in ("luigi", "luigi-interface", "luigi.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return bool(luigi.build(list(tasks), local_scheduler=True, workers=workers, no_lock=True))  # type: ignore[no-untyped-call]


def _nightly(options: argparse.Namespace) -> int:
    site = load_check(options.site)
    if options.date and options.date > site.yesterday() + dt.timedelta(days=1):
        raise ConfigError(f"{options.date} is in the future", expected=f"at most {site.yesterday() + dt.timedelta(days=1)}")
    forget_answers()
    dates = [options.date] if options.date else [site.yesterday(), *_young(site)]
    nights = [Nightly(date=date, site=options.site) for date in dates]
    with holding(site.root):
        told, joined = {}, []
        for night in nights:
            told[night] = _one_night(site, night, options.workers)
            joined += [night] if night.joined() else []
        for night in joined:
            if not night.joined():  # its logs ran on a day whose servers have been archived since
                told[night] = _one_night(site, night, options.workers)
        prune_raw(site)
    return worst(list(told.values()))


def _one_night(site: sites.Site, night: Nightly, workers: int) -> int:
    """Bring one day up to date, and say what the archive then says of it."""
    with progress.showing(night) as shown:
        well = True
        if night.complete():
            shown.say(f"{night.date}: everything is complete, no task was run")
        else:
            well = run_luigi([night], workers)
        for task in progress.all_tasks(night):
            task.settle()
        if not (night.joined() and night.up_to_date()):
            night.produce()  # the report says what failed
    code = _tell(site, night.date, night)
    return code if well else max(code, FAILED, key=SEVERITY.index)


def _young(site: sites.Site) -> list[dt.date]:
    """Days before yesterday that late data may still come to, and that the archive knows; latest first."""
    dates = [site.yesterday() - dt.timedelta(days=n) for n in range(1, site.late_days)]
    known = Receipts(site.root).days(dates)
    return [date for date in dates if known[date].all]


SEVERITY = (COMPLETE, PARTIAL, FAILED)


def worst(codes: Sequence[int]) -> int:
    """The exit code of several days."""
    return max(codes, key=SEVERITY.index)


def _tell(site: sites.Site, date: dt.date, night: Nightly) -> int:
    """Say where things are and what the archive says of the day; the exit code follows from that."""
    states = _states(site, [date], night.site)[date]
    for instance, state in states.items():
        print(f"{date}  {instance:16} {state}")
    folder = night.path().parent
    print(f"archive: {site.root}")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.name.startswith("."):
            print(f"  {path.relative_to(site.root)}  {path.stat().st_size:,} bytes")
    if night.path().is_file():
        print(f"report: {night.path()}")
    return exit_code(states.values())


def exit_code(states: Iterable[status.State]) -> int:
    """The exit code that the states of days ask for."""
    words = {state.word for state in states}
    if words & {"failed", "missing"}:
        return FAILED
    return PARTIAL if words & {"partial", "late", "stale"} else COMPLETE


def _states(site: sites.Site, dates: Sequence[dt.date], given: str) -> dict[dt.date, dict[str, status.State]]:
    """States by the archive; "late" where the source is asked and has more, "stale" where the keys have changed."""
    lasts = {instance: products(site, instance)[0] for instance in site.sources}
    found = status.states(site.root, dates, {instance: made_by(last) for instance, last in lasts.items()})
    for date, states in found.items():
        for instance, state in states.items():
            fetch = Fetch(date=date, instance=instance, site=given)
            if state.word not in ("complete", "partial") or not fetch.is_young():
                continue
            if not fetch.up_to_date():
                states[instance] = status.State("late", "the source has other data than the archive")
            elif not (last := lasts[instance](date=date, instance=instance, site=given)).complete():
                states[instance] = status.State("stale", "made with other keys of site.json")
            elif isinstance(last, Jobs) and not last.index().up_to_date():
                states[instance] = status.State("stale", "the index is of other keys of site.json, or of other data of servers")
            elif time.time() < fetch.day.end:
                states[instance] = status.State(state.word, "; ".join(filter(None, [state.detail, "so far: the day is not over"])))
    return found


def prune_raw(site: sites.Site) -> None:
    """Remove raw data that were fetched more than `raw_days` ago and whose products are in the archive."""
    receipts = Receipts(site.root)
    for folder in (site.root / "raw").glob("[0-9]*/*-*-*/[!.]*.*"):
        try:
            date, instance = dt.date.fromisoformat(folder.parent.name), folder.name.partition(".")[0]
        except ValueError:  # not ours
            continue
        is_old = time.time() - folder.stat().st_mtime > site.raw_days * 86400
        if is_old and receipts.day(date).good(instance, "tts"):
            shutil.rmtree(folder, ignore_errors=True)
            log.info("%s %s raw pruned", date, instance)


# status, check-config, invalidate


def _status(options: argparse.Namespace) -> int:
    site = load_check(options.site)
    forget_answers()
    stop = options.stop or site.yesterday()
    start = options.start or stop - dt.timedelta(days=13)
    if start > stop:
        raise ConfigError("--start is after --stop", got=f"{start} to {stop}")
    dates = [start + dt.timedelta(days=n) for n in range((stop - start).days + 1)]
    found = _states(site, dates, options.site)
    if options.json:
        print(json.dumps({str(date): {i: {"state": s.word, "detail": s.detail} for i, s in states.items()} for date, states in found.items()}, indent=1))
    else:
        widths = {i: max(len(i), *(len(states[i].short) for states in found.values())) for i in site.sources}
        print("day         " + "  ".join(f"{i:{w}}" for i, w in widths.items()))
        for date, states in found.items():
            print(f"{date}  " + "  ".join(f"{states[i].short:{w}}" for i, w in widths.items()).rstrip())
        for date, states in found.items():
            for i, state in states.items():
                if state.detail and state.word != "partial":
                    print(f"{date} {i}: {state.detail}")
    return exit_code([state for states in found.values() for state in states.values()])


def _check_config(options: argparse.Namespace) -> int:
    path = sites.find(options.site)
    site = load_check(options.site)
    checked = sources.check(site)
    print(f"{path}: good")
    print(f"site {site.site}, days of {site.timezone}, archive {site.root}")
    for instance, found in checked.items():
        print(f"{instance}: {found.kind}, a row every {found.timestep} s")
    return COMPLETE


def _invalidate(options: argparse.Namespace) -> int:
    site = load_check(options.site)
    unknown = set(options.instance or []) - set(site.sources)
    if unknown:
        raise ConfigError(f"instance {', '.join(sorted(unknown))} is not in site.json", expected=", ".join(site.sources))
    receipts = Receipts(site.root)
    count = 0
    with holding(site.root):
        for n in range((options.stop - options.start).days + 1):
            date = options.start + dt.timedelta(days=n)
            for instance in options.instance or site.sources:
                for product in ("raw", "tts", "index", "jobs"):
                    count += receipts.remove(date, instance, product)
    print(f"{count} receipts removed; the products stay until the next run replaces them")
    return COMPLETE


if __name__ == "__main__":
    sys.exit(main())
