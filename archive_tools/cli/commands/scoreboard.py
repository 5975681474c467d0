"""`tokio-archive scoreboard`: who moved most bytes."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.choices import SCOREBOARD_FILTERS
from archive_tools.core.errors import NotFound
from archive_tools.jobs import logs, scoreboards, users


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    paths = _indexes(options)
    only = scoreboards.Filter(
        limit={
            **{key: getattr(options, f"limit_{key}") for key in SCOREBOARD_FILTERS},
            **{
                key: [found] for key in scoreboards.OF_SCHEDULER if (found := getattr(options, key))
            },
        },
        exclude={key: getattr(options, f"exclude_{key}") for key in SCOREBOARD_FILTERS},
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
