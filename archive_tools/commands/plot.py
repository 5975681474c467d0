"""`tokio-archive plot`: a picture of a dataset over time."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.commands import _common

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
    _common.add_range(parser, positional=False)
    _common.add_archive(parser)
    parser.add_argument(
        "--components",
        action="append",
        metavar="PATTERN",
        help="a name, or a pattern such as '*OST00*' (may be given again; default: all)",
    )
    parser.add_argument(
        "--resample", metavar="STEP", help="join rows before: 1min, 15min, 1h, ... or 1d"
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
        raise _common.WrongCommand("a heat map is of one dataset", got=", ".join(options.datasets))
    _common.target(options.output, _common.PICTURES)
    archive = _common.open_archive(options.archive)
    _common.check_step(options.resample, archive.timezone)
    start, end = _common.between(*_common.given_range(options), archive.timezone)
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
        f"{options.instance} {_common.local(start, archive.timezone)} to"
        f" {_common.local(end, archive.timezone)}"
    )
    if options.heat_map:
        figure = plotting.heat_map(
            series[0], timezone=archive.timezone, title=f"{title}, {options.datasets[0]}"
        )
    else:
        figure = plotting.lines(
            series, timezone=archive.timezone, title=title, by_component=options.by_component
        )
    with _common.writing(options.output):
        plotting.save(figure, options.output)
    return _common.DONE
