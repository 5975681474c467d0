"""`tokio-archive bad-osts`: OSTs that go with slow files."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.formats.series_file import damage_named
from archive_tools.jobs import slow_osts

HELP = "OSTs that go with slow files"
ABOUT = (
    "OSTs that correlate with slow files, by the Darshan logs of some days, with p-values corrected"
    " for many tests. One is listed where enough files are on it and these are slower by enough:"
    " slowdown is the median speed of all other files by that of the files on it."
)
MIN_FILES, MIN_SLOWDOWN = 5, 1.2
EXAMPLES = ("archive/2026/2026-11-2?/darshan.hdf5", "archive/2026/2026-11-22/darshan.hdf5 --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("files", nargs="+", help="darshan.hdf5 of some days")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.05,
        help="list OSTs whose corrected p-value is below (default: 0.05)",
    )
    parser.add_argument(
        "--min-files",
        type=common_options.count,
        default=MIN_FILES,
        metavar="N",
        help=f"list OSTs with at least so many files (default: {MIN_FILES})",
    )
    parser.add_argument(
        "--min-slowdown",
        type=float,
        default=MIN_SLOWDOWN,
        metavar="RATIO",
        help=f"list OSTs whose files are slower by at least this (default: {MIN_SLOWDOWN})",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, all OSTs")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    found = _found(options.files)
    if options.json:
        printing.show_json([dataclasses.asdict(one) for one in found])
        return exit_codes.DONE
    slow = [
        one
        for one in found
        if one.is_slow(
            alpha=options.alpha, min_files=options.min_files, min_slowdown=options.min_slowdown
        )
    ]
    rows = [
        [
            str(one.ost),
            str(one.files),
            quantities.fixed(one.slowdown),
            f"{one.coefficient:.3f}",
            f"{one.p_value:.2g}",
            f"{one.adjusted:.2g}",
        ]
        for one in slow
    ]
    if rows:
        printing.show(["OST", "files", "slowdown", "coefficient", "p", "corrected p"], rows)
    printing.say(
        f"{len(slow)} of {len(found)} OSTs go with slow files (at least {options.min_files} files,"
        f" {options.min_slowdown:g} times slower)"
    )
    return exit_codes.DONE


def _found(files: Sequence[str]) -> list[slow_osts.OstCorrelation]:
    try:
        return slow_osts.bad_osts(files)
    except TokioError:
        raise
    except Exception:
        for path in files:  # which one it is
            with contextlib.suppress(NotFound), damage_named(Path(path)):
                slow_osts.bad_osts([path])
        raise
