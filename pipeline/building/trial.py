"""A trial of a source: what it has of a day is fetched into a temporary folder and read, as a
nightly run would, and what was found is reported. Nothing gets into the archive.

Every kind is tried by its contract alone. Of logs some are read, spread over all that there are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.components import component_order
from archive_tools.core.errors import NoData, SourceError, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.building import source_queries
from pipeline.building.instance_day import InstanceDay
from pipeline.building.trial_matches import matches_of_components, matches_of_mounts
from pipeline.model import Samples
from pipeline.sources._shared.pattern_matches import Matches
from pipeline.sources.contract import LogSource, SeriesSource
from pipeline.transform.darshan import Reduction
from pipeline.transform.mounts import UNKNOWN, FileSystems

SOME_LOGS = 200
"""Logs that are read in a trial."""
Say = Callable[[str], None]


@dataclass
class Trial:
    """What a trial found so far; where it ended early, `error` says why.

    Attributes
    ----------
    instance, kind, day : str
    error : str
        Why the source, or what was fetched, cannot be read; "" if it can.
    has_nothing : bool
        Whether `error` is that the source has nothing of the day.
    source : dict of str to str
        What the source says of itself.
    clock_ahead : float or None
        Seconds that the source's clock is ahead of this machine's.
    clock_error : str
        Why that is not known, where the source should say its time.
    counts : dict of str to int
        How many rows, files, documents, logs, ... there are of the day.
    bytes : int
        Size of the raw data.
    seconds : dict of str to float
        How long it took to query, to fetch and to read.
    components : dict of str to list of str
        By group of datasets: components that were measured; of logs, the file systems.
    silent : dict of str to list of str
        By group: components that the source lists and that were not measured.
    found, absent : list of str
        Datasets of the kind's table.
    newest : int or None
        Epoch second of the newest sample.
    newest_age : float or None
        How many seconds old that is, while the day is not over.
    matches : list of Matches
        What each pattern of site.json finds.
    logs_read, logs_rejected : int
        Of the logs that were tried.
    unmapped : list of str
        Mount points that the logs used and that no pattern knows.
    findings : list of str
    unreadable : int
        Parts of the input that could not be read.
    """

    instance: str
    kind: str
    day: str
    error: str = ""
    has_nothing: bool = False
    source: dict[str, str] = field(default_factory=dict)
    clock_ahead: float | None = None
    clock_error: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    components: dict[str, list[str]] = field(default_factory=dict)
    silent: dict[str, list[str]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    newest: int | None = None
    newest_age: float | None = None
    matches: list[Matches] = field(default_factory=list)
    logs_read: int = 0
    logs_rejected: int = 0
    unmapped: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    unreadable: int = 0


def try_source(where: InstanceDay, say: Say) -> Trial:
    """Try the source of an instance with one day.

    Parameters
    ----------
    where : InstanceDay
    say : callable
        Receives a line before each step that may take long.

    Returns
    -------
    Trial
        Also of a source that cannot be read: its `error` says why.
    """
    trial = Trial(where.instance, where.options.kind, str(where.day))
    findings = Findings()
    try:
        with tempfile.TemporaryDirectory(prefix="tokio-trial-") as folder:
            _fetch(trial, where, Path(folder) / "raw", say, findings)
            _read(trial, where, Path(folder) / "raw", say, findings)
    except NoData as error:
        trial.error, trial.has_nothing = str(error), True
    except (TokioError, OSError) as error:
        trial.error = str(error)
    except Exception as error:  # whatever a source's code raises
        trial.error = f"{type(error).__name__}: {error}"
    trial.findings = findings.sentences()
    trial.unreadable = findings.total(FindingKind.UNREADABLE)
    return trial


def _fetch(trial: Trial, where: InstanceDay, target: Path, say: Say, findings: Findings) -> None:
    say(f"{where.instance}: querying what there is of {where.day}")
    with _timed(trial, "query"):
        source_queries.query_inputs(where)
    try:
        trial.clock_ahead = source_queries.query_clock(where)
    except (TokioError, OSError) as error:
        trial.clock_error = str(error)
    say(f"{where.instance}: fetching, for at most {where.options.fetch_seconds:g} s")
    with _timed(trial, "fetch"):
        target.mkdir()
        trial.counts = dict(source_queries.fetch_into(where, target).counts)
    trial.source = dict(source_queries.server_info(where))
    trial.bytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def _read(trial: Trial, where: InstanceDay, folder: Path, say: Say, findings: Findings) -> None:
    say(f"{where.instance}: reading")
    with _timed(trial, "read"):
        if isinstance(where.source, LogSource):
            _read_logs(trial, where, where.source, folder, findings)
        else:
            _read_series(trial, where, where.source, folder, findings)
    found = set(trial.found)
    trial.absent = [
        name
        for name in dict.fromkeys(metric.dataset.name for metric in where.source.metrics())
        if name not in found
    ]


@contextlib.contextmanager
def _timed(trial: Trial, step: str) -> Iterator[None]:
    """Note how long a step of a trial takes."""
    began = time.monotonic()
    try:
        yield
    finally:
        trial.seconds[step] = round(time.monotonic() - began, 3)


# Series


def _read_series(
    trial: Trial, where: InstanceDay, source: SeriesSource[Any], folder: Path, findings: Findings
) -> None:
    listed: dict[str, set[str]] = {}
    measured: dict[str, set[str]] = {}
    for samples in source.parse(where.options, where.day, folder, findings):
        group = samples.dataset.partition("/")[0]
        names = samples.whole or samples.names
        listed.setdefault(group, set()).update(names)
        if not len(samples):
            continue
        here = measured.setdefault(group, set())
        here.update(names[i] for i in _columns(samples))
        if samples.dataset not in trial.found:
            trial.found.append(samples.dataset)
        trial.newest = max(trial.newest or 0, int(samples.time.max()))
    if trial.newest is not None and time.time() < where.day.end:
        trial.newest_age = round(time.time() - trial.newest, 1)
    trial.components = {group: _ordered(names) for group, names in measured.items()}
    trial.silent = {
        group: _ordered(rest)
        for group, names in listed.items()
        if (rest := names - measured.get(group, set()))
    }
    trial.matches = matches_of_components(where, trial.components)


def _columns(samples: Samples) -> list[int]:
    """Numbers of the names that have samples."""
    count = np.bincount(samples.column, minlength=len(samples.names))
    return np.flatnonzero(count).tolist()


def _ordered(names: Iterable[str]) -> list[str]:
    return sorted(names, key=component_order)


# Logs


def _read_logs(
    trial: Trial, where: InstanceDay, source: LogSource[Any], folder: Path, findings: Findings
) -> None:
    options, mapping = where.options, source.mount_to_fsname(where.options)
    reduction = Reduction(where.day, options.timestep, mapping, source.metrics())
    jobs = list(source.jobs(options, where.day, folder, reduction))
    files = [file for job in jobs for file in job.files]
    some = files[:: max(1, -(-len(files) // SOME_LOGS))]
    mounts: dict[str, None] = {}
    datasets: set[str] = set()
    reasons: Counter[str] = Counter()
    for part in source.run(dataclasses.replace(jobs[0], files=some)):
        mounts |= dict.fromkeys(part.mounts)
        datasets |= {name for (name, _), values in part.series.items() if values.any()}
        trial.logs_read += len(part.logs["filename"]) + part.neighbours
        reasons.update(str(reason).partition(":")[0] for reason in part.rejects["reason"])
    trial.logs_rejected = reasons.total()
    for reason, count in sorted(reasons.items()):
        findings.add(FindingKind.LOGS_REJECTED, count, "", reason)
    trial.found = [
        name for name in (metric.dataset.name for metric in source.metrics()) if name in datasets
    ]
    if reasons and not trial.logs_read:
        raise SourceError(
            f"all {trial.logs_rejected} logs that were tried are rejected",
            got="; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())),
        )
    trial.matches = matches_of_mounts(mapping, mounts)
    _place_mounts(trial, mapping, mounts)


def _place_mounts(trial: Trial, mapping: Mapping[str, str], mounts: Iterable[str]) -> None:
    systems = FileSystems(mapping)
    known = {mount: systems.configured(mount) for mount in sorted(mounts) if mount != UNKNOWN}
    trial.unmapped = [mount for mount, configured in known.items() if not configured]
    names = {systems[mount] for mount, configured in known.items() if configured}
    trial.components = {"file systems": _ordered(names)} if names else {}
