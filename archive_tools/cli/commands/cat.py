"""`tokio-archive cat`: the values of a dataset as CSV, JSON or Parquet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.choices import EXPORT_FORMATS
from archive_tools.reading import export
from archive_tools.reading.ranges import days_there
from archive_tools.store import files


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive)
    start, end = common_options.between(*common_options.given_range(options), archive.timezone)
    form = options.format or _format_of(options.output)
    common_options.check_step(options.resample, archive.timezone)
    request = archive.request(
        options.instance,
        options.dataset,
        start,
        end,
        components=options.components,
        rate=options.rate,
        resample=options.resample,
    )
    if options.output:
        path = printing.target(options.output)
        with (
            printing.writing(options.output),
            files.replacing(path) as temporary,
            open(temporary, "wb") as sink,
        ):
            export.write(archive, request, form, sink)
    elif form == "parquet":
        raise exit_codes.WrongCommand(
            "Parquet is not written to standard output", hint="give --output FILE"
        )
    else:
        sys.stdout.flush()
        export.write(archive, request, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    there = days_there(archive, options.instance, start, end)
    common_options.note_absent_days(
        len(there), common_options.days_of(start, end, archive.timezone)
    )
    return exit_codes.DONE


def _format_of(output: Path | None) -> str:
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    if suffix and suffix not in EXPORT_FORMATS:
        raise exit_codes.WrongCommand(
            f"{output} has an unknown ending",
            expected=", ".join(EXPORT_FORMATS),
            hint="say which with --format",
        )
    return suffix or "csv"
