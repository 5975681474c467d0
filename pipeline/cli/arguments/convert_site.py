"""Arguments of `tokio-pipeline convert-site`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "a site.json of pytokio as one of this software"
ABOUT = """Write, to standard output, the site.json that a site file of pytokio becomes, and to
standard error what of it has no counterpart and what is to be filled in, for pytokio's does not
say it. Exit code 3 if there is any of these. Relative paths stay as they are: here they are counted
from the folder of site.json."""
EXAMPLES = (
    "/opt/pytokio/site.json > site.json",
    "old.json --site-name NERSC --timezone America/Los_Angeles --archive-dir /archive/tokio",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("old", type=Path, metavar="OLD.json", help="pytokio's site file")
    parser.add_argument("--site-name", default="", metavar="NAME", help="the key site")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="the key timezone")
    parser.add_argument("--archive-dir", default="", metavar="DIR", help="the key archive")
