"""`tokio-archive serve`: the archive over HTTP, for browsers and dashboards."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.errors import BadArgument

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


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools.serving import server, tokens
    from archive_tools.serving.application import application
    from archive_tools.serving.guard import Access
    from archive_tools.serving.limits import Limits

    given = {name: getattr(options, f"max_{name}") for name in SHOWN}
    if not all(given[name] is None or given[name] for name in given):
        raise exit_codes.WrongCommand("a limit of 0 would refuse everything", expected="1 or more")
    limits = Limits(**{name: most for name, most in given.items() if most is not None})
    archive = common_options.open_archive(options.archive)
    try:
        token = tokens.read_token(options.token_file)
    except BadArgument as error:
        raise exit_codes.WrongCommand(str(error)) from error
    if options.port > 65535:
        raise exit_codes.WrongCommand("there is no such port", expected="0 to 65535")
    with server.bound(options.host, options.port, limits) as listening:
        is_local = server.is_loopback(listening)
        if not is_local and not token:
            raise exit_codes.WrongCommand(
                f"others can reach {options.host}, and there is no token",
                expected=f"--token-file FILE, or {tokens.ENVIRONMENT}",
                hint="or listen to 127.0.0.1",
            )
        access = Access(token, tuple(options.allow_host), not is_local and not options.allow_host)
        app = application(archive.root.resolve(), access, limits)
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")

        def ready() -> None:
            printing.say(f"{server.address_of(listening)} answers")
            sys.stdout.flush()

        server.serve(app, listening, limits, ready)
    os._exit(exit_codes.DONE)  # without waiting for threads that a dead file system holds


SHOWN = ("cells", "rows", "days", "seconds", "connections", "idle")
"""Limits that may be given."""
