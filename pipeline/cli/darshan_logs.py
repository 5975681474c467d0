"""The commands `cache_darshanlogs.py` and `summarize_darshanlogs.py`: Darshan logs as JSON.

Logs are read by `pipeline.processes.isolated`: one that makes the library crash gives a message.
Exit codes: 0 done; 1 a log could not be read; 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archive_tools.core.errors import SourceError
from pipeline.processes import isolated
from pipeline.sources.darshan import accumulators, libdarshan, library
from pipeline.sources.darshan.log_batches import Listed
from pipeline.transform.mounts import mount_of


class _Reader:
    """Reads logs into JSON-able dictionaries, as `pipeline.processes.isolated` wants a batch."""

    def __init__(self, what: frozenset[str]) -> None:
        self.what = what
        self.found: list[tuple[str, dict[str, Any] | None, str]] = []
        self.waiting = 0

    def add(self, file: Listed, name: str) -> None:
        """Read one log."""
        try:
            self.found.append((name, _as_json(libdarshan.read(file.path), self.what), ""))
        except (SourceError, OSError) as error:
            self.reject(file, name, str(error))

    def reject(self, file: Listed, name: str, reason: str) -> None:
        """Note why a log is not read."""
        self.found.append((name, None, reason))

    def batch(self) -> list[tuple[str, dict[str, Any] | None, str]]:
        """What was read."""
        return self.found


def _same(batch: Any) -> Any:
    return batch


def read_all(
    names: Sequence[str], what: frozenset[str]
) -> list[tuple[str, dict[str, Any] | None, str]]:
    """Logs as dictionaries.

    Returns
    -------
    list of (name, dict or None, reason)
        A log that cannot be read has a reason.
    """
    files = [
        (
            Listed(
                os.fsencode(os.path.dirname(name)), os.fsencode(os.path.basename(name)), 0, 0, True
            ),
            name,
        )
        for name in names
    ]
    job = isolated.IsolatedRead(files, functools.partial(_Reader, what), _same, isolated.Limits())
    return [item for batch in isolated.run(job) for item in batch]


def _as_json(log: libdarshan.Log, what: frozenset[str]) -> dict[str, Any]:
    counters: dict[str, dict[str, Any]] = {}
    for module, records in log.records.items():
        found = counters.setdefault(library.MODULES[module], {})
        if "base" in what:
            found |= _base(log, module, records)
        if what & {"total", "perf"}:
            found |= _derived(module, records, log.nprocs, what)
    if "base" in what and log.lustre:
        counters["lustre"] = {
            log.names.get(i, str(i)): {"-1": _striping(size, osts)}
            for i, size, _, osts in log.lustre
        }
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


def _base(log: libdarshan.Log, module: str, records: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        name = log.names.get(int(record["id"]), str(record["id"]))
        found.setdefault(name, {})[str(record["rank"])] = _named(module, record)
    return found


def _striping(size: int, osts: Sequence[int]) -> dict[str, int]:
    return {"STRIPE_SIZE": size, "STRIPE_WIDTH": len(osts)} | {
        f"OST_ID_{i}": ost for i, ost in enumerate(osts)
    }


def _derived(module: str, records: Any, nprocs: int, what: frozenset[str]) -> dict[str, Any]:
    figures = accumulators.derived(module, records, nprocs)
    if figures is None:
        return {}
    found: dict[str, Any] = {}
    if "total" in what:
        found["_total"] = _named(module, figures.total)
    if "perf" in what:
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


def cache(arguments: Sequence[str] | None = None) -> int:
    """`cache_darshanlogs.py`: one log as JSON."""
    parser = argparse.ArgumentParser(
        prog="cache_darshanlogs.py",
        description="Print a Darshan log as JSON: header, mounts, counters by module and record.",
    )
    parser.add_argument("log")
    parser.add_argument("--base", action="store_true", help="counters of every record (default)")
    parser.add_argument(
        "--total", action="store_true", help="counters of all records together, as _total"
    )
    parser.add_argument(
        "--perf", action="store_true", help="times and rates by the slowest rank, as _perf"
    )
    parser.add_argument("-o", "--output", type=Path, help="write to a file")
    options = parser.parse_args(arguments)
    what = frozenset(
        name for name in ("base", "total", "perf") if getattr(options, name)
    ) or frozenset({"base"})
    ((name, found, reason),) = read_all([options.log], what)
    if found is None:
        print(f"cache_darshanlogs.py: {name}: {reason}", file=sys.stderr)
        return 1
    text = json.dumps(found, indent=4, sort_keys=True)
    if options.output:
        options.output.write_text(text + "\n")
    else:
        print(text)
    return 0


def summarize(arguments: Sequence[str] | None = None) -> int:
    """`summarize_darshanlogs.py`: bytes by mount point of each log."""
    parser = argparse.ArgumentParser(
        prog="summarize_darshanlogs.py",
        description="Print the bytes that each log read and wrote, by mount point, as JSON.",
    )
    parser.add_argument("logs", nargs="+")
    options = parser.parse_args(arguments)
    result, failed = {}, False
    for name, found, reason in read_all(options.logs, frozenset({"base"})):
        if found is None:
            print(f"summarize_darshanlogs.py: {name}: {reason}", file=sys.stderr)
            failed = True
        else:
            result[name] = by_mount(found)
    print(json.dumps(result, indent=4, sort_keys=True))
    return int(failed)


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


if __name__ == "__main__":
    sys.exit(cache())
