"""How the commands that users of pytokio know are run.

Exit codes: 0 done; 1 not there or cannot be read; 2 wrong command.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from archive_tools.cli.main import guarded

EXIT_CODES = "exit codes: 0 done; 1 not there or cannot be read; 2 wrong command"


def run_parsed(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    run: Callable[[argparse.Namespace], int],
) -> int:
    """Run a command of these arguments; returns the exit code."""
    options = parser.parse_args(arguments)
    return guarded(parser.prog, lambda: run(options))
