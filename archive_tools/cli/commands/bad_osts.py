"""`tokio-archive bad-osts`: OSTs that go with slow files."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from archive_tools.cli import exit_codes, printing
from archive_tools.core import quantities
from archive_tools.core.errors import NotFound, TokioError
from archive_tools.formats.series_file import damage_named
from archive_tools.jobs import slow_osts

HEADER = ["OST", "file system", "files", "slowdown", "coefficient", "p", "corrected p"]


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
            one.file_system or quantities.NONE,
            str(one.files),
            quantities.fixed(one.slowdown),
            f"{one.coefficient:.3f}",
            f"{one.p_value:.2g}",
            f"{one.adjusted:.2g}",
        ]
        for one in slow
    ]
    if rows:
        printing.show(HEADER, rows, left=(0, 1))
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
