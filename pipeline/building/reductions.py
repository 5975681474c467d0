"""What was reduced of logs, kept with the raw data of their day.

So a log that comes late costs its own reading, and one that is purged stays in the day. A record is
what one job made of its files; it is used as long as none of these is there with another size or
time, and as it is made in the same way.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import logging
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from isal import igzip

from archive_tools.core.printable import clean
from archive_tools.core.vocabulary import RejectReason
from archive_tools.store import files, layout
from pipeline.building.instance_day import InstanceDay
from pipeline.model import BatchSummary, LogIdentity, Remark

log = logging.getLogger("tokio")


class _Column(msgspec.Struct, array_like=True):
    """A column: texts, or numbers as they are in memory."""

    dtype: str
    texts: list[str] = []
    numbers: bytes = b""

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> _Column:
        if values.dtype.kind == "O":
            return cls("", texts=[str(value) for value in values.tolist()])
        return cls(values.dtype.str, numbers=values.tobytes())

    def array(self) -> npt.NDArray[Any]:
        if not self.dtype:
            return np.array(self.texts, dtype=object)
        return np.frombuffer(self.numbers, np.dtype(self.dtype))


class _Part(msgspec.Struct, array_like=True):
    """A `BatchSummary`, as it is on disk."""

    tables: dict[str, dict[str, _Column]]
    mounts: list[str]
    series: list[tuple[str, int, bytes]]
    outside: dict[str, int]
    placed: dict[str, int]
    neighbours: int
    contradicted: dict[str, int]
    unplaced: dict[str, int] = {}
    remarks: dict[str, tuple[int, list[str]]] = {}


class _Header(msgspec.Struct):
    """What a record is of, and how it was made."""

    how: str
    files: list[tuple[bytes, bytes, int, int, bool]]
    names: list[str]
    rejected: dict[str, str]
    parts: str = ""
    """SHA-256 of the parts; records of earlier versions have none, and gzip's own checksum."""


@dataclass(frozen=True)
class Record:
    """What one job made of its files.

    Attributes
    ----------
    path : pathlib.Path
    files : list of LogIdentity
    names : list of str
        What each is called in the day's tables.
    reasons : mapping of str to str
        Names of those that were rejected, and why.
    """

    path: Path
    files: list[LogIdentity]
    names: list[str]
    reasons: Mapping[str, str]

    @functools.cached_property
    def rejected(self) -> Mapping[str, bool]:
        """Names of those that were rejected, and whether they would be again."""
        return {name: RejectReason.lasts(why) for name, why in self.reasons.items()}

    def parts(self) -> list[BatchSummary]:
        """The parts that the job made."""
        packed = self.path.with_suffix(".parts").read_bytes()
        content: bytes = igzip.decompress(packed)  # type: ignore[no-untyped-call]
        return [_summary(part) for part in msgspec.msgpack.decode(content, type=list[_Part])]


class Reductions:
    """The records of a day and instance.

    Parameters
    ----------
    where : InstanceDay
    how : str
        Fingerprint of the reader and the keys by which logs are reduced: records that were made in
        another way are passed over.
    """

    def __init__(self, where: InstanceDay, how: str) -> None:
        self.folder, self.how = where.raw_folder(layout.REDUCED), how

    def read(self) -> list[Record]:
        """The records, the newest first; one that cannot be read, or has other bytes than were
        written, is none: its logs are read again.
        """
        found = []
        for path in sorted(self.folder.glob("*.files"), key=_age):
            try:
                encoded = path.read_bytes()
                header = msgspec.msgpack.decode(encoded, type=_Header)
                is_whole = path.stem == _name(encoded) and _is_whole(path, header)
            except UNREADABLE:
                is_whole = False
            if not is_whole:
                log.warning("%s is damaged: its logs are read again", clean(str(path)))
            elif header.how == self.how:
                listed = [LogIdentity(*one) for one in header.files]
                found.append(Record(path, listed, header.names, header.rejected))
        return found

    def write(
        self, listed: Sequence[tuple[LogIdentity, str]], parts: Sequence[BatchSummary]
    ) -> str:
        """Keep what a job made of its files; the record's name, "" for a job of no file."""
        if not listed:
            return ""
        rejected = {
            name: reason
            for part in parts
            for name, reason in zip(
                *(part.rejects[column].tolist() for column in ("filename", "reason")), strict=True
            )
        }
        packed = igzip.compress(msgspec.msgpack.encode([_part(part) for part in parts]), 1)
        header = _Header(
            self.how,
            [(*file,) for file, _ in listed],
            [name for _, name in listed],
            rejected,
            hashlib.sha256(packed).hexdigest(),
        )
        encoded = msgspec.msgpack.encode(header)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{_name(encoded)}.files"
        with files.replacing(path.with_suffix(".parts")) as temporary:
            temporary.write_bytes(packed)
        with files.replacing(path) as temporary:
            temporary.write_bytes(encoded)
        return path.stem

    def remove_unused(self, used: Collection[str]) -> None:
        """Remove the records that are not among those of these names."""
        for path in self.folder.glob("*.*"):
            if path.stem not in used and not path.name.startswith("."):
                path.unlink(missing_ok=True)


