"""What a log is: when, whose, of which program, with which modules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive_tools.core.log_files import parse_path
from pipeline.sources.darshan.libdarshan import Log


def head_of(log: Log, path: Path, users: Mapping[int, str]) -> tuple[Any, ...]:
    """A log's row of the table, from `version` to the names of its modules.

    Parameters
    ----------
    log : Log
    path : pathlib.Path
        Its name and folders say whose it is.
    users : mapping of int to str
        Uid to name, where the site has a list of its users.
    """
    exe = log.exe.split(" ", 1)[0]
    name = parse_path(os.fsencode(path).decode("utf-8", "backslashreplace"))
    account = users.get(log.uid, "")
    program = os.path.basename(exe)
    user, job = (name.user(program, account), name.job) if name else (account, "")
    partial = [module for module, is_partial in log.modules.items() if is_partial]
    return (
        log.version,
        log.metadata.get("lib_ver", ""),
        log.start,
        log.end,
        log.runtime,
        log.nprocs,
        str(log.jobid) if log.jobid else job,
        log.uid,
        user,
        exe,
        program or (name.program if name else ""),
        log.exe.strip(),
        ",".join(log.modules),
        ",".join(partial),
        ",".join(log.unreadable),
    )
