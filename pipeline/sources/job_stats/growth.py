"""What each job did on a target in a day: growth of its entry from snapshot to snapshot.

What grew between two snapshots is of the day of the first. An entry that a snapshot lacks is over:
when it comes back, it has begun at 0. So has one of which a figure fell, or that says that it began
at another time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from archive_tools.core.day import Day
from pipeline.sources.job_stats.snapshots import MOST, PLACES, Entry, Snapshot


@dataclass
class Usage:
    """What one job did on one target.

    Attributes
    ----------
    counters : list of int or None
        In the order of `table.COLUMNS`; None is what the target does not count.
    first, last : int
        Times of the first and the last snapshot that have the job, the one that closes the day
        among them.
    restarts : int
        How often its entry began anew.
    """

    first: int
    last: int
    counters: list[int | None] = field(default_factory=lambda: [None] * len(PLACES))
    restarts: int = 0

    def add(self, counters: tuple[int | None, ...]) -> None:
        self.counters = [
            b if a is None else a if b is None else min(a + b, MOST)
            for a, b in zip(self.counters, counters, strict=True)
        ]


class Target:
    """The jobs of one target in a day; takes its snapshots in the order of time.

    Parameters
    ----------
    day : Day
    """

    def __init__(self, day: Day) -> None:
        self.day = day
        self.jobs: dict[str, Usage] = {}
        self._before: Snapshot | None = None
        self._over: dict[str, Entry] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot: those before the day, and after the one that closes it, are
        passed over.
        """
        before = self._before
        if snapshot.time < self.day.start or (before and before.time >= self.day.end):
            return
        for job, entry in snapshot.entries.items():
            usage = self.jobs.setdefault(job, Usage(snapshot.time, snapshot.time))
            usage.last = snapshot.time
            if before is None:
                usage.add(tuple(None if one is None else 0 for one in entry.counters))
            else:
                self._grow(usage, before.entries.get(job), entry, job)
        if before is not None and snapshot.is_whole:
            self._over.update(
                (job, entry)
                for job, entry in before.entries.items()
                if entry.since and job not in snapshot.entries
            )
        elif before is not None:
            snapshot.entries = before.entries | snapshot.entries
        self._before = snapshot

    def _grow(self, usage: Usage, known: Entry | None, entry: Entry, job: str) -> None:
        over = self._over.pop(job, None)
        if known is None and over is not None and over.since == entry.since:
            known = over
        if known is None or _is_anew(known, entry):
            usage.restarts += known is not None or any(usage.counters)
            usage.add(entry.counters)
            return
        usage.add(
            tuple(
                now if now is None or then is None else now - then
                for then, now in zip(known.counters, entry.counters, strict=True)
            )
        )


def _is_anew(known: Entry, entry: Entry) -> bool:
    if known.since and entry.since and known.since != entry.since:
        return True
    pairs = zip(known.counters, entry.counters, strict=True)
    return any(then is not None and now is not None and now < then for then, now in pairs)
