"""A day's TTS file of a source of logs: series of applications, and tables of logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from archive_tools.core.errors import FormatError, InputChanged, SourceError
from archive_tools.core.findings import Findings, shortened
from archive_tools.core.quantities import counted
from archive_tools.core.vocabulary import FindingKind, ReceiptState, RejectReason
from archive_tools.formats import darshan_tables
from archive_tools.formats.series_file import damage_named
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.jobs import servers
from pipeline.building.expected_logs import why_expected
from pipeline.building.instance_day import InstanceDay
from pipeline.building.log_copies import IDENTITY, tell_copies
from pipeline.building.log_reading import LogReading, archived_names
from pipeline.building.log_times import tell_mistimed
from pipeline.building.made import Made
from pipeline.building.trial_matches import each_of_mounts
from pipeline.sources._shared.pattern_matches import tell_unmatched
from pipeline.sources.contract import LogSource, Rejects
from pipeline.transform.darshan import DayMerger, Reduction

PASSING = (RejectReason.UNREADABLE, RejectReason.KILLED, RejectReason.READER_ENDED)
"""Why files were rejected that can be read another time. Not links: anyone can make one that leads
nowhere; nor limits, which are the log's own doing.
"""
LONGEST_REASON = 100
"""Characters of a reject's sentence that the state of a day shows."""


def write_logs(
    where: InstanceDay,
    source: LogSource[Any],
    raw: Path,
    writer: TtsWriter,
    known_rejects: Rejects,
) -> Made:
    """Write the series and tables of a day's logs.

    Parameters
    ----------
    where : InstanceDay
    source : LogSource
    raw : pathlib.Path
        Folder of what `fetch` listed.
    writer : TtsWriter
    known_rejects : mapping
        Files that need not be tried again; see `rejects_of`.

    Raises
    ------
    InputChanged
        A log is gone that was listed and that the archived day has: that one stays.
    SourceError
        Readers cannot run, or all logs are rejected.
    """
    options, metrics = where.options, source.metrics()
    naming = options.timestep, source.mount_to_fsname(options), metrics
    tables = darshan_tables.TableWriter(writer.file)
    merger = DayMerger(where.day, *naming, tables.append)
    findings = Findings()
    late_days = where.site.late_days
    reduction = Reduction(where.day, *naming, largest=options.largest, late_days=late_days)
    reading = LogReading(where, source, reduction, known_rejects)
    unread = reading.add_to(merger, raw, findings)
    datasets = {metric.dataset.name: metric.dataset for metric in metrics}
    for grid in merger.finish(findings):
        writer.write(
            grid,
            datasets[grid.dataset],
            source=source.kind,
            updated=merger.last_end,
            largest=options.largest.get(grid.dataset),
        )
    if not _shares_mounts(where):
        tell_unmatched(each_of_mounts(naming[1], merger.mounts), findings)
    tables.renumber("summaries", "fs_id", merger.final_numbers())
    tables.close()
    logs = _columns(writer.file["darshan/logs"])
    tell_mistimed(logs, where.day, findings)
    if reading.paths:  # a source may have no files to compare
        tell_copies(logs, reading.paths, findings)
    for method, amount in merger.placed.items():
        writer.file.attrs[f"bytes_placed_by_{method}"] = amount
    writer.file.attrs["reader"] = source.reader
    span = _span(where, writer.file["darshan/logs"])
    more: dict[str, Any] = {"bytes_placed": merger.placed, "span": span}
    if merger.counts["rejects"] and not merger.counts["logs"]:
        reasons = "; ".join(f"{count} {reason}" for reason, count in merger.reasons.items())
        raise SourceError(
            f"all {merger.counts['rejects']} logs of {where.day} were rejected", got=reasons
        )
    if merger.reasons.get(RejectReason.GONE):
        _keep_archived(where, writer.file["darshan/rejects"])
    short = Counter(why.partition(":")[0] for why in unread.elements())
    all_reasons = Counter(merger.reasons) + short
    lacks = _lacks(merger.counts, all_reasons, merger.passing + unread, findings)
    if not merger.counts["logs"] and (lack := why_expected(where)):
        findings.add(FindingKind.NO_LOGS, 1)
        return Made(merger.counts, findings, ReceiptState.PARTIAL, 0, {**more, "why": lack})
    if not lacks:
        return Made(merger.counts, findings, more=more)
    more["why"] = f"{'; '.join(lacks)}; see the table of rejects"
    return Made(merger.counts, findings, ReceiptState.PARTIAL, 99, more)


