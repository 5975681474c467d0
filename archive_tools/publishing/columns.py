"""Columns of tables of logs and jobs: which are published, and how. A column that is not in these
tables is not known, and its file is refused.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.core.arrays import Table
from archive_tools.core.errors import FormatError
from archive_tools.core.vocabulary import RejectReason
from archive_tools.publishing.names import Names


def _crossed(*words: str) -> set[str]:
    """Names of a word out of each list."""
    return {"_".join(parts) for parts in itertools.product(*map(str.split, words))}


NUMBERS: frozenset[str] = frozenset(
    {"log_id", "fs_id", "nprocs", "start_time", "end_time", "walltime", "log_bytes", "mtime_ns"}
    | {"lustre_files", "lustre_osts", "lustre_stripe_size", "lustre_stripe_count"}
    | {"bytes", "seconds", "file_not_aligned", "rw_switches", "posix_files", "stdio_files"}
    | _crossed("reads writes consec_reads consec_writes mmaps opens seeks stats fdsyncs")
    | _crossed("fsyncs flushes seq_reads seq_writes bytes_read bytes_written")
    | _crossed("posix stdio mpiio hdf5 pnetcdf dfs daos", "bytes", "read written")
    | _crossed("posix stdio mpiio", "agg_perf agg_time unique_time shared_time")
    | _crossed(
        "posix stdio mpiio",
        "total read_only write_only read_write unique shared partly_shared",
        "files",
    )
    | _crossed("f", "close open read write", "start end", "timestamp")
    | _crossed("fs", "start end bytes_read bytes_written reads writes missing")
    | _crossed("fs", "peak", "read write", "rate")
    | _crossed("fs", "oss mds", "cpu", "mean peak")
    | _crossed("fs", "bytes inodes", "full fullest")
    | _crossed("fs", "opens closes mknods links unlinks mkdirs rmdirs renames getxattrs")
    | _crossed("fs", "statfss setattrs getattrs")
    | _crossed("coverage share", "read written")
    | {"other_logs", "other_jobs"}
)
"""Columns whose numbers are published as they are."""

Rule = Callable[[Names, Any], Any]
VERSION = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,3}(?:[.-]?(?:pre|rc|a|b)\d{1,3})?")
MODULES = re.compile(
    r"(?:(?:BG/Q|NULL|POSIX|MPI-IO|MPIIO|H5F|H5D|HDF5|PNETCDF(?:_FILE|_VAR)?|STDIO|DXT_POSIX"
    r"|DXT_MPIIO|LUSTRE|MDHIM|APXC|APMPI|HEATMAP|DFS|DAOS)(?:,|$))*"
)
NUMBER_LIST = re.compile(r"(?:\d{1,10}(?:,|$))*")


def _only(pattern: re.Pattern[str]) -> Rule:
    """A text that a program wrote, where it is of the known form; dropped where it is not."""
    return lambda names, text: text if pattern.fullmatch(text) else ""


def _reason(names: Names, text: str) -> str:
    """Of a sentence, the words that this software chose."""
    return str(RejectReason.read(text) or "rejected")


NAMES: Mapping[str, Rule] = {
    "filename": Names.log,
    "folder": Names.folder,
    "exe": Names.program_path,
    "exename": Names.program,
    "cmdline": lambda names, text: "",
    "jobid": Names.job,
    "uid": Names.uid,
    "file_uid": Names.uid,
    "username": Names.user,
    "mountpt": Names.mount,
    "fsname": Names.file_system,
    "fs_instance": Names.instance,
    "version": _only(VERSION),
    "lib_version": _only(VERSION),
    "modules": _only(MODULES),
    "partial_modules": _only(MODULES),
    "unreadable_modules": _only(MODULES),
    "osts": _only(NUMBER_LIST),
    "reason": _reason,
}
"""Columns that are published otherwise."""
INTEGERS = {"uid", "file_uid"}
"""Those of them that are numbers."""


def check(path: Path, table: str, columns: Any) -> None:
    """Refuse columns that are not known.

    Raises
    ------
    FormatError
        Names them.
    """
    if unknown := sorted(set(columns) - NUMBERS - set(NAMES)):
        raise refused(path, f"table {table} has columns that publish does not know", unknown)


def refused(path: Path, what: str, names: Any = ()) -> FormatError:
    """The error of a file with something of which nobody said how it is published."""
    return FormatError(
        f"{path} is not published: {what}{': ' if names else ''}{', '.join(map(str, names))}",
        hint="leave its days out, or have a rule for it in archive_tools/publishing",
    )


def value_rule(path: Path, column: str, names: Names) -> Callable[[Any], Any]:
    """How a value of a column of the index is published; None is None."""
    rule = NAMES.get(column)
    numeric = rule is None or column in INTEGERS

    def published(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, int | float if numeric else str):
            raise refused(path, f"column {column} has a value of type {type(value).__name__}")
        return value if rule is None else rule(names, value)

    return published


def table_rule(path: Path, table: str, content: Table, names: Names) -> dict[str, Any]:
    """The columns of some rows of a table of `darshan.hdf5`, as they are published."""
    check(path, table, content)
    found: dict[str, Any] = {}
    for column, values in content.items():
        rule = NAMES.get(column)
        numeric = rule is None or column in INTEGERS
        if values.dtype.kind not in ("iuf" if numeric else "O"):
            raise refused(path, f"column {table}/{column} has values of type {values.dtype}")
        if rule is None:
            found[column] = values
        else:
            known = {value: rule(names, value) for value in dict.fromkeys(values.tolist())}
            changed = [known[value] for value in values.tolist()]
            found[column] = np.array(changed, dtype=values.dtype).reshape(values.shape)
    return found
