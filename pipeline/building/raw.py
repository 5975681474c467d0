"""Raw data: what a source has of a day, brought into the archive's folder as it is.

All queries to sources are made here, each with a time limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from archive_tools.core.errors import InputChanged, NoData, SourceError, TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats import darshan_tables
from archive_tools.store import files
from archive_tools.store.receipts import fingerprint as fingerprint_of
from pipeline.building.instance_day import InstanceDay
from pipeline.building.made import Made
from pipeline.processes.limits import run_in_process, run_in_thread
from pipeline.sources.contract import Fetched, Inputs, LogSource

Result = TypeVar("Result")


@dataclass(frozen=True)
class ArchivedRaw:
    """Raw data of a day that the archive has.

    Attributes
    ----------
    counts : mapping of str to int
        As its receipt has them.
    folder : pathlib.Path
        It may be pruned.
    """

    counts: Mapping[str, int]
    folder: Path


@dataclass(frozen=True)
class FetchedRaw:
    """What a fetch came to.

    Attributes
    ----------
    made : Made
    lost : str
        What is archived and no longer in the source, in words: the archived data were kept. ""
        where they were replaced.
    """

    made: Made
    lost: str = ""


def query_inputs(where: InstanceDay, longest: float | None = None) -> Inputs:
    """What the source has of the day now.

    Parameters
    ----------
    where : InstanceDay
    longest : float, optional
        Seconds, where the source's own limit is longer.

    Raises
    ------
    SourceError
        The source cannot be reached or read, or does not answer in time.
    """
    seconds = where.options.ask_seconds
    return _limited(
        where,
        seconds if longest is None else min(seconds, longest),
        "what the source has",
        lambda: where.source.inputs(where.options, where.day),
        "ask",
    )


def fingerprint_of_inputs(where: InstanceDay, inputs: Inputs) -> str:
    """Of the inputs and of the window of time that is fetched."""
    options, day = where.options, where.day
    return fingerprint_of(
        options.kind, inputs, day.start, day.end, options.timestep, options.timezone
    )


def fetch_raw(
    where: InstanceDay, target: Path, inputs: Inputs, archived: ArchivedRaw | None
) -> FetchedRaw:
    """Fetch into a folder beside `target`, which becomes `target`, unless archived data are no
    longer in the source.

    Parameters
    ----------
    where : InstanceDay
    target : pathlib.Path
    inputs : mapping
        What the source had when it was queried.
    archived : ArchivedRaw, optional
        What the archive has of the day.

    Raises
    ------
    NoData
        The source has nothing of the day, and the archive neither.
    InputChanged
        The inputs are not `inputs` any more, and the day is over.
    SourceError
        The source cannot be reached or read, or does not answer in time.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = files.temporary_name(target)
    temporary.mkdir()
    try:
        found = _fetched_into(temporary, where, inputs, archived)
        if not found.lost:
            files.sync_tree(temporary)
            files.replace_folder(temporary, target)
        return found
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetched_into(
    folder: Path, where: InstanceDay, inputs: Inputs, archived: ArchivedRaw | None
) -> FetchedRaw:
    fetched = _fetch(folder, where, has_archived=archived is not None)
    more = {"inputs": inputs, "source": _server_info(where), "files": _hashes(folder)}
    lost = _lost_inputs(where, fetched.counts, folder, archived) if archived else ""
    findings = Findings()
    if not lost:
        grew = _compare(where, inputs, fetched.inputs)
        findings.add(FindingKind.INPUTS_GREW, grew)
        findings.add(FindingKind.FETCHED_EARLY, time.time() < where.day.end)
    return FetchedRaw(Made(fetched.counts, findings, more=more), lost)


def _fetch(folder: Path, where: InstanceDay, *, has_archived: bool) -> Fetched:
    """Fetch into `folder`; where the day is archived, a source that forgot it has zero rows."""
    try:
        return _limited(
            where,
            where.options.fetch_seconds,
            "the data",
            lambda: where.source.fetch(where.options, where.day, folder),
            "fetch",
        )
    except NoData:
        if not has_archived:
            raise
        return Fetched({})


def _server_info(where: InstanceDay) -> dict[str, str]:
    """What the source says of itself: versions, time zones; it may say nothing."""
    try:
        return _limited(
            where,
            where.options.ask_seconds,
            "the version",
            lambda: dict(where.source.server_info(where.options, where.day)),
            "ask",
        )
    except (TokioError, OSError) as error:
        return {"error": str(error)}


def _compare(where: InstanceDay, before: Inputs, seen: Inputs | None) -> bool:
    """Whether inputs grew while they were read, as those of a day that is not over always do. The
    source is queried again where the fetch could not say what it saw.
    """
    now = query_inputs(where) if seen is None else seen
    different = _different_keys(before, now)
    if not different:
        return False
    if time.time() >= where.day.end:
        raise InputChanged(
            f"the inputs of {where.instance} for {where.day} changed while they were read:"
            f" {', '.join(different)}",
            hint="the next run reads them again; if it says so each time, `inputs` of the source"
            " and what its `fetch` gives as inputs differ",
        )
    return True


def _different_keys(before: Inputs, now: Inputs) -> list[str]:
    """Keys of which the values differ, as a receipt would have them."""
    then, here = (json.loads(json.dumps(one, default=str)) for one in (before, now))
    return sorted(key for key in {*then, *here} if then.get(key) != here.get(key))


def _lost_inputs(
    where: InstanceDay, counts: Mapping[str, int], folder: Path, archived: ArchivedRaw
) -> str:
    """What is archived and no longer in the source, in words; "" if nothing."""
    if not counts:
        return "the source has nothing of the day any more"
    return where.source.lost_inputs(
        archived.counts, counts, archived.folder, folder, _rejected(where)
    )


def _rejected(where: InstanceDay) -> set[str]:
    """Paths, below their folders, of archived files that could not be read: these may go away."""
    if not isinstance(where.source, LogSource) or not where.tts.is_file():
        return set()
    rejects = darshan_tables.read_table(where.tts, "rejects")
    return {
        os.path.join(folder, os.path.basename(name))
        for folder, name in zip(rejects["folder"], rejects["filename"], strict=True)
    }


def remove_others(target: Path, instance: str) -> None:
    """Remove the raw data of an instance's day that are not those in `target`."""
    for other in target.parent.glob(f"{instance}.*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)


def _limited(
    where: InstanceDay, seconds: float, what: str, work: Callable[[], Result], key: str
) -> Result:
    """What the source gives, in time or not at all."""
    limited = run_in_process if where.options.needs_process else run_in_thread
    hint = f"look at the source; raise {key}_seconds of the source if it needs that long"
    called = f"{where.instance}: {what} of {where.day}"
    return limited(seconds, called, lambda: _without_exit(work, called), hint=hint)


def _without_exit(work: Callable[[], Result], called: str) -> Result:
    """What `work` gives; a source that ends the process is an error like others."""
    try:
        return work()
    except SystemExit as error:
        raise SourceError(
            f"{called}: the source called exit({error.code})", hint="look at the source's code"
        ) from error


def _hashes(folder: Path) -> dict[str, list[Any]]:
    """Size and SHA-256 of the files that were fetched."""
    found: dict[str, list[Any]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[str(path.relative_to(folder))] = [path.stat().st_size, digest]
    return found
