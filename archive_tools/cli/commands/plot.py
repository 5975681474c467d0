"""`tokio-archive plot`: a picture of a dataset over time."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.errors import NotFound
from archive_tools.formats.series_file import damage_named
from archive_tools.reading import selection
from archive_tools.reading.archive import Archive
from archive_tools.reading.ranges import days_there

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
    components = _components(archive, options, (start, end))
    series = [
        archive.read(
            options.instance,
            name,
            start,
            end,
            components=components[name],
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


def _components(
    archive: Archive, options: argparse.Namespace, between: tuple[int, int]
) -> dict[str, list[str] | None]:
    """What is requested of each dataset: one that only another dataset has is left out."""
    if not options.components or len(options.datasets) == 1:
        return dict.fromkeys(options.datasets, options.components)
    names: dict[str, set[str]] = {name: set() for name in options.datasets}
    for date in days_there(archive, options.instance, *between):
        path = archive.path(options.instance, date)
        with damage_named(path), archive.open(options.instance, date) as file:
            for name in options.datasets:
                with contextlib.suppress(NotFound):
                    names[name].update(file.columns(name))
    nowhere = selection.unmatched(set().union(*names.values()), options.components)
    return {
        name: [one for one in options.components if one in nowhere or selection.chosen(there, one)]
        or options.components
        for name, there in names.items()
    }
