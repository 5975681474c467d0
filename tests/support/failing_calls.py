"""Runs of the pipeline in which a counted call of the system fails (failing_calls.c).

All that writes is met, whoever calls it: Python, HDF5, SQLite, Arrow.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.forked_runs import Forker
from tests.support.paths import needed

SOURCE = Path(__file__).with_suffix(".c")
STATE = struct.Struct("5q")
"""As failing_calls.c has it."""
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


class FailingRuns:
    """Runs in which calls that write below a folder fail; a context manager.

    Parameters
    ----------
    folder : pathlib.Path
        Is made, for the library and what it needs.
    watched : pathlib.Path
    """

    def __init__(self, folder: Path, watched: Path) -> None:
        folder.mkdir()
        built = _library(folder)
        self._state, self._failed = folder / "state", folder / "failed"
        self._output = folder / "output"
        self._count(None)
        self._forker = Forker(
            {
                "LD_PRELOAD": str(built),
                "TOKIO_FAIL_BELOW": str(watched),
                "TOKIO_FAIL_STATE": str(self._state),
                "TOKIO_FAIL_LOG": str(self._failed),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._forker.close()

    def _count(self, failure: Failure | None) -> None:
        given = (failure.first, failure.many, failure.error) if failure else (NEVER, 0, 0)
        self._state.write_bytes(STATE.pack(0, 0, *given))
        self._failed.write_bytes(b"")

    def run(self, arguments: Sequence[str], failure: Failure | None = None) -> Ended:
        """Run `tokio-pipeline`; without a failure, only count."""
        self._count(failure)
        code = self._forker.start(arguments, output=self._output).wait()
        lines = self._failed.read_text("utf-8", "backslashreplace").splitlines()
        failed = [(line.partition("\t")[0], line.partition("\t")[2]) for line in lines]
        calls = STATE.unpack(self._state.read_bytes())[0]
        return Ended(code, calls, failed, self._output.read_text("utf-8", "backslashreplace"))


def _library(folder: Path) -> Path:
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
