"""Arguments of `tokio-pipeline init`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write a first site.json"
ABOUT = """Write a first site.json for some kinds of sources, with a comment for each key, and with
placeholders for what must be set; check-config names those that are left. A file that is there is
left alone."""
EXAMPLES = ("lmt darshan", "prometheus --output /etc/tokio/site.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "kinds", nargs="+", metavar="KIND", help="a kind of source; given again, another instance"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("site.json"),
        metavar="FILE",
        help="where to write (default: ./site.json)",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
