"""`tokio-archive plot`: a picture of a dataset over time."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing

HELP = "a picture of a dataset over time"
ABOUT = """Draws datasets of an instance over a day or a range: lines, or one dataset as a heat map
of its components by time. Amounts are drawn a second; what nobody measured is hatched. The format
follows from the file's name: .png or .svg. The range is given as --start and --stop only."""
EXAMPLES = (
    "scratch datatargets/readbytes datatargets/writebytes --start 2026-11-22 --output bytes.png",
    "scratch datatargets/writebytes --start 2026-11-22 --heat-map --output targets.svg",
    (
        "scratch dataservers/cpuload --start 2026-11-22T07:00 --stop 2026-11-22T09:00"
        " --by-component --output load.png"
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("instance", metavar="INSTANCE")
    parser.add_argument(
        "datasets",
        nargs="+",
        metavar="DATASET",
        help="such as datatargets/readbytes; tokio-archive info lists them",
    )
    common_options.add_range(parser, positional=False)
    common_options.add_archive(parser)
    parser.add_argument(
        "--components",
        action="append",
        metavar="PATTERN",
        help="a name, or a pattern such as '*OST00*' (may be given again; default: all)",
    )
    parser.add_argument(
        "--resample", metavar="STEP", help="resample rows first: 1min, 15min, 1h, ... or 1d"
    )
    parser.add_argument(
        "--heat-map", action="store_true", help="components by time, of one dataset"
    )
    parser.add_argument("--by-component", action="store_true", help="a line for each component")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help=".png or .svg")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools import plotting

    if options.heat_map and len(options.datasets) != 1:
        raise exit_codes.WrongCommand(
            "a heat map is of one dataset", got=", ".join(options.datasets)
        )
    printing.target(options.output, printing.PICTURES)
    archive = common_options.open_archive(options.archive)
    common_options.check_step(options.resample, archive.timezone)
    start, end = common_options.between(*common_options.given_range(options), archive.timezone)
    series = [
        archive.read(
            options.instance,
            name,
            start,
            end,
            components=options.components,
            resample=options.resample,
        )
        for name in options.datasets
    ]
    title = (
        f"{options.instance} {printing.local(start, archive.timezone)} to"
        f" {printing.local(end, archive.timezone)}"
    )
    if options.heat_map:
        figure = plotting.heat_map(
            series[0], timezone=archive.timezone, title=f"{title}, {options.datasets[0]}"
        )
    else:
        figure = plotting.lines(
            series, timezone=archive.timezone, title=title, by_component=options.by_component
        )
    with printing.writing(options.output):
        plotting.save(figure, options.output)
    return exit_codes.DONE