UNREADABLE = (OSError, EOFError, msgspec.MsgspecError, zlib.error)


def _name(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest()[:16]


def _is_whole(path: Path, header: _Header) -> bool:
    """Whether the parts of a record are those that were written."""
    packed = path.with_suffix(".parts").read_bytes()
    if header.parts:
        return hashlib.sha256(packed).hexdigest() == header.parts
    gzip.decompress(packed)  # has a checksum
    return True


def _age(path: Path) -> tuple[int, str]:
    return -path.stat().st_mtime_ns, path.name


TABLES = ("logs", "rejects", "stripes", "summaries")
LATER_COLUMNS = {"file_uid": np.int64(-1)}
"""Columns of the table of logs that earlier records lack, and what they have in place of them."""


def _part(summary: BatchSummary) -> _Part:
    return _Part(
        {name: _table(getattr(summary, name)) for name in TABLES},
        list(summary.mounts),
        [(name, mount, values.tobytes()) for (name, mount), values in summary.series.items()],
        dict(summary.outside),
        dict(summary.placed),
        summary.neighbours,
        dict(summary.contradicted),
        dict(summary.unplaced),
        {kind: (logs, list(some)) for kind, (logs, some) in summary.remarks.items()},
    )


def _summary(part: _Part) -> BatchSummary:
    tables = {name: _arrays(part.tables[name]) for name in TABLES}
    for name, absent in LATER_COLUMNS.items():
        tables["logs"].setdefault(name, np.full(len(tables["logs"]["filename"]), absent))
    return BatchSummary(
        **tables,
        mounts=tuple(part.mounts),
        series={
            (name, mount): np.frombuffer(values, np.float64) for name, mount, values in part.series
        },
        outside=part.outside,
        placed=part.placed,
        neighbours=part.neighbours,
        contradicted=part.contradicted,
        unplaced=part.unplaced,
        remarks={kind: Remark(logs, tuple(some)) for kind, (logs, some) in part.remarks.items()},
    )


def _table(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, _Column]:
    return {name: _Column.of(values) for name, values in columns.items()}


def _arrays(columns: Mapping[str, _Column]) -> dict[str, npt.NDArray[Any]]:
    return {name: column.array() for name, column in columns.items()}


def joined(parts: Sequence[BatchSummary], place: Mapping[str, int]) -> BatchSummary:
    """The rows of all parts as one part, logs and rejects in the order of their places; its series
    and sums are left out.

    Parameters
    ----------
    parts : sequence of BatchSummary
        At least one.
    place : mapping of str to int
        The place of a file, by its name in the tables.
    """
    mounts = sorted({mount for part in parts for mount in part.mounts})
    first = np.cumsum([0, *(len(part.logs["filename"]) for part in parts)])
    logs, rejects = (_together([getattr(part, name) for part in parts]) for name in TABLES[:2])
    order = _order(logs, place)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return BatchSummary(
        logs=_taken(logs, order),
        rejects=_taken(rejects, _order(rejects, place)),
        stripes=_numbered(parts, "stripes", first, number, mounts),
        mounts=tuple(mounts),
        summaries=_numbered(parts, "summaries", first, number, mounts),
        series={},
        outside={},
        placed={},
        neighbours=0,
        contradicted={},
        unplaced={},
    )


def _together(tables: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _order(table: Mapping[str, npt.NDArray[Any]], place: Mapping[str, int]) -> npt.NDArray[Any]:
    return np.argsort([place.get(name, -1) for name in table["filename"].tolist()], kind="stable")


def _taken(
    table: Mapping[str, npt.NDArray[Any]], order: npt.NDArray[Any]
) -> dict[str, npt.NDArray[Any]]:
    return {name: column[order] for name, column in table.items()}


def _numbered(
    parts: Sequence[BatchSummary],
    name: str,
    first: npt.NDArray[Any],
    number: npt.NDArray[Any],
    mounts: Sequence[str],
) -> dict[str, npt.NDArray[Any]]:
    """A table whose rows are of logs and mount points, with the numbers that these have now."""
    tables = []
    for part, offset in zip(parts, first.tolist(), strict=False):
        table = dict(getattr(part, name))
        table["log_id"] = number[table["log_id"] + offset]
        if "fs_id" in table:
            of_mount = np.array([mounts.index(mount) for mount in part.mounts], dtype=np.int64)
            table["fs_id"] = of_mount[table["fs_id"]]
        tables.append(table)
    whole = _together(tables)
    keys = [whole["fs_id"], whole["log_id"]] if "fs_id" in whole else [whole["log_id"]]
    return _taken(whole, np.lexsort(keys))
