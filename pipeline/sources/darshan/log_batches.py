"""Darshan logs to batches: what a log says, as a row of a table, records and time lines.

Runs in the readers of `pipeline.processes.isolated`, so it loads little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from archive_tools.core.errors import SourceError
from archive_tools.core.sums import LARGEST, capped_sums
from archive_tools.core.vocabulary import RejectReason
from pipeline.model import TRACE, Heat, LogBatch, Records
from pipeline.sources.darshan import accumulators, containers, libdarshan, library
from pipeline.sources.darshan.accounts import Accounts
from pipeline.sources.darshan.listed_logs import Listed, read_listed
from pipeline.sources.darshan.log_header import MOST
from pipeline.sources.darshan.log_heads import claim_of, head_of

SUMMED = ("POSIX", "STDIO", *containers.MODULES)
"""Modules whose records are summed by mount point, or by container."""
INTERFACES = {
    "POSIX": "posix",
    "STDIO": "stdio",
    "MPI-IO": "mpiio",
    "H5D": "hdf5",
    "PNETCDF_FILE": "pnetcdf",
    "DFS": "dfs",
    "DAOS": "daos",
}
"""Modules whose bytes are reported by log, and the columns' names."""
DERIVED = {"POSIX": "posix", "STDIO": "stdio", "MPI-IO": "mpiio"}
"""Modules that the library's accumulators are used for."""


LOG_COLUMNS: dict[str, Any] = {
    "filename": object,
    "folder": object,
    "log_bytes": np.int64,
    "version": object,
    "lib_version": object,
    "start_time": np.float64,
    "end_time": np.float64,
    "walltime": np.float64,
    "nprocs": np.int64,
    "jobid": object,
    "uid": np.int64,
    "username": object,
    "exe": object,
    "exename": object,
    "cmdline": object,
    "modules": object,
    "partial_modules": object,
    "unreadable_modules": object,
    **{
        f"{name}_bytes_{way}": np.int64
        for name in INTERFACES.values()
        for way in ("read", "written")
    },
    **{
        f"{name}_{what}": np.float64
        for name in DERIVED.values()
        for what in ("agg_perf", "agg_time", "unique_time", "shared_time")
    },
    **{f"{name}_{kind}": np.int64 for name in DERIVED.values() for kind in library.CATEGORIES},
    "lustre_files": np.int64,
    "lustre_osts": np.int64,
    "lustre_stripe_size": np.int64,
    "lustre_stripe_count": np.int64,
    "file_uid": np.int64,
}
REJECT_COLUMNS: dict[str, Any] = {
    "filename": object,
    "folder": object,
    "log_bytes": np.int64,
    "mtime_ns": np.int64,
    "reason": object,
}
STRIPE_COLUMNS: dict[str, Any] = {
    "log_id": np.int64,
    "bytes": np.int64,
    "seconds": np.float64,
    "osts": object,
}
ABSENT = -1
"""A number that a log does not have; NaN where the column is floating-point."""


