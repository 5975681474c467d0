"""The command `tokio-pipeline`: the nightly run, backfills, what is complete. Each command is a
module of `pipeline.cli.commands`.

Exit codes: 0 the archive says that everything requested is complete; 1 something failed, is missing
or expired; 2 the command or the configuration is wrong; 3 something is partial, late or stale,
nothing worse; 4 another run holds the days.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from archive_tools.cli import dispatch, printing
from archive_tools.core.accounts import account
from archive_tools.core.errors import Busy, ConfigError, TokioError
from pipeline.cli import arguments
from pipeline.cli.exit_codes import BUSY, COMPLETE, FAILED, PARTIAL, USAGE
from pipeline.processes import memory

__all__ = ["BUSY", "COMPLETE", "FAILED", "PARTIAL", "USAGE", "main"]

PROGRAM = dispatch.Program(
    "tokio-pipeline",
    "Archive each day's Darshan logs and server-side counters.",
    "exit codes: 0 complete; 1 failed, missing or expired; 2 wrong command or configuration; 3"
    " partial, late or stale; 4 another run holds the days",
    arguments,
    "pipeline.cli.commands",
)


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    dispatch.with_streams()
    memory.take_from_the_c_library()
    command, options = PROGRAM.parsed(sys.argv[1:] if given is None else given)
    with _stopping():
        return _guarded(lambda: PROGRAM.run(command, options))


def _guarded(run: Callable[[], int]) -> int:
    """Run a command's work; errors become one line and an exit code."""
    try:
        code = run()
        sys.stdout.flush()
        return code
    except ConfigError as error:
        return _said(error, USAGE)
    except Busy as error:
        return _said(error, BUSY)
    except TokioError as error:
        return _said(error, FAILED)
    except KeyboardInterrupt as stopped:
        number = stopped.args[0] if stopped.args else signal.SIGINT
        return _said(
            f"stopped by signal {int(number)}; what is complete stays complete", 128 + number
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except PermissionError as error:
        return _said(
            f"{error.filename}: {error.strerror}; to do: look at the rights of the account"
            f" {account()}",
            FAILED,
        )
    except OSError as error:
        return _said(error, FAILED)


def _said(what: object, code: int) -> int:
    from pipeline.sources._shared import secrets

    text = f"tokio-pipeline: {secrets.struck(str(what))}"
    for line in text.split("\n") if isinstance(what, ConfigError) else [text]:  # a line a fault
        printing.note(line)
    return code


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """SIGTERM and SIGHUP end what runs; nothing that still waits for a source keeps the process."""
    before = {
        number: signal.signal(number, _stop)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        from pipeline.processes import isolated, limits

        limits.give_up()
        isolated.stop()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)  # the only one that Luigi does not take for a failed task


if __name__ == "__main__":
    sys.exit(main())
