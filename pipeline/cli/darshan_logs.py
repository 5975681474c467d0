"""The commands `cache_darshanlogs.py` and `summarize_darshanlogs.py`: Darshan logs as JSON.

Logs are read by `pipeline.processes.isolated`: one that makes the library crash gives a message.
Exit codes: 0 done; 1 a log could not be read; 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.cli import printing
from archive_tools.cli.main import guarded
from archive_tools.core.errors import FormatError, SourceError
from pipeline.building import engine
from pipeline.building.log_index import logs_at
from pipeline.cli.common_options import positive
from pipeline.cli.index_darshanlogs import megabytes
from pipeline.processes import isolated
from pipeline.site import LocalEngine
from pipeline.sources.darshan import accumulators, libdarshan, library
from pipeline.sources.darshan.log_batches import Listed
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


class _Reader:
    """Reads logs into JSON-able dictionaries, as `pipeline.processes.isolated` wants a batch."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.found: list[tuple[str, dict[str, Any] | None, str]] = []
        self.waiting = 0

    def add(self, file: Listed, name: str) -> None:
        """Read one log."""
        try:
            found = _as_json(libdarshan.read(file.path), self.choice)
        except (SourceError, OSError) as error:
            self.reject(file, name, str(error))
            return
        self.found.append((name, by_mount(found) if self.choice.only_mounts else found, ""))

    def reject(self, file: Listed, name: str, reason: str) -> None:
        """Note why a log is not read."""
        self.found.append((name, None, reason))

    def batch(self) -> list[tuple[str, dict[str, Any] | None, str]]:
        """What was read."""
        return self.found


def _same(batch: Any) -> Any:
    return batch


AT_ONCE = 500
"""Logs of a job, at most."""


