"""Arguments of `tokio-archive serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options

HELP = "the archive over HTTP, read-only: pages, series, jobs, states"
ABOUT = """Answer requests for the archive's pages, and for series, jobs and states as JSON, CSV or
Arrow, until it is ended (SIGTERM, Ctrl-C). Nothing is written. It listens to this machine alone;
elsewhere it answers only to a token, which is in a file that only its owner may read, or in
$TOKIO_SERVE_TOKEN. The log of accesses is on standard error. /api/v1/openapi.json describes the
requests."""
EXAMPLES = ("", "--archive archive --port 8000", "--host 0.0.0.0 --token-file serve.token")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_archive(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen to (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=common_options.count, default=8417, help="0: any (default: 8417)"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the token, mode 0600"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients call the server, of a proxy (may be given again)",
    )
    for name, what in (
        ("cells", "cells of an answer (1,000,000)"),
        ("rows", "jobs of an answer (10,000)"),
        ("days", "days of a range (400)"),
        ("seconds", "seconds for an answer (30)"),
        ("connections", "clients at the same time (100)"),
        ("idle", "seconds in which a client says and takes nothing (30)"),
    ):
        parser.add_argument(
            f"--max-{name}", type=common_options.count, metavar="N", help=f"at most so many {what}"
        )
