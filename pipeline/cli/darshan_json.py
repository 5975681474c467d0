"""A Darshan log in the form of pytokio's connector: dictionaries that become JSON.

It reads in the process that calls it; `pipeline.processes.isolated` is the caller's.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.core.errors import SourceError
from pipeline.sources.darshan import accumulators, libdarshan, library, log_header, lustre
from pipeline.transform.mounts import mount_of


@dataclass(frozen=True)
class Choice:
    """What is given of a log.

    Attributes
    ----------
    what : frozenset of str
        base, total, perf.
    modules : tuple of str
        Names of modules, such as ``posix`` and ``mpiio``; none is all.
    counters : tuple of str
        Names or shell patterns of counters; none is all.
    only_mounts : bool
        Only the sums by mount point; see `by_mount`.
    """

    what: frozenset[str]
    modules: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    only_mounts: bool = False

    def has_module(self, name: str) -> bool:
        """Whether a module is given."""
        return not self.modules or name in self.modules

    def chosen(self, module: str, counters: Mapping[str, Any]) -> dict[str, Any]:
        """The counters that are given; patterns are of names with or without the module's."""
        if not self.counters:
            return dict(counters)
        return {
            name: value
            for name, value in counters.items()
            if any(
                fnmatch.fnmatchcase(one, pattern.upper())
                for one in (name, f"{module.upper()}_{name}")
                for pattern in self.counters
            )
        }


def log_as_json(path: Path, choice: Choice) -> tuple[dict[str, Any], list[str]]:
    """Header, mount points and counters of a log; and which modules are left out, in words.

    Raises
    ------
    SourceError
        The log cannot be read.
    """
    log = libdarshan.read(path)
    head = log_header.header_of(path)
    found = _as_json(log, choice)
    if head:
        found["header"]["compression"] = log_header.COMPRESSIONS.get(head.compression, "UNKNOWN")
    left_out = [
        f"module {module} cannot be read, its counters are left out"
        for module in log.unreadable
        if module in library.MODULES and choice.has_module(library.MODULES[module])
    ]
    if head and "base" in choice.what and choice.has_module("lustre"):
        left_out += _add_lustre(found, path, head, log.names, choice)
    return found, left_out


def _as_json(log: libdarshan.Log, choice: Choice) -> dict[str, Any]:
    counters: dict[str, dict[str, Any]] = {}
    for module, records in log.records.items():
        name = library.MODULES[module]
        if not choice.has_module(name):
            continue
        found = counters.setdefault(name, {})
        if "base" in choice.what:
            found |= _base(log, module, records, choice)
        if choice.what & {"total", "perf"}:
            found |= _derived(module, records, log.nprocs, choice)
    return {"header": _header(log), "mounts": dict(log.mounts), "counters": counters}


def _header(log: libdarshan.Log) -> dict[str, Any]:
    return {
        "version": log.version,
        "exe": log.exe.split(),
        "uid": log.uid,
        "jobid": str(log.jobid),
        "start_time": int(log.start),
        "start_time_string": time.ctime(log.start),
        "end_time": int(log.end),
        "end_time_string": time.ctime(log.end),
        "nprocs": log.nprocs,
        "walltime": log.runtime,
        "metadata": [f"{key} = {value}" for key, value in log.metadata.items()],
    }


def _named(module: str, record: Any) -> dict[str, Any]:
    """A record's counters by their names without the module's prefix."""
    prefix = f"{library.MODULES[module].upper()}_"
    integers, floats = library.counters(module)
    named = dict(zip(integers, record["counters"].tolist(), strict=True)) | dict(
        zip(floats, record["fcounters"].tolist(), strict=True)
    )
    return {name.removeprefix(prefix): value for name, value in named.items()}


def _base(
    log: libdarshan.Log, module: str, records: Any, choice: Choice
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        name = log.names.get(int(record["id"]), str(record["id"]))
        counters = choice.chosen(library.MODULES[module], _named(module, record))
        found.setdefault(name, {})[str(record["rank"])] = counters
    return found


def _add_lustre(
    found: dict[str, Any],
    path: Path,
    head: log_header.LogHeader,
    names: Mapping[int, str],
    choice: Choice,
) -> list[str]:
    """Add the records of Lustre files to a log's counters; why they are left out, if they are."""
    if lustre.NUMBER not in head.regions:
        return []
    try:
        with path.open("rb") as file:
            records = lustre.lustre_records(file, head)
    except SourceError as error:
        return [f"{error}; the counters of {lustre.MODULE} are left out"]
    files = found["counters"].setdefault("lustre", {}) if records else {}
    for record in records:
        of_file = files.setdefault(names.get(record.file, str(record.file)), {})
        of_file[str(record.rank)] = choice.chosen("lustre", _striping(record))
    return []


def _striping(record: lustre.LustreRecord) -> dict[str, int]:
    """Version 2 of the module does not have the first two; the offset is then the first OST."""
    of_file_system = dict(
        zip(("OSTS", "MDTS", "STRIPE_OFFSET"), record.of_file_system, strict=False)
    )
    first = {"STRIPE_OFFSET": record.osts[0]} if record.osts else {}
    return {
        **first,
        **of_file_system,
        "STRIPE_SIZE": record.stripe_size,
        "STRIPE_WIDTH": len(record.osts),
        **{f"OST_ID_{i}": ost for i, ost in enumerate(record.osts)},
    }


def _derived(module: str, records: Any, nprocs: int, choice: Choice) -> dict[str, Any]:
    figures = accumulators.derived(module, records, nprocs)
    if figures is None:
        return {}
    found: dict[str, Any] = {}
    if "total" in choice.what:
        total = _named(module, figures.total)
        found["_total"] = choice.chosen(library.MODULES[module], total)
    if "perf" in choice.what:
        found["_perf"] = {
            "total_bytes": figures.total_bytes,
            "slowest_rank_unique_files": figures.unique_slowest_rank,
            "slowest_rank_io_time_unique_files": figures.unique_io_time_by_slowest,
            "slowest_rank_meta_only_time_unique_files": figures.unique_md_time,
            "slowest_rank_rw_only_time_unique_files": figures.unique_rw_time,
            "time_by_slowest_shared_files": figures.shared_io_time_by_slowest,
            "agg_time_by_slowest": figures.agg_time_by_slowest,
            "agg_perf_by_slowest": figures.agg_perf_by_slowest,
        }
    return found


def by_mount(log: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Bytes by POSIX and STDIO calls on each mount point that was used."""
    totals: dict[str, dict[str, int]] = {}
    for module in ("posix", "stdio"):
        for file, ranks in log["counters"].get(module, {}).items():
            total = totals.setdefault(
                mount_of(file, set(log["mounts"])), {"read_bytes": 0, "write_bytes": 0}
            )
            for record in ranks.values():
                total["read_bytes"] += max(0, record["BYTES_READ"])
                total["write_bytes"] += max(0, record["BYTES_WRITTEN"])
    return totals
