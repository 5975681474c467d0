"""The commands `cache_darshanlogs.py` and `summarize_darshanlogs.py`: Darshan logs as JSON.

Logs are read by `pipeline.processes.isolated`: one that makes the library crash gives a message.
Exit codes: 0 done; 1 a log, or a module of it that is wanted, could not be read; 2 the command is
wrong.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from archive_tools.cli import printing
from archive_tools.cli.main import guarded
from archive_tools.core.errors import FormatError, SourceError
from pipeline.building import engine
from pipeline.building.log_index import logs_at
from pipeline.cli.common_options import positive
from pipeline.cli.darshan_json import Choice, by_mount, log_as_json
from pipeline.cli.index_darshanlogs import megabytes
from pipeline.processes import isolated
from pipeline.site import LocalEngine
from pipeline.sources.darshan import library
from pipeline.sources.darshan.listed_logs import Listed

Found: TypeAlias = tuple[str, dict[str, Any] | None, str]


class _Reader:
    """Reads logs into JSON-able dictionaries, as `pipeline.processes.isolated` wants a batch."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.found: list[Found] = []
        self.waiting = 0
        self.is_last = False

    def add(self, file: Listed, name: str) -> None:
        """Read one log."""
        try:
            found, lacks = log_as_json(file.path, self.choice)
        except (SourceError, OSError) as error:
            self.reject(file, name, str(error))
            return
        shown = by_mount(found) if self.choice.only_mounts else found
        self.found.append((name, shown, "; ".join(lacks)))

    def reject(self, file: Listed, name: str, reason: str) -> None:
        """Note why a log is not read: the library may have failed on it."""
        self.is_last = True
        self.found.append((name, None, reason))

    def batch(self) -> list[Found]:
        """What was read."""
        return self.found


AT_ONCE = 500
"""Logs of a job, at most."""


def read_all(names: Sequence[str], choice: Choice, threads: int = 1) -> Iterator[Found]:
    """Logs as dictionaries.

    Yields
    ------
    (name, dict or None, reason)
        In the order of the names. A log that cannot be read, or only without some of the modules
        that are wanted, has a reason.
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
            list,
            isolated.Limits(),
            list[Found],
        )
        for first in range(0, len(files), size)
    )
    with engine.executor(LocalEngine(workers=threads)) as executor:
        for batches in engine.in_order(executor, isolated.run, jobs):
            for batch in batches:
                yield from batch


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
    if reason:
        printing.note(f"{program}: {name}: {reason}")
    if found is not None:
        _write(found, output)
    return 1 if reason else 0


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
    """Logs by their names, and the exit code; what cannot be read is reported."""
    result: dict[str, Any] = {}
    code = 0
    for name, found, reason in logs:
        if reason:
            printing.note(f"{program}: {name}: {reason}")
            code = 1
        if found is not None:
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


if __name__ == "__main__":
    sys.exit(cache())