def _table(rows: list[tuple[Any, ...]], columns: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return {
        name: np.array(values, dtype=dtype)
        for (name, dtype), values in zip(columns.items(), by_column, strict=True)
    }


class BatchReader:
    """Reads logs one by one into one batch.

    Parameters
    ----------
    start, end : int
        The day (epoch seconds): logs of neighbour days that did not touch it are left out.
    accounts : Accounts, optional
    follow_links : bool
        Whether links to files are followed whatever they lead to.
    most : int
        Bytes that a region of a log may unpack to.
    """

    def __init__(
        self,
        start: int,
        end: int,
        accounts: Accounts | None = None,
        *,
        follow_links: bool = True,
        most: int = MOST,
    ) -> None:
        self.start, self.end, self.accounts = start, end, accounts or Accounts()
        self.follow_links, self.most = follow_links, most
        self.logs: list[tuple[Any, ...]] = []
        self.own: list[bool] = []
        self.rejects: list[tuple[Any, ...]] = []
        self.mounts: list[tuple[str, ...]] = []
        self.names: list[dict[int, str]] = []
        self.lustre_mounts: list[frozenset[str]] = []
        self.lustre_files: list[frozenset[int]] = []
        self.records: dict[str, list[tuple[int, npt.NDArray[Any]]]] = {
            module: [] for module in SUMMED
        }
        self.traces: list[npt.NDArray[Any]] = [np.empty(0, TRACE)]
        self.heat: list[Heat] = []
        self.stripes: list[tuple[Any, ...]] = []
        self.remarks: dict[str, list[str]] = {}
        self.waiting = 0
        self.is_last = False
        """Whether no other log is to be read in this process: its memory may be damaged."""

    def add(self, file: Listed, name: str) -> None:
        """Read one log, or note why not."""
        self._add(file, name, only_essential=False)

    def add_essential(self, file: Listed, name: str) -> None:
        """As `add`, without what the library may have died of: derived figures, and all modules
        that a log can do without.
        """
        self._add(file, name, only_essential=True)

    def _add(self, file: Listed, name: str, *, only_essential: bool) -> None:
        if file.known:
            self.reject(file, name, file.known)
            return
        try:
            found = read_listed(
                file,
                self.start,
                self.end,
                follow_links=self.follow_links,
                only_essential=only_essential,
                most=self.most,
            )
        except SourceError as error:
            self.is_last = RejectReason.read(str(error)) is RejectReason.CORRUPT
            self.reject(file, name, str(error))
            return
        if found is None:
            return
        log = found.log
        self.is_last = not log.is_trusted
        number = len(self.logs)
        stored, places = containers.by_container(log.records)
        for module, records in (log.records | stored).items():
            if module in SUMMED:
                self.records[module].append((number, records))
                self.waiting += len(records)
        self._keep_times(number, log)
        self.stripes += [(number, *row) for row in _stripes(log)] if file.own else []
        facts = _facts(log, with_derived=not only_essential)
        claim = claim_of(log, file.path, found.file_uid)
        head = head_of(log, claim, self.accounts)
        self.logs.append((name, file.folder, file.size, *head, *facts, claim.file_uid))
        for kind, who in self.accounts.doubts(claim) if file.own else ():
            self.remarks.setdefault(kind, []).append(f"{name} ({who})")
        self.own.append(file.own)
        self.mounts.append((*(mount for mount, _ in log.mounts), *places.values()))
        self.names.append(log.names | places if places else log.names)
        self.lustre_mounts.append(frozenset(at for at, kind in log.mounts if kind == "lustre"))
        self.lustre_files.append(frozenset(record for record, *_ in log.lustre))

    def reject(self, file: Listed, name: str, reason: str) -> None:
        """Note why a file is not read; those of neighbour days are noted there."""
        if file.own:
            self.rejects.append((name, file.folder, file.size, file.mtime_ns, reason))

    def _keep_times(self, number: int, log: libdarshan.Log) -> None:
        segments = log.segments.get("DXT_POSIX")
        if segments is not None and len(segments):
            trace = np.empty(len(segments), TRACE)
            trace["log"] = number
            trace["file"] = segments["id"]
            for column in ("write", "offset", "length", "begin", "end"):
                trace[column] = segments[column]
            self.traces.append(trace)
        for module in SUMMED:
            for heat in log.heatmaps.get(module, ()):
                self.heat.append(Heat(number, module, heat.width, heat.read, heat.written))

    def batch(self) -> LogBatch:
        """What was read."""
        return LogBatch(
            _table(self.logs, LOG_COLUMNS),
            np.array(self.own, dtype=bool),
            _table(self.rejects, REJECT_COLUMNS),
            tuple(self.mounts),
            tuple(self.names),
            {module: self._of(module, parts) for module, parts in self.records.items()},
            np.concatenate(self.traces),
            tuple(self.heat),
            _table(self.stripes, STRIPE_COLUMNS),
            tuple(self.lustre_mounts),
            tuple(self.lustre_files),
            {kind: tuple(names) for kind, names in self.remarks.items()},
        )

    @staticmethod
    def _of(module: str, parts: list[tuple[int, npt.NDArray[Any]]]) -> Records:
        found = np.concatenate(
            [np.empty(0, library.record_dtype(module)), *(part for _, part in parts)]
        )
        log = np.repeat(
            np.array([number for number, _ in parts], dtype=np.int64),
            [len(part) for _, part in parts],
        )
        return Records(
            module,
            *library.counters(module),
            log,
            found["id"],
            found["counters"],
            found["fcounters"],
        )


def _facts(log: libdarshan.Log, *, with_derived: bool) -> tuple[Any, ...]:
    """The rest of a log's row: bytes by interface, what the accumulators make of it, Lustre."""
    facts: list[Any] = []
    for module in INTERFACES:
        facts += [_bytes(log, module, "BYTES_READ"), _bytes(log, module, "BYTES_WRITTEN")]
    derived = [
        accumulators.derived(m, log.records[m], log.nprocs)
        if with_derived and m in log.records
        else None
        for m in DERIVED
    ]
    for found in derived:
        if found is None:
            facts += [np.nan] * 4
        else:
            facts += [
                found.agg_perf_by_slowest,
                found.agg_time_by_slowest,
                found.unique_io_time_by_slowest,
                found.shared_io_time_by_slowest,
            ]
    for found in derived:
        facts += (
            [found.categories[kind] for kind in library.CATEGORIES]
            if found
            else [ABSENT] * len(library.CATEGORIES)
        )
    osts = {ost for _, _, _, numbers in log.lustre for ost in numbers}
    facts += [
        len(log.lustre),
        len(osts),
        max((s for _, s, _, _ in log.lustre), default=ABSENT),
        max((c for _, _, c, _ in log.lustre), default=ABSENT),
    ]
    return tuple(facts)


def _stripes(log: libdarshan.Log) -> list[tuple[int, float, str]]:
    """Bytes, seconds of the slowest rank and OSTs of each file that has Lustre and POSIX records
    with I/O.
    """
    records = log.records.get("POSIX")
    if records is None or not log.lustre:
        return []
    names, floats = library.counters("POSIX")
    moved = [
        np.minimum(records["counters"][:, names.index(f"POSIX_BYTES_{way}")].clip(0), LARGEST)
        for way in ("READ", "WRITTEN")
    ]
    spent = records["fcounters"][
        :, [floats.index(f"POSIX_F_{what}_TIME") for what in ("READ", "WRITE", "META")]
    ].sum(axis=1)
    spent = np.where(
        records["rank"] < 0,
        records["fcounters"][:, floats.index("POSIX_F_SLOWEST_RANK_TIME")],
        spent,
    )
    files, place = np.unique(records["id"], return_inverse=True)
    size, slowest = capped_sums(moved[0] + moved[1], place, len(files)), np.zeros(len(files))
    np.maximum.at(slowest, place, spent)
    known = dict(
        zip(files.tolist(), zip(size.tolist(), slowest.tolist(), strict=True), strict=True)
    )
    rows = []
    for file, _, _, osts in log.lustre:
        amount, seconds = known.get(file, (0, 0.0))
        if osts and amount > 0 and seconds > 0:
            rows.append((amount, seconds, ",".join(map(str, osts))))
    return rows


def _bytes(log: libdarshan.Log, module: str, what: str) -> int:
    """Sum of a module's counter over its records, `LARGEST` at most; `ABSENT` without records."""
    records = log.records.get(module)
    if records is None:
        return ABSENT
    values = records["counters"][
        :, library.counters(module)[0].index(f"{library.MODULES[module].upper()}_{what}")
    ]
    total: int = sum(values[values > 0].tolist())
    return min(total, LARGEST)
