"""Arguments of `tokio-pipeline mark-empty`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "say that days have no data for good"
ABOUT = """Say that days of an instance have no data and will never have: the machine was down, the
logs were lost. No run queries the source for them again, and status counts them as done, with who
said so and why. `invalidate` takes it back."""
EXAMPLES = (
    (
        "--start 2026-11-03 --stop 2026-11-05 --instance cscratch --why 'LMT server was being"
        " replaced'"
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    common_options.add_reason(parser, required=True)
    common_options.add_wait(parser)
