"""Runs of the pipeline in which a counted call of the system fails (failing_calls.c).

All that writes is met, whoever calls it: Python, HDF5, SQLite, Arrow.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT, needed

SOURCE = Path(__file__).with_suffix(".c")
STATE = struct.Struct("2q")
NEVER = 2**62


@dataclass(frozen=True)
class Failure:
    """Which calls fail.

    Attributes
    ----------
    error : int
        Number of the system's error.
    first : int
        Number of the first call that may fail, from 1.
    many : int
        How many calls fail.
    """

    error: int
    first: int
    many: int = 1


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    code : int
    calls : int
        Calls that write below the folder.
    failed : list of (str, str)
        Those that were made to fail: call and path.
    output : str
    """

    code: int
    calls: int
    failed: list[tuple[str, str]]
    output: str


def library(folder: Path) -> Path:
    """The library, built in a folder."""
    compiler = shutil.which("gcc")
    if compiler is None:
        needed("gcc (apt install gcc)")
    built = folder / "failing_calls.so"
    subprocess.run(
        [str(compiler), "-shared", "-fPIC", "-O1", "-o", str(built), str(SOURCE), "-ldl"],
        check=True,
    )
    return built


def run_failing(
    arguments: Sequence[str], watched: Path, built: Path, failure: Failure | None = None
) -> Ended:
    """Run `tokio-pipeline`, and make calls that write below a folder fail.

    Parameters
    ----------
    arguments : sequence of str
    watched : pathlib.Path
    built : pathlib.Path
        The library; files that it needs are made beside it.
    failure : Failure, optional
        None only counts.
    """
    state, said = built.with_name("state"), built.with_name("failed")
    state.write_bytes(STATE.pack(0, 0))
    said.write_bytes(b"")
    keys = {
        "LD_PRELOAD": str(built),
        "TOKIO_FAIL_BELOW": str(watched),
        "TOKIO_FAIL_STATE": str(state),
        "TOKIO_FAIL_LOG": str(said),
        "TOKIO_FAIL_FROM": str(failure.first if failure else NEVER),
        "TOKIO_FAIL_MANY": str(failure.many if failure else 0),
        "TOKIO_FAIL_ERROR": str(failure.error if failure else 0),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        cwd=ROOT,
        env=os.environ | keys,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    lines = said.read_text("utf-8", "backslashreplace").splitlines()
    failed = [(line.partition("\t")[0], line.partition("\t")[2]) for line in lines]
    calls, _ = STATE.unpack(state.read_bytes())
    return Ended(done.returncode, calls, failed, done.stdout + done.stderr)
