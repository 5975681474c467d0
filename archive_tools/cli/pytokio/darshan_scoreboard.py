"""The command `darshan_scoreboard`: who moved most bytes, by indexes of Darshan logs."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.cli.pytokio.running import EXIT_CODES, run_parsed
from archive_tools.core import printable, quantities
from archive_tools.core.choices import SCOREBOARD_FILTERS
from archive_tools.jobs import scoreboards, users

# darshan_scoreboard

BOARDS = {
    "per_user": ("Users", ("username",)),
    "per_fs": ("File Systems", ("fsname", "mountpt")),
    "per_exe": ("Applications", ("exename",)),
    "per_user_exe_fs": ("User/App/FS", ("username", "exename", "fsname")),
}
"""Key of each list, its title, and the columns of the index."""
Totals = dict[tuple[str, ...], list[int]]
Ranked = tuple[Any, ...]
"""Bytes read and written, logs, name; of a file system also its first mount point."""


def darshan_scoreboard(arguments: Sequence[str] | None = None) -> int:
    """Run `darshan_scoreboard`: who moved most bytes; returns the exit code."""
    parser = argparse.ArgumentParser(
        "darshan_scoreboard",
        description="Who moved most bytes, by indexes of Darshan logs.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("indexfile", nargs="+", help="index, ours or pytokio's")
    parser.add_argument("--json", action="store_true", help="as JSON, all rows")
    parser.add_argument(
        "--max-show",
        type=common_options.count,
        default=10,
        metavar="N",
        help="rows of each (default: 10)",
    )
    for key, what in SCOREBOARD_FILTERS.items():
        either = parser.add_mutually_exclusive_group()
        either.add_argument(
            f"--limit-{key}",
            default="",
            metavar="LIST",
            help=f"only {what}; comma-separated, %% stands for any characters",
        )
        either.add_argument(f"--exclude-{key}", default="", metavar="LIST", help=f"all but {what}")
    return run_parsed(parser, arguments, _scoreboard)


def _scoreboard(options: argparse.Namespace) -> int:
    reported = vars(options)
    limit, exclude = (
        {key: _patterns(reported[f"{how}_{key}"]) for key in SCOREBOARD_FILTERS}
        for how in ("limit", "exclude")
    )
    only = scoreboards.Filter(limit, exclude)
    found = {key: _ranked(options.indexfile, columns, only) for key, (_, columns) in BOARDS.items()}
    if options.json:
        print(json.dumps(found, indent=4, sort_keys=True))
        return exit_codes.DONE
    for number, (key, ranked) in enumerate(
        (key, ranked) for key, ranked in found.items() if ranked
    ):
        _say_board(BOARDS[key][0], ranked[: options.max_show], first=number == 0)
    return exit_codes.DONE


def _patterns(given: str) -> list[str]:
    """Shell patterns out of a comma-separated list in which ``%`` stands for any characters."""
    return [re.sub(r"[*?[]", r"[\g<0>]", one).replace("%", "*") for one in given.split(",") if one]


def _ranked(
    indexes: Sequence[str], columns: tuple[str, ...], only: scoreboards.Filter
) -> list[Ranked]:
    """Most bytes first."""
    if columns == ("fsname", "mountpt"):
        totals = scoreboards.totals(indexes, ("fsname",), only)
        mounts = {
            names[0]: names[1]
            for names in sorted(scoreboards.totals(indexes, columns, only), reverse=True)
        }
        rows: list[Ranked] = [
            (read, written, count, name, mounts[name])
            for (name,), (count, read, written) in totals.items()
        ]
    else:
        found = (
            _told_apart(scoreboards.totals(indexes, (users.UID, *columns), only))
            if "username" in columns
            else scoreboards.totals(indexes, columns, only)
        )
        rows = [
            (read, written, count, "|".join(names))
            for names, (count, read, written) in found.items()
        ]
    return sorted(rows, key=lambda row: (-row[0] - row[1], row[3]))


def _told_apart(found: Totals) -> Totals:
    """Totals by uid, name and more as those by name and more: a name that several uids have is
    followed by the uid. A user without a name stays without one, as pytokio has it.
    """
    named = users.shown_users((int(uid) if uid else None, name) for uid, name, *_ in found)
    told: Totals = {}
    for (uid, name, *more), numbers in found.items():
        shown = named[int(uid) if uid else None, name] if name else ""
        before = told.get((shown, *more), [0, 0, 0])
        told[shown, *more] = [a + b for a, b in zip(before, numbers, strict=True)]
    return told


def _say_board(title: str, ranked: Sequence[Ranked], *, first: bool) -> None:
    if not first:
        printing.say()
    printing.say(f"{'#':>2}  {title:>40} {'Read(GiB)':>10} {'Write(GiB)':>10} {'# Jobs':>8}")
    printing.say("=" * 75)
    gib = quantities.BYTES["GiB"]
    for place, (read, written, count, name, *_) in enumerate(ranked, 1):
        shown = printable.clean(", ".join(part or "UNKNOWN" for part in name.split("|")))
        printing.say(f"{place:>2}. {shown:>40} {read / gib:10.1f} {written / gib:10.1f} {count:8d}")
