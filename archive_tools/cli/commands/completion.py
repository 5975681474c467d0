"""`tokio-archive completion`: the script by which a shell completes it."""

from __future__ import annotations

import argparse
import sys

from archive_tools.cli import completion, exit_codes


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools.cli.main import PROGRAM

    sys.stdout.write(completion.script(PROGRAM, options.shell))
    return exit_codes.DONE
