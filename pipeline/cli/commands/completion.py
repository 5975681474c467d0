"""`tokio-pipeline completion`: the script by which a shell completes it."""

from __future__ import annotations

import argparse
import sys

from archive_tools.cli import completion
from pipeline.cli import exit_codes


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from pipeline.cli.main import PROGRAM

    sys.stdout.write(completion.script(PROGRAM, options.shell))
    return exit_codes.COMPLETE
