"""The command `tokio-archive`: what an archive holds. Each command is a module of
`archive_tools.cli.commands`.

Exit codes: 0 done; 1 what was requested is not there or cannot be read, or `check` found problems,
or who reads the output is gone; 2 the command is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

from archive_tools.cli import arguments, dispatch, exit_codes, printing
from archive_tools.core.errors import TokioError

PROGRAM = dispatch.Program(
    "tokio-archive",
    "Look into an archive of applications' and file systems' I/O.",
    "exit codes: 0 done; 1 not there or cannot be read, check found problems, or the output's"
    " reader is gone; 2 wrong command",
    arguments,
    "archive_tools.cli.commands",
)


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    dispatch.with_streams()
    command, options = PROGRAM.parsed(sys.argv[1:] if given is None else given)
    return guarded(PROGRAM.name, lambda: PROGRAM.run(command, options))


def guarded(program: str, run: Callable[[], int]) -> int:
    """Run a command's work; errors become one line and an exit code."""
    dispatch.with_streams()
    try:
        code = run()
        sys.stdout.flush()
        return code
    except exit_codes.WrongCommand as error:
        printing.note(f"{program}: {error}")
        return exit_codes.WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.NOT_THERE
    except (TokioError, OSError) as error:
        printing.note(f"{program}: {error}")
        return exit_codes.NOT_THERE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
