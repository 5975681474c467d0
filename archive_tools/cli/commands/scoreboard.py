"""`tokio-archive scoreboard`: who moved most bytes."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound
from archive_tools.jobs import logs, scoreboards, users

HELP = "who moved most bytes"
ABOUT = """Top users, programs and file systems by the bytes that Darshan logs report, over the
days of an archive or over index files, ours or pytokio's. Patterns (may be given again) limit what
is counted: '*' and '?' stand for any characters. Accounts and partitions are those of a scheduler
that is in the archive; `jobs --by account` has also jobs without logs. The range is of whole days;
START alone is that day. Exit code 1 if no log matches."""
EXAMPLES = (
    "",
    "--start 2026-11-21 --stop 2026-11-22 --by user --limit 3",
    "archive/2026/2026-11-22/darshan_index.sqlite --limit-fs scratch --exclude-user 'root*'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "where", nargs="*", help="archive folders or index files (default: the archive)"
    )
    common_options.add_archive(parser)
    common_options.add_range(parser, positional=False, whole_days=True, is_open=True)
    parser.add_argument(
        "--by",
        choices=sorted(scoreboards.ALL_BY),
        action="append",
        help="of what (may be given again; default: user, exe, fs)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=10,
        metavar="N",
        help="rows of each; 0 is all (default: 10)",
    )
    common_options.add_accounts(parser)
    for key in scoreboards.FILTERS:
        parser.add_argument(
            f"--limit-{key}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"only {scoreboards.FILTERS[key]}",
        )
        parser.add_argument(
            f"--exclude-{key}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"all but {scoreboards.FILTERS[key]}",
        )
    parser.add_argument("--json", action="store_true", help="as JSON, all rows")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    paths = _indexes(options)
    only = scoreboards.Filter(
        limit={
            **{key: getattr(options, f"limit_{key}") for key in scoreboards.FILTERS},
            **{
                key: [found] for key in scoreboards.OF_SCHEDULER if (found := getattr(options, key))
            },
        },
        exclude={key: getattr(options, f"exclude_{key}") for key in scoreboards.FILTERS},
    )
    boards = {
        by: scoreboards.scoreboard(paths, by, only=only) for by in options.by or scoreboards.BY
    }
    if options.json:
        printing.show_json(
            {by: [_as_json(by, score) for score in scores] for by, scores in boards.items()}
        )
        return _code(boards)
    for by, scores in boards.items() if any(boards.values()) else ():
        shown = scores[: options.limit or None]
        named = users.shown_users((s.uid, s.name) for s in scores)
        rows = [
            [
                named[s.uid, s.name] or "–",
                str(s.logs),
                quantities.quantity(s.read, "bytes"),
                quantities.quantity(s.written, "bytes"),
            ]
            for s in shown
        ]
        printing.show([by, "logs", "read", "written"], rows)
        printing.say(f"{len(shown)} of {len(scores)}")
        printing.say()
    return _code(boards)


def _as_json(by: str, score: scoreboards.Score) -> dict[str, Any]:
    found = dataclasses.asdict(score)
    return found if by == "user" else {key: found[key] for key in found if key != "uid"}


def _code(boards: dict[str, list[scoreboards.Score]]) -> int:
    if any(boards.values()):
        return exit_codes.DONE
    printing.note("no log matches")
    return exit_codes.NOT_THERE


def _indexes(options: argparse.Namespace) -> list[Path]:
    """The indexes that are meant: of folders, those of the days of the range."""
    found: list[Path] = []
    for where in options.where or [str(common_options.archive_folder(options.archive))]:
        found += (
            _of_folder(where, options)
            if Path(where).is_dir() or not options.where
            else [Path(where)]
        )
    if not found:
        raise NotFound(
            f"no index in {', '.join(options.where) or 'the archive'}",
            expected="days from --start to --stop",
        )
    return found


def _of_folder(where: str, options: argparse.Namespace) -> list[Path]:
    archive = common_options.open_archive(where)
    return logs.indexes_of(
        archive.root, *common_options.whole_days(options.start, options.stop, archive.timezone)
    )
