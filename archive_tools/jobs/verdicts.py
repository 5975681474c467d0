"""Whether a job was slower than its history, and whether the file system was busier than usual
then: one sentence, with the figures that it rests on.

A verdict compares a run with earlier runs of the same program, user and number of processes on the
same file system, by rates of runs with as many logs: the time between two logs of a run counts. It
claims nothing where too little is known: `docs/commands.md` has the rules.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from archive_tools.core import quantities
from archive_tools.core.choices import HISTORY_DAYS
from archive_tools.core.errors import TokioError
from archive_tools.core.quantities import quantity
from archive_tools.jobs.job_history import history, looked_at, operations, rate, served
from archive_tools.jobs.job_lookup import JobDetails
from archive_tools.jobs.job_tables import Row

LEAST_RUNS = 5
"""Earlier runs that a history must have."""
SLOWER = 1.5
"""A run is slower whose usual rate is at least so many times its own, and that is below the lower
quartile.
"""
BUSY = 2.0
"""A file system is busier than usual that moved, or did, at least so many times as much."""
LEAST_SECONDS = 5.0
"""From the first access to the last: the rate of less says little."""
MOST_MISSING = 5.0
"""Per cent of the servers' cells that may be missing in a run's time."""
LEAST_OPERATIONS = 100.0
"""Metadata operations a second, below which no file system is busy by them."""
Figure = Callable[[Row], float | None]


class VerdictKind(StrEnum):
    """What a verdict says."""

    CONTENTION = "slower, file system busier than usual"
    SLOWER = "slower, no sign of contention"
    NO_SIGN = "no sign of contention"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Verdict:
    """A verdict on a job and file system.

    Attributes
    ----------
    kind : VerdictKind
    sentence : str
        For people, with the figures.
    fsname : str or None
        The file system; None where the job is not known to have used one.
    because : str
        Why it is not known; else "".
    figures : dict of str to float or None
        What it rests on, base units: ``rate``, ``usual_rate`` (median of earlier runs; bytes/s),
        ``slowdown`` (usual by own), ``runs`` (earlier ones with a rate), ``measured_runs`` (earlier
        ones in whose time the servers were measured), ``others_rate``, ``usual_others_rate``
        (bytes/s that the servers moved less those of the job), ``others_factor``, ``operations``,
        ``usual_operations`` (metadata operations a second), ``operations_factor``, ``missing`` (per
        cent of the servers' cells). Those that are not known are None.
    """

    kind: VerdictKind
    sentence: str
    fsname: str | None = None
    because: str = ""
    figures: dict[str, float | None] = field(default_factory=dict)


def verdict(root: Path, job: JobDetails, fs: str = "") -> Verdict:
    """The verdict on a job.

    Parameters
    ----------
    root : pathlib.Path
        The archive; the `HISTORY_DAYS` before the job's day are looked at.
    job : JobDetails
    fs : str
        Name of the file system; default: where it moved most.

    Raises
    ------
    NotFound
        `fs` is named, and it moved nothing there.
    """

    def runs(one: Row) -> Sequence[Row]:
        since = job.date - dt.timedelta(days=min(HISTORY_DAYS, (job.date - dt.date.min).days))
        return history(root, one, since, job.date)

    return verdict_by(job, runs, fs)


def verdict_by(job: JobDetails, runs: Callable[[Row], Sequence[Row]], fs: str = "") -> Verdict:
    """The verdict on a job, by its runs on the file system, which `runs` gives by its row there as
    `archive_tools.jobs.job_history.history` does.
    """
    if not job.file_systems and not fs:
        return _unknown(None, "it is not known to have used a file system", {})
    one = job.on_file_system(fs)
    if "logs" not in (one.get("known_by") or "logs").split(","):
        why = "there are no logs of it, and so neither its rate nor earlier runs"
        return _unknown(one["fsname"], why, {})
    try:
        return judged(runs(one))
    except TokioError as error:  # a damaged table of another day, too: the job is shown
        return _unknown(one["fsname"], str(error), {})


def judged(runs: Sequence[Row]) -> Verdict:
    """The verdict on the last of some runs of one kind; those before it are its history."""
    one = runs[-1]
    fsname, own = one["fsname"], rate(one)
    alike = [row for row in runs[:-1] if is_whole(row) and row["logs"] == one["logs"]]
    rates = [found for row in alike if (found := rate(row)) is not None]
    usual = statistics.median(rates) if rates else None
    figures: dict[str, float | None] = {
        "rate": own,
        "usual_rate": usual,
        "slowdown": usual / own if usual is not None and own else None,
        "runs": len(rates),
        **_of_servers(runs),
    }
    if why := _why_not_compared(one, own, len(rates)):
        return _unknown(fsname, why, figures)
    lower = statistics.quantiles(rates, n=4, method="inclusive")[0]
    slowdown = figures["slowdown"] or 0.0
    is_slower = slowdown >= SLOWER and (own or 0.0) < lower
    rates_said = (
        f"{quantity(own, 'bytes/s')}, the median of {len(rates)} earlier runs is"
        f" {quantity(usual, 'bytes/s')}"
    )
    first = "Slower than its history" if is_slower else "Not slower than its history"
    if why := _why_no_servers(one, figures["measured_runs"] or 0):
        return _unknown(fsname, f"{why}. {first}: {rates_said}", figures)
    moved, done = _busy(figures)
    servers_said = _servers_said(fsname, figures)
    if is_slower and (moved or done):
        busier = " and ".join(
            [*([_moved(figures)] if moved else ()), *([_done(figures)] if done else ())]
        )
        sentence = f"{first} ({rates_said}), while {fsname} {busier}."
        return Verdict(VerdictKind.CONTENTION, sentence, fsname, "", figures)
    if is_slower:
        sentence = f"{first} ({rates_said}), with no sign of contention: {servers_said}."
        return Verdict(VerdictKind.SLOWER, sentence, fsname, "", figures)
    sentence = f"No sign of contention. {first} ({rates_said}); {servers_said}."
    return Verdict(VerdictKind.NO_SIGN, sentence, fsname, "", figures)


def _unknown(fsname: str | None, why: str, figures: dict[str, float | None]) -> Verdict:
    sentence = f"Whether the file system slowed it down is not known, because {why}."
    return Verdict(VerdictKind.NOT_KNOWN, sentence, fsname, why, figures)


def is_whole(row: Row) -> bool:
    """Whether the logs of a run have all that it did."""
    return not row.get("partial_modules")


def _seconds(row: Row) -> float:
    first = [row[name] for name in ("first_read", "first_write") if row[name] is not None]
    last = [row[name] for name in ("last_read", "last_write") if row[name] is not None]
    return float(max(last) - min(first)) if first and last else 0.0


def _why_not_compared(one: Row, own: float | None, runs: int) -> str:
    if not is_whole(one):
        return "its logs are partial, and it may have moved more than they have"
    if (one.get("starts") or 1) > 1:
        return "it was requeued, and its rate counts the time between its starts"
    if own is None or not one["bytes_moved"]:
        return "it moved nothing, or it is not known how long that took"
    if _seconds(one) < LEAST_SECONDS:
        return (
            f"it read and wrote for only {_seconds(one):.2g} s, and the rate of less than"
            f" {LEAST_SECONDS:g} s says little"
        )
    if runs < LEAST_RUNS:
        return (
            f"{quantities.counted(runs, 'earlier run')} of the same program, user and number of"
            f" processes on {one['fsname']} in {HISTORY_DAYS} days, with a known rate and as many"
            " logs, are too few"
            f" ({LEAST_RUNS} are needed)"
        )
    return ""


def _why_no_servers(one: Row, measured_runs: float) -> str:
    if not one.get("fs_instance"):
        return f"no servers are known behind {one['fsname']}"
    missing = one.get("fs_missing")
    if missing is None or missing > MOST_MISSING:
        said = "" if missing is None else f": {missing:.3g} % of their cells are missing"
        return f"the servers behind {one['fsname']} were not measured in its time{said}"
    if not is_measured(one):
        return (
            f"the servers' figures in its time hold the growth of a gap before, on {one['fsname']}"
        )
    if measured_runs < LEAST_RUNS:
        return (
            f"the servers were measured in the time of only {measured_runs:.0f} earlier runs, and"
            f" {LEAST_RUNS} are needed to say what is usual"
        )
    return ""


def is_measured(row: Row) -> bool:
    """Whether the servers were measured in a run's time: few cells are missing, and none that is
    there holds the growth of a gap, which would be more than the fastest row.
    """
    missing, moved = row.get("fs_missing"), served(row)
    if missing is None or missing > MOST_MISSING or moved is None:
        return False
    peaks = [row.get("fs_peak_read_rate"), row.get("fs_peak_write_rate")]
    return None not in peaks and moved <= sum(peak for peak in peaks if peak is not None) * 1.001


def others_rate(row: Row) -> float | None:
    """Bytes a second that the servers moved in a run's time for others: all less those of the
    logs, which may be more, for a client's cache; never below 0.
    """
    moved, seconds = served(row), looked_at(row)
    if moved is None or not seconds:
        return None
    return max(0.0, moved - float(row["bytes_moved"]) / seconds)


def _of_servers(runs: Sequence[Row]) -> dict[str, float | None]:
    measured = [row for row in runs[:-1] if is_measured(row)]
    found: dict[str, float | None] = {
        "measured_runs": len(measured),
        "missing": runs[-1].get("fs_missing"),
    }
    for name, figure in (("others", others_rate), ("operations", operations)):
        values = [value for row in measured if (value := figure(row)) is not None]
        now, usual = figure(runs[-1]), statistics.median(values) if values else None
        key = "others_rate" if name == "others" else name
        found |= {key: now, f"usual_{key}": usual}
        found[f"{name}_factor"] = now / usual if now is not None and usual else None
    return found


def _busy(figures: dict[str, float | None]) -> tuple[bool, bool]:
    """Whether others moved more than usual, and at least as much as the job; whether more metadata
    operations were done than usual.
    """
    others, own = figures["others_rate"] or 0.0, figures["rate"] or 0.0
    moved = others >= own and others > 0 and _is_more(others, figures["usual_others_rate"])
    done = figures["operations"] or 0.0
    is_done = done >= LEAST_OPERATIONS and _is_more(done, figures["usual_operations"])
    return moved, is_done


def _is_more(now: float, usual: float | None) -> bool:
    return usual is not None and now >= BUSY * usual


def _times(factor: float | None) -> str:
    return "usually nothing" if factor is None else f"{factor:.3g} times its usual"


def _moved(figures: dict[str, float | None]) -> str:
    amount = quantity(figures["others_rate"], "bytes/s")
    return f"moved {amount} for others, {_times(figures['others_factor'])}"


def _done(figures: dict[str, float | None]) -> str:
    amount = quantity(figures["operations"], "ops/s")
    return f"did {amount} of metadata, {_times(figures['operations_factor'])}"


def _servers_said(fsname: str, figures: dict[str, float | None]) -> str:
    done = figures["operations"]
    metadata = "its metadata operations are not known" if done is None else f"it {_done(figures)}"
    return f"{fsname} {_moved(figures)}, {metadata}"
