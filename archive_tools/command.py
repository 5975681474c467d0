"""The command `tokio-archive`: what an archive holds. Each command is a module of `archive_tools.commands`.

Exit codes: 0 done; 1 what was asked for is not there or cannot be read, or `check` found problems, or who reads the
output is gone; 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from archive_tools import commands
from archive_tools.commands import _common
from pipeline.errors import TokioError

PROGRAM = "tokio-archive"
EXIT_CODES = "exit codes: 0 done; 1 not there or cannot be read, check found problems, or the output's reader is gone; 2 wrong command"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _with_streams()
    if not given or given[0] not in _names():
        _overview().parse_args(given)  # tells what there is, and ends the program
    name = given[0]
    command = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
    parser = _parser(name, command)
    return guarded(PROGRAM, lambda: int(command.run(parser.parse_intermixed_args(given[1:]))))


def guarded(program: str, run: Callable[[], int]) -> int:
    """Run a command's work; errors become one line and an exit code."""
    _with_streams()
    try:
        code = run()
        sys.stdout.flush()
        return code
    except _common.WrongCommand as error:
        _common.note(f"{program}: {error}")
        return _common.WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _common.NOT_THERE
    except (TokioError, OSError) as error:
        _common.note(f"{program}: {error}")
        return _common.NOT_THERE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _with_streams() -> None:
    """Standard streams that were closed before the program began take what is written to them and drop it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _names() -> list[str]:
    """The commands that there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__) if not module.name.startswith("_"))


def _overview() -> argparse.ArgumentParser:
    """The parser that only lists the commands."""
    helps = {name: importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}").HELP for name in _names()}
    listed = "".join(f"  {name:{max(map(len, helps))}}  {text}\n" for name, text in helps.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=f"Look into an archive of applications' and file systems' I/O.\n\ncommands:\n{listed}",
        epilog=f"{EXIT_CODES}\n{PROGRAM} COMMAND --help shows examples",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=list(helps), metavar="COMMAND", help="one of these; its arguments follow")
    return parser


def _parser(name: str, command: Any) -> argparse.ArgumentParser:
    """The parser of one command."""
    examples = "".join(f"  {PROGRAM} {name} {example}\n" for example in command.EXAMPLES)
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=command.ABOUT,
        epilog=f"examples:\n{examples}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
