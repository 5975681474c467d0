"""Raw data: what a source has of a day, added to the archive's folder as it is."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.core.errors import InputChanged, NoData
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from archive_tools.store import files
from pipeline.building import pieces, verified
from pipeline.building.archived_raw import ArchivedRaw, fingerprint_of_inputs
from pipeline.building.instance_day import InstanceDay
from pipeline.building.log_reading import archived_and_lost
from pipeline.building.made import Made
from pipeline.building.pieces import Piece
from pipeline.building.source_queries import fetch_into, query_inputs, server_info
from pipeline.sources.contract import Fetched, Inputs, LogSource, RecordSource


@dataclass(frozen=True)
class FetchedRaw:
    """What a fetch came to.

    Attributes
    ----------
    made : Made
    fingerprint : str
        Of the raw data of the day as they are now.
    lost : str
        What is archived and no longer in the source, in words, where nothing can be added to what
        is archived, which is kept.
    """

    made: Made
    fingerprint: str
    lost: str = ""


def fetch_raw(where: InstanceDay, inputs: Inputs, archived: ArchivedRaw | None) -> FetchedRaw:
    """Add what the source has, and the archive has not, to the raw data of the day.

    Parameters
    ----------
    where : InstanceDay
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
    held = _held(archived)
    with pieces.new_folder(where.raw_folder("none").parent, where.instance) as folder:
        new = folder / "new"
        new.mkdir()
        fetched = _fetch_new(new, where, [piece.path for piece in held], archived)
        inputs = _listed(where, inputs, fetched)
        seen = fingerprint_of_inputs(where, inputs)
        lost = _lost(where, fetched, new, held, archived)
        if lost:
            counts = fetched.counts if fetched else {}
            more = {"inputs": inputs, "source": server_info(where), "files": verified.hashes(new)}
            return FetchedRaw(Made(counts, more=more), seen, lost)
        grew = fetched is not None and _compare(where, inputs, fetched.inputs)
        raw = _Raw(where, inputs, seen, held, archived)
        return raw.put(folder, new if fetched else None, fetched, grew=grew)


def _held(archived: ArchivedRaw | None) -> list[Piece]:
    if archived is None:
        return []
    return [
        piece
        for piece in pieces.held(archived.folder, archived.content, archived.fingerprint)
        if not any((archived.folder / name).is_relative_to(piece.path) for name in archived.damaged)
    ]


@dataclass(frozen=True)
class _Raw:
    """The raw data of a day that a fetch adds to."""

    where: InstanceDay
    inputs: Inputs
    seen: str
    held: list[Piece]
    archived: ArchivedRaw | None

    def put(
        self, folder: Path, new: Path | None, fetched: Fetched | None, *, grew: bool
    ) -> FetchedRaw:
        """Make the day's raw folder of what is held and what is new."""
        where, so_far = self.where, time.time() < self.where.day.end
        old = self.held
        if new:
            span = fetched.span if fetched else None
            old = pieces.remaining(where, self.held, new, span)
            if pieces.is_in_any(where, new, old, span):
                shutil.rmtree(new)
                new, fetched, old = None, None, self.held
        about = [dict(piece.about) for piece in old]
        if new and fetched:
            about.append(self._about(fetched))
        fingerprint = pieces.fingerprint_of_pieces(
            [one["fingerprint"] for one in about], so_far=so_far
        )
        target = where.raw_folder(fingerprint)
        added = verified.hashes(new) if new else {}
        names = pieces.assembled(folder, old, new)
        listed = [one | {"name": name} for one, name in zip(about, names, strict=True)]
        damaged = self.archived.damaged if self.archived else {}
        listed_files = self._files(old, names, added)
        if not self._is_there(target, listed_files):
            files.sync_tree(folder)
            files.replace_folder(folder, target)
        findings = Findings()
        findings.add(FindingKind.INPUTS_GREW, grew)
        findings.add(FindingKind.FETCHED_EARLY, so_far)
        more = {
            "inputs": self.inputs,
            "seen": self.seen,
            "so_far": so_far,
            "pieces": listed,
            "source": listed[-1].get("source", {}),
            "files": listed_files,
            **({"damaged": damaged} if damaged else {}),
        }
        return FetchedRaw(Made(_together(listed), findings, more=more), fingerprint)

    def _is_there(self, target: Path, listed: Mapping[str, Any]) -> bool:
        """Whether the folder is whole: as it is archived, or as another run, which does the same at
        the same time, has just made it, and may be building on it.
        """
        if not target.is_dir():
            return False
        if self.archived and target == self.archived.folder:
            return not self.archived.damaged
        return not verified.damaged_files(target, {"files": listed})

    def _files(
        self, old: Sequence[Piece], names: Sequence[str], added: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Size and hash of each file, under its name in the raw folder."""
        before: Mapping[str, Any] = self.archived.content.get("files", {}) if self.archived else {}
        of_piece = [
            {
                name.removeprefix(f"{piece.path.name}/"): known
                for name, known in before.items()
                if piece.path == self._folder or name.startswith(f"{piece.path.name}/")
            }
            for piece in old
        ]
        return {
            str(Path(folder, name)): known
            for folder, its in zip(names, [*of_piece, added], strict=False)
            for name, known in its.items()
        }

    @property
    def _folder(self) -> Path | None:
        return self.archived.folder if self.archived else None

    def _about(self, fetched: Fetched) -> dict[str, Any]:
        """What the receipt says of a new piece."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        return {
            "fingerprint": self.seen,
            "fetched": now,
            "counts": dict(fetched.counts),
            "source": server_info(self.where),
            **({"span": list(fetched.span)} if fetched.span else {}),
        }


def _together(listed: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Counts of all pieces; what two of them have counts twice."""
    counts: Counter[str] = Counter()
    for one in listed:
        counts.update(one.get("counts", {}))
    return dict(counts)


def _fetch_new(
    folder: Path, where: InstanceDay, held: Sequence[Path], archived: ArchivedRaw | None
) -> Fetched | None:
    """Fetch into `folder`; None where the day is archived, and the source has nothing more."""
    try:
        return fetch_into(where, folder, held)
    except NoData:
        if archived is None:
            raise
        return None


def _lost(
    where: InstanceDay,
    fetched: Fetched | None,
    new: Path,
    held: Sequence[Piece],
    archived: ArchivedRaw | None,
) -> str:
    """What is archived, is no longer in the source, and cannot be put together with what is there;
    in words, "" if nothing.
    """
    if archived is None:
        return ""
    if archived.damaged and fetched is None:
        return f"{verified.sentence(archived.folder, archived.damaged)}; the source has it no more"
    if held:
        if fetched is None or not isinstance(where.source, LogSource):
            return ""
        return archived_and_lost(where, where.source, new, [piece.path for piece in held])
    if fetched is None:
        return "the source has nothing of the day any more"
    now = fetched.counts
    said = [
        f"{now.get(name, 0)} {name}, {count} are archived"
        for name, count in archived.counts.items()
        if now.get(name, 0) < count and name != "unreadable"
    ]
    damaged = (
        f"{verified.sentence(archived.folder, archived.damaged)}; " if archived.damaged else ""
    )
    return f"{damaged}the source has less of the day: {'; '.join(said)}" if said else ""


def _listed(where: InstanceDay, before: Inputs, fetched: Fetched | None) -> Inputs:
    """What the source had: of logs and records what the fetch listed, for that is one look, and
    what came after the query is simply there.
    """
    is_one_look = isinstance(where.source, LogSource | RecordSource)
    seen = fetched.inputs if fetched and is_one_look else None
    return seen if seen is not None and seen.keys() == before.keys() else before


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
