"""What a log is: when, whose, of which program, with which modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from archive_tools.core.log_files import parse_path
from pipeline.sources.darshan.accounts import Accounts, Claim
from pipeline.sources.darshan.libdarshan import Log


def program_of(log: Log) -> str:
    """The base name of a log's program, "" where the command line does not say it."""
    return os.path.basename(log.exe.split(" ", 1)[0])


def claim_of(log: Log, path: Path, file_uid: int) -> Claim:
    """Who a log says that it is of, by its name and folders too."""
    name = parse_path(os.fsencode(path).decode("utf-8", "backslashreplace"))
    return Claim(name, program_of(log), log.uid, file_uid)


def head_of(log: Log, claim: Claim, accounts: Accounts) -> tuple[Any, ...]:
    """A log's row of the table, from `version` to the names of its modules."""
    name, program = claim.name, claim.program
    partial = [module for module, is_partial in log.modules.items() if is_partial]
    return (
        log.version,
        log.metadata.get("lib_ver", ""),
        log.start,
        log.end,
        log.runtime,
        log.nprocs,
        str(log.jobid) if log.jobid else (name.job if name else ""),
        log.uid,
        accounts.user(claim),
        log.exe.split(" ", 1)[0],
        program or (name.program if name else ""),
        log.exe.strip(),
        ",".join(log.modules),
        ",".join(partial),
        ",".join(log.unreadable),
    )
