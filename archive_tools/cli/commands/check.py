"""`tokio-archive check`: whether the archive, or some files, are whole."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

from archive_tools.checking import whole_archive
from archive_tools.checking.problems import CLOSED, Problem
from archive_tools.cli import common_options, exit_codes, printing, tables
from archive_tools.core import printable, quantities
from archive_tools.core.errors import NotFound


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.files and (options.start or options.stop or options.instance or options.archive):
        raise exit_codes.WrongCommand(
            "files are checked one by one",
            hint="leave out --archive, --start, --stop and --instance, or the files",
        )
    looked = whole_archive.Looked()
    with _progress() as reported:
        found = list(
            _of_files(options, reported, looked)
            if options.files
            else _of_archive(options, reported, looked)
        )
    is_known = looked.days or options.files or any(one.kind == CLOSED for one in found)
    if found or is_known:
        _show(options, found, looked)
    if not is_known:
        raise NotFound(
            f"no day of the range is in {common_options.archive_folder(options.archive)}",
            hint="tokio-archive ls says which days there are",
        )
    has_problems = any(not one.is_note for one in found)
    return exit_codes.NOT_THERE if has_problems else exit_codes.DONE


def _show(
    options: argparse.Namespace, found: Sequence[Problem], looked: whole_archive.Looked
) -> None:
    if options.json:
        printing.show_json(
            [
                {"kind": one.kind, "where": one.where, "what": one.what}
                | ({"note": True} if one.is_note else {})
                for one in found
            ]
        )
    else:
        if found:
            printing.show(
                ["kind", "where", "what"],
                [
                    ["note" if one.is_note else one.kind, one.where, one.what]
                    for one in sorted(found, key=lambda one: one.is_note)
                ],
                left=(0, 1, 2),
            )
        days = "" if options.files else f"{quantities.counted(looked.days, 'day')}, "
        notes = sum(one.is_note for one in found)
        noted = f" and {quantities.counted(notes, 'note')}" if notes else ""
        printing.say(
            f"{quantities.counted(len(found) - notes, 'problem')}{noted} in"
            f" {days}{quantities.counted(looked.files, 'file')}"
        )


def _of_files(
    options: argparse.Namespace, reported: whole_archive.Progress, looked: whole_archive.Looked
) -> Iterator[Problem]:
    for path in options.files:
        with contextlib.suppress(PermissionError):  # which the check reports
            if not path.is_file():
                raise NotFound(f"no file {path}")
        reported(str(path))
        looked.files += 1
        yield from whole_archive.check_file(path, deep=options.deep)


def _of_archive(
    options: argparse.Namespace, reported: whole_archive.Progress, looked: whole_archive.Looked
) -> Iterator[Problem]:
    archive = common_options.open_archive(options.archive)
    start, stop = common_options.whole_days(options.start, options.stop, archive.timezone)
    unknown = set(options.instance) - set(archive.instances() if options.instance else ())
    if unknown:
        raise NotFound(
            f"no instance {', '.join(sorted(unknown))} in {archive.root}",
            expected=", ".join(archive.instances()),
        )
    return whole_archive.check_archive(
        archive,
        start,
        stop,
        instances=options.instance,
        deep=options.deep,
        progress=reported,
        looked=looked,
    )


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on a terminal that says what is looked at; nothing elsewhere."""
    if not tables.is_terminal(sys.stderr):
        yield lambda what: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("") as status:
        yield lambda what: status.update(Text(printable.clean(what)))
