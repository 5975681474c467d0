"""Runs of `tokio-pipeline` that a process forks which has imported all of it: a run of its own
session, without the second that an interpreter needs to begin.

As a program, this module is that process: a line of JSON on its input is a run, the answers are its
process and its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import archive_tools
import pipeline
from tests.support.paths import ROOT

NOT_IMPORTED = ("archive_tools.serving", "pipeline.testing", "archive_tools.plotting")


class Run:
    """A run that has begun.

    Attributes
    ----------
    pid : int
        Its process, which leads a session of its own.
    """

    def __init__(self, pid: int, answers: IO[bytes]) -> None:
        self.pid, self._answers = pid, answers
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or minus the signal; None while it runs."""
        if self._code is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self._code

    def wait(self) -> int:
        """Wait for its end; returns what `poll` does then."""
        if self._code is None:
            self._code = int(self._answers.readline())
        return self._code


class Forker:
    """The process that has imported the pipeline; it ends when it is closed, or with its parent.

    Parameters
    ----------
    environment : mapping of str to str
        Variables that it has from the beginning.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_runs"],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # so that an answer is either read or waits
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def start(
        self,
        arguments: Sequence[str],
        *,
        output: Path | None = None,
        environment: Mapping[str, str] | None = None,
        hook: str = "",
    ) -> Run:
        """Begin a run; the one before must be over.

        Parameters
        ----------
        arguments : sequence of str
            Of `tokio-pipeline`.
        output : pathlib.Path, optional
            What gets all that it prints.
        environment : mapping of str to str, optional
            Variables of this run, beside those of this process.
        hook : str
            A module whose function `install` the run calls first.
        """
        variables = {**os.environ, **(environment or {})}
        run = [list(arguments), str(output or os.devnull), variables, hook]
        self._requests.write(json.dumps(run).encode() + b"\n")
        return Run(int(self._answers.readline()), self._answers)

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.wait()
        self._answers.close()


def import_all() -> None:
    """Import what runs may need, so that those that are forked have it."""
    for package in (archive_tools, pipeline):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(NOT_IMPORTED):
                importlib.import_module(module.name)


def _begin(arguments: list[str], output: str, environment: dict[str, str], hook: str) -> int:
    """What a forked process does: the run."""
    from pipeline.cli.main import main

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    printed = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for handle, place in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(handle, place)
    os.close(nothing)
    os.close(printed)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    if hook:
        importlib.import_module(hook).install()
    return main()


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def serve() -> int:
    """Fork a run at each line of the input."""
    import_all()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return _begin(*json.loads(line))
        _answer(child)
        _answer(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return 0


if __name__ == "__main__":
    raise SystemExit(serve())
