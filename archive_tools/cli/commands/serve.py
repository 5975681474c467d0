"""`tokio-archive serve`: the archive over HTTP, for browsers and dashboards."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.errors import BadArgument


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
