"""Arguments of `tokio-pipeline collect`."""

from __future__ import annotations

import argparse

from pipeline.cli import common_options

HELP = "bring today so far into the archive"
ABOUT = """Fetch what the sources have of today and the archive has not, and build today so far; and
yesterday, until it was fetched after its end. For cron, every hour, where a source keeps less than
two days: what it forgets before the night is then in the archive. The report of a day is written by
nightly."""
EXAMPLES = ("", "--quiet --instance cscratch", "--wait 300 --site /etc/tokio/site.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_instances(parser)
    common_options.add_run(parser)
    common_options.add_quiet(parser, "what failed, warnings, errors")