def read_all(
    names: Sequence[str], choice: Choice, threads: int = 1
) -> Iterator[tuple[str, dict[str, Any] | None, str]]:
    """Logs as dictionaries.

    Yields
    ------
    (name, dict or None, reason)
        In the order of the names. A log that cannot be read has a reason.
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
    size = max(1, min(AT_ONCE, -(-len(files) // threads)))
    jobs = (
        isolated.IsolatedRead(
            files[first : first + size],
            functools.partial(_Reader, choice),
            _same,
            isolated.Limits(),
        )
        for first in range(0, len(files), size)
    )
    with engine.executor(LocalEngine(workers=threads)) as executor:
        for batches in engine.in_order(executor, isolated.run, jobs):
            for batch in batches:
                yield from batch


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
    if "base" in choice.what and log.lustre and choice.has_module("lustre"):
        files = counters.setdefault("lustre", {})
        for (number, size, _, osts), rank in log.lustre_records:
            of_file = files.setdefault(log.names.get(number, str(number)), {})
            of_file[str(rank)] = choice.chosen("lustre", _striping(size, osts))
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


def _striping(size: int, osts: Sequence[int]) -> dict[str, int]:
    offset = {"STRIPE_OFFSET": osts[0]} if osts else {}
    return {"STRIPE_SIZE": size, "STRIPE_WIDTH": len(osts), **offset} | {
        f"OST_ID_{i}": ost for i, ost in enumerate(osts)
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
    parser.add_argument(
        "--modules",
        type=_names,
        default=(),
        metavar="NAME,...",
        help=f"only these: {', '.join([*library.MODULES.values(), 'lustre'])}",
    )
    parser.add_argument(
        "--counters",
        type=_names,
        default=(),
        metavar="NAME,...",
        help="only these of each record; shell patterns, such as 'BYTES_*'",
    )
    parser.add_argument("-o", "--output", type=Path, help="write to a file")
    options = parser.parse_args(arguments)
    unknown = {*options.modules} - {*library.MODULES.values(), "lustre"}
    if unknown:
        parser.error(f"unknown modules: {', '.join(sorted(unknown))}")
    what = frozenset(name for name in WHAT if getattr(options, name)) or frozenset({"base"})
    choice = Choice(what, options.modules, options.counters)
    return guarded(parser.prog, lambda: _cached(parser.prog, options.log, choice, options.output))


WHAT = ("base", "total", "perf")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _cached(program: str, log: str, choice: Choice, output: Path | None) -> int:
    ((name, found, reason),) = read_all([log], choice)
    if found is None:
        printing.note(f"{program}: {name}: {reason}")
        return 1
    _write(found, output)
    return 0


def _write(content: Any, output: Path | None) -> None:
    text = json.dumps(content, indent=4, sort_keys=True)
    if output:
        output.write_text(text + "\n")
    else:
        print(text)


def load() -> int:
    """The work of `find_darshanlogs --load`: the logs whose paths, each ended by a zero byte, are
    on standard input, as one JSON object by path. The argument says what of them.
    """
    choice = Choice(frozenset(_names(sys.argv[1])))
    names = [os.fsdecode(name) for name in sys.stdin.buffer.read().split(b"\0") if name]
    return guarded("find_darshanlogs", lambda: _loaded("find_darshanlogs", names, choice))


def _loaded(program: str, names: Sequence[str], choice: Choice) -> int:
    result, code = _result(program, read_all(names, choice))
    _write(result, None)
    return code


def _result(
    program: str, logs: Iterable[tuple[str, dict[str, Any] | None, str]]
) -> tuple[dict[str, Any], int]:
    """Logs by their names, and the exit code; those that cannot be read are reported."""
    result: dict[str, Any] = {}
    code = 0
    for name, found, reason in logs:
        if found is None:
            printing.note(f"{program}: {name}: {reason}")
            code = 1
        else:
            result[name] = found
    return result, code


def summarize(arguments: Sequence[str] | None = None) -> int:
    """`summarize_darshanlogs.py`: bytes by mount point of each log."""
    parser = argparse.ArgumentParser(
        prog="summarize_darshanlogs.py",
        description="Print the bytes that each log read and wrote, by mount point, as JSON.",
    )
    parser.add_argument("logs", nargs="+", help="logs, or folders of them, whatever their depth")
    parser.add_argument(
        "-t", "--threads", type=positive, default=1, help="logs read at a time (default: 1)"
    )
    parser.add_argument(
        "-i", "--input", type=Path, help="file that this command wrote: its logs are not read again"
    )
    parser.add_argument("-o", "--output", type=Path, help="write to a file")
    parser.add_argument(
        "-m", "--max-mb", type=megabytes, default=0.0, help="pass over logs of more MiB"
    )
    options = parser.parse_args(arguments)
    return guarded(parser.prog, lambda: _summarized(parser.prog, options))


def _summarized(program: str, options: argparse.Namespace) -> int:
    before = _read_before(options.input) if options.input else {}
    names, failed = _logs_of(options.logs)
    for name, reason in failed.items():
        printing.note(f"{program}: {name}: {reason}")
    wanted = []
    for name in names:
        size = Path(name).stat().st_size / 2**20 if Path(name).is_file() else 0
        if size > options.max_mb > 0:
            printing.note(f"{program}: {name}: passed over, it has {size:.1f} MiB")
        elif name not in before:
            wanted.append(name)
    choice = Choice(frozenset({"base"}), ("posix", "stdio"), only_mounts=True)
    result, code = _result(program, read_all(wanted, choice, options.threads))
    _write(before | result, options.output)
    return 1 if failed else code


def _logs_of(names: Sequence[str]) -> tuple[list[str], Mapping[str, str]]:
    """The logs: files as they are named, and those in folders; what cannot be listed, and why."""
    found: list[str] = []
    problems: dict[str, str] = {}
    for name in names:
        if os.path.isdir(name):
            listing = logs_at([name])
            found += [os.fsdecode(os.path.join(log.root, log.name)) for log in listing.logs]
            problems |= listing.problems
        else:
            found.append(name)
    return list(dict.fromkeys(found)), problems


def _read_before(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise FormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path} is not a JSON object")
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


if __name__ == "__main__":
    sys.exit(cache())