def _keep_archived(where: InstanceDay, rejects: h5py.Group) -> None:
    """Refuse to replace an archived day by one without a log of it that is gone now."""
    names, reasons = (rejects[name].asstr()[...].tolist() for name in ("filename", "reason"))
    gone = {
        name
        for name, reason in zip(names, reasons, strict=True)
        if RejectReason.read(reason) is RejectReason.GONE
    }
    if not where.tts.is_file():
        return
    archived = archived_names(where.tts)
    if lost := sorted(gone if archived is None else gone & archived):
        raise InputChanged(
            f"archived logs are gone since they were listed: {shortened(lost)}",
            hint="what is archived stays as it is",
        )


def _columns(logs: h5py.Group) -> dict[str, Any]:
    """What tells logs apart, their names and their times."""
    return {
        name: column.asstr()[...] if h5py.check_string_dtype(column.dtype) else column[...]
        for name, column in logs.items()
        if name in ("filename", "walltime", *IDENTITY)
    }


def _lacks(
    counts: Mapping[str, int],
    reasons: Mapping[str, int],
    passing: Mapping[str, int],
    findings: Findings,
) -> list[str]:
    """Why a day is not whole although logs of it were read: folders that are closed, logs that
    were not what they were when they were listed or could not be read just then, and more rejects
    than logs.

    Parameters
    ----------
    counts : mapping of str to int
        Of logs and rejects.
    reasons : mapping of str to int
        Beginning of a reject's sentence to how many rejects have it.
    passing : mapping of str to int
        Whole sentence to how many rejects have it, of reasons that do not last.
    findings : Findings
    """
    folder = RejectReason.UNREADABLE.sentence(fact="folder")
    folders = reasons.get(folder, 0)
    moved, gone = (reasons.get(one, 0) for one in (RejectReason.CHANGED, RejectReason.GONE))
    findings.add(FindingKind.UNREADABLE, folders, detail="folders of logs that cannot be listed")
    findings.add(FindingKind.INPUTS_GREW, moved, detail="logs, between listing and reading")
    findings.add(FindingKind.LOGS_GONE, gone)
    others = {
        reason: count
        for reason, count in sorted(passing.items())
        if reason.partition(":")[0] in PASSING
    }
    unread, rejects = sum(others.values()), counts["rejects"]
    all_logs = counts["logs"] + rejects
    said = {
        f"{folders} folders of logs cannot be listed": folders,
        f"{moved} logs changed while the day was read, the next run reads them": moved,
        f"{counted(gone, 'log')} went while the day was read": gone,
        f"{counted(unread, 'log')} could not be read: {_shown_reasons(others)}": unread,
        f"{rejects:,} of {all_logs:,} logs were rejected": 2 * rejects > all_logs,
    }
    return [sentence for sentence, count in said.items() if count]


def _shown_reasons(sentences: Iterable[str]) -> str:
    """The first of some rejects' sentences, as ``reason (detail)``; what cannot be printed in them
    is escaped.
    """
    parts = [repr(sentence[:LONGEST_REASON])[1:-1].partition(": ") for sentence in sentences]
    return shortened([f"{what} ({detail})" if detail else what for what, _, detail in parts], 3)


def _shares_mounts(where: InstanceDay) -> bool:
    """Whether another instance of the kind uses the site's `mount_to_fsname` too: a pattern may be
    there for the logs of the other one.
    """
    alike = [
        keys
        for keys in where.site.sources.values()
        if keys.get("kind") == where.options.kind and not keys.get("mount_to_fsname")
    ]
    own = where.site.sources.get(where.instance, {}).get("mount_to_fsname")
    return not own and len(alike) > 1


def _span(where: InstanceDay, logs: h5py.Group) -> list[int]:
    """First and last second of the day's logs, but for those whose times are garbage; the day's
    first second if there are none.
    """
    first = logs["start_time"][...]
    last = np.maximum(logs["end_time"][...], first + np.nan_to_num(logs["walltime"][...]))
    good = servers.within_reach(where.day, first, last)
    if not good.any():
        return [where.day.start, where.day.start]
    return [int(first[good].min()), int(last[good].max())]


def rejects_of(path: Path, source: LogSource[Any]) -> Rejects:
    """Files that an archived day rejects, by the same reader: they are tried again only when they
    change; none where it is damaged.
    """
    try:
        with damage_named(path), h5py.File(path, "r") as file:
            if file.attrs.get("reader") != source.reader:
                return {}
        table = darshan_tables.read_table(path, "rejects")
    except FormatError:
        return {}
    columns = (table[name].tolist() for name in ("filename", "log_bytes", "mtime_ns", "reason"))
    return {(name, size, time): reason for name, size, time, reason in zip(*columns, strict=True)}
