"""Which mount point a file is on, and which file system that is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64
from archive_tools.core.findings import shortened
from archive_tools.core.printable import clean
from pipeline.model import MOUNT_PATTERN, LogBatch, Records

UNKNOWN = "UNKNOWN"
"""Mount point and file system of a record on no known mount: standard streams, relative names."""
SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc"}
    | {"root", "run", "sbin", "sys", "tmp", "usr", "var"}
)
"""First components of paths that no site has to place."""
FEW_PATHS, LONGEST_SHOWN = 5, 40


def mount_of(path: str, mounts: Collection[str]) -> str:
    """The longest mount point that is `path` or a folder above it, component by component.

    Parameters
    ----------
    path : str
    mounts : collection of str
        Absolute, without a trailing slash but for ``/``, or containers of DAOS, which are names of
        their own (``daos://POOL/CONTAINER``); a set is best.

    Returns
    -------
    str
        A member of `mounts`, or `UNKNOWN`: ``/scratch10/f`` is not on ``/scratch1``.
    """
    if path in mounts:
        return path
    if not path.startswith("/"):
        return UNKNOWN
    while path:
        if path in mounts:
            return path
        path = path[: path.rindex("/")]
    return "/" if "/" in mounts else UNKNOWN


class FileSystems:
    """Mount points to file system names by the site's `mount_to_fsname`.

    A pattern matches from the start of the mount point to the end of one of its components, so that
    ``^/scratch1`` does not take ``/scratch10``; the first that matches counts. A mount point that
    none matches is its own name.
    """

    def __init__(self, mount_to_fsname: Mapping[str, str]) -> None:
        self._patterns = [
            (re.compile(MOUNT_PATTERN.format(pattern)), name)
            for pattern, name in mount_to_fsname.items()
        ]
        self._names = {UNKNOWN: UNKNOWN}

    def configured(self, mount: str) -> bool:
        """Whether a pattern names the mount point."""
        return any(pattern.match(mount) for pattern, _ in self._patterns)

    def __bool__(self) -> bool:
        """Whether there are patterns."""
        return bool(self._patterns)

    def mount_above(self, path: str) -> str:
        """The folder above `path` that a pattern names, as if it were a mount point: the shortest
        that the first pattern matches which matches any; "" if none does.
        """
        if not path.startswith("/"):
            return ""
        ends = [n for n, character in enumerate(path) if n and character == "/"]
        folders = [path[:end] for end in ends]
        return next(
            (one for pattern, _ in self._patterns for one in folders if pattern.match(one)), ""
        )

    def __getitem__(self, mount: str) -> str:
        if mount not in self._names:
            self._names[mount] = next(
                (name for pattern, name in self._patterns if pattern.match(mount)), mount
            )
        return self._names[mount]


class Table(NamedTuple):
    """The mount points of a log.

    Attributes
    ----------
    mounts, lustre : frozenset of str
        All, and those of Lustre.
    """

    mounts: frozenset[str]
    lustre: frozenset[str]


class Place(NamedTuple):
    """Where a file is.

    Attributes
    ----------
    mount : str
        A mount point, or a folder that the site names like one.
    unplaced : str
        The path's first component, where the site should name the file system and does not.
    """

    mount: str
    unplaced: str = ""


def place_of(path: str, has_stripes: bool, table: Table, file_systems: FileSystems) -> Place:
    """Where a file is.

    Parameters
    ----------
    path : str
    has_stripes : bool
        Whether the file has a Lustre record: it is on Lustre, whatever links lead there.
    table : Table
        Of its log; empty where the log does not have one.
    file_systems : FileSystems
        Its patterns count for the path itself where that is on no mount point but ``/``.
    """
    mount = mount_of(path, table.mounts)
    is_elsewhere = has_stripes and mount not in table.lustre
    if is_elsewhere and len(table.lustre) == 1:
        (mount,) = table.lustre
        is_elsewhere = False
    if mount in ("/", UNKNOWN):
        mount = file_systems.mount_above(path) or mount
    if not file_systems or not path.startswith("/") or file_systems.configured(mount):
        return Place(mount)
    first = _first_component(path)
    is_lost = is_elsewhere and mount in ("/", UNKNOWN)
    known = first if mount == UNKNOWN else _first_component(mount)
    is_system = known in SYSTEM or mount == "/"
    return Place(mount, f"/{first}" if is_lost or not is_system else "")


def _first_component(path: str) -> str:
    return next(filter(None, path.split("/")), "")


class BatchPlaces(NamedTuple):
    """Where the files of a batch are.

    Attributes
    ----------
    mounts : dict of str to int
        Mount points and their numbers.
    of_records : dict of str to int64 (records,)
        By module: the mount point of each record.
    unplaced : dict of str to int
        See `BatchSummary`.
    """

    mounts: dict[str, int]
    of_records: dict[str, Int64]
    unplaced: dict[str, int]


def batch_places(batch: LogBatch, file_systems: FileSystems) -> BatchPlaces:
    """Where the files of a batch are; mount points that the site names are there in any case."""
    none: tuple[frozenset[str], ...] = (frozenset(),) * len(batch.mounts)
    number_of: dict[Table, int] = {}
    tables = [
        (number_of.setdefault(table, len(number_of)), table)
        for table in map(Table, map(frozenset, batch.mounts), batch.lustre_mounts or none)
    ]
    striped = batch.lustre_files or none
    mounts: dict[str, int] = {}
    for mount in sorted(frozenset().union(*batch.mounts)):
        if file_systems.configured(mount):
            mounts.setdefault(mount, len(mounts))
    of_folder: dict[tuple[int, bool, str], tuple[int, str]] = {}
    """The files of a folder are in one place, but for mount points and for Lustre."""
    places: dict[str, Int64] = {}
    unplaced: dict[str, int] = {}
    for module, records in batch.records.items():
        place, lost = [], []
        for log, file in zip(records.log.tolist(), records.file.tolist(), strict=True):
            name, (table, its) = batch.names[log].get(file, ""), tables[log]
            has_stripes = file in striped[log]
            key = table, has_stripes, name if name in its.mounts else name[: name.rfind("/") + 1]
            found = of_folder.get(key)
            if found is None:
                at = place_of(name, has_stripes, its, file_systems)
                number = mounts.setdefault(at.mount, len(mounts))
                found = of_folder[key] = number, at.unplaced
            place.append(found[0])
            lost.append(found[1])
        places[module] = np.array(place, dtype=np.int64)
        if any(lost):
            _add_bytes(unplaced, records, lost, batch.own)
    return BatchPlaces(mounts, places, unplaced)


def _add_bytes(
    unplaced: dict[str, int], records: Records, lost: list[str], own: npt.NDArray[np.bool_]
) -> None:
    """Add the bytes of records of the day's own logs that are lost; "" is not lost."""
    columns = [
        records.counters.index(f"{records.module}_BYTES_{way}") for way in ("READ", "WRITTEN")
    ]
    for path, mine, moved in zip(
        lost, own[records.log].tolist(), records.integers[:, columns].tolist(), strict=True
    ):
        if path and mine:
            unplaced[path] = unplaced.get(path, 0) + sum(max(0, amount) for amount in moved)


def shown_paths(unplaced: Mapping[str, int]) -> str:
    """The first components of paths that are not placed, most bytes first, as text that a terminal
    shows and does not obey.
    """
    order = sorted(unplaced, key=lambda path: (-unplaced[path], path))
    texts = [_printable(path) for path in order[:FEW_PATHS]]
    return shortened(texts, FEW_PATHS, more=len(order) - len(texts))


def _printable(path: str) -> str:
    text = path if len(path) <= LONGEST_SHOWN else f"{path[:LONGEST_SHOWN]}..."
    return clean(text)
