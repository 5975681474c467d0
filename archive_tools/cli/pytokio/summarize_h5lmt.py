"""The command `summarize_h5lmt`: what a day's file has in bins of time, an hour each unless told
otherwise; of H5LMT files and of TTS files.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.cli.pytokio.running import EXIT_CODES, run_parsed
from archive_tools.core.arrays import Float64
from archive_tools.core.errors import NotFound
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts

DATASETS = {
    "datatargets/readbytes": "ost_read",
    "datatargets/writebytes": "ost_write",
    "dataservers/cpuload": "oss_cpu",
    "mdservers/cpuload": "mds_cpu",
}
"""Dataset, and what the names of its figures end with."""
UNITS = {"bytes": "bytes", "kibs": "KiB", "mibs": "MiB", "gibs": "GiB", "tibs": "TiB"}
FACTORS = {unit: 1024.0**power for power, unit in enumerate(UNITS)}
Bin = dict[str, Any]


def summarize_h5lmt(arguments: Sequence[str] | None = None) -> int:
    """Run `summarize_h5lmt`; returns the exit code."""
    parser = argparse.ArgumentParser(
        "summarize_h5lmt",
        description="Bytes read and written, and CPU loads, of H5LMT or TTS files by the hour.",
        epilog=EXIT_CODES,
    )
    parser.add_argument(
        "h5lmt", nargs="+", help="files; with --start and --end an instance of the archive"
    )
    parser.add_argument("--summary", action="store_true", help="also all bins together")
    units = parser.add_mutually_exclusive_group()
    for unit, shown in UNITS.items():
        more = " (default)" if unit == "gibs" else ""
        units.add_argument(
            f"--{unit}", dest="unit", action="store_const", const=unit, help=f"in {shown}{more}"
        )
    parser.add_argument(
        "--bins", type=common_options.count, default=24, help="bins of a day (default: 24)"
    )
    parser.add_argument("--start", type=_date, metavar="YYYY-MM-DD", help="the first day")
    parser.add_argument("--end", type=_date, metavar="YYYY-MM-DD", help="the last day")
    parser.add_argument("--json", action="store_true", help="as JSON")
    common_options.add_archive(parser)
    return run_parsed(parser, arguments, _run)


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; expected: YYYY-MM-DD") from None


def _run(options: argparse.Namespace) -> int:
    if not options.bins:
        raise exit_codes.WrongCommand("no bins", expected="--bins 1 or more")
    unit = options.unit or "gibs"
    bins: list[Bin] = []
    if not options.json:
        printing.say(_head(unit))
    for path in _files(options):
        with open_tts(path) as tts:
            found = list(binned(tts, options.bins))
        if not options.json:
            for one in found:
                printing.say(_line(one, unit))
        bins += found
    if options.json:
        content: dict[str, Any] = {"bins": {str(one["tstart"]): one for one in bins}}
        printing.show_json(content | ({"summary": summary(bins)} if options.summary else {}))
    elif options.summary:
        _say_summary(summary(bins), unit)
    return exit_codes.DONE


def _files(options: argparse.Namespace) -> list[Path]:
    """The files that are given, or those of an instance and some days."""
    if bool(options.start) != bool(options.end):
        raise exit_codes.WrongCommand("--start and --end are given together")
    if not options.start:
        return [Path(name) for name in options.h5lmt]
    if len(options.h5lmt) > 1:
        raise exit_codes.WrongCommand("--start and --end need one instance, and no files")
    archive = common_options.open_archive(options.archive)
    instance = options.h5lmt[0]
    days = [day for day in archive.days(instance) if options.start <= day <= options.end]
    if not days:
        raise NotFound(
            f"{archive.root} has no day of {instance} from {options.start} to {options.end}",
            expected=", ".join(archive.instances()),
        )
    return [archive.path(instance, day) for day in days]


def binned(tts: SeriesFile, bins: int) -> Iterator[Bin]:
    """The figures of each bin of a file's rows; the last bin has the rows that are left.

    Means, and the least and largest value, are of the cells that were measured, and None where
    there are none. A file without a dataset has no figures of it.
    """
    there = [name for name in DATASETS if _has(tts, name)]
    if not there:
        raise NotFound(
            f"{tts.path} has nothing to summarize", expected=f"one of {', '.join(DATASETS)}"
        )
    stamps = tts.timestamps(there[0])
    values = {DATASETS[name]: tts.to_numpy(name) for name in there}
    each = len(stamps) // bins
    if not each or any(len(one) != len(stamps) for one in values.values()):
        raise exit_codes.WrongCommand(
            f"{tts.path} cannot be cut into {bins} bins",
            expected=f"at most {len(stamps)} bins, of datasets with the same rows",
        )
    for number in range(bins):
        low, high = number * each, len(stamps) if number == bins - 1 else (number + 1) * each
        found: Bin = {"index0": low, "indexf": high}
        found |= {"tstart": int(stamps[low]), "tend": int(stamps[high - 1])}
        for base, cells in values.items():
            found |= _figures(base, cells[low:high])
        yield found


def _has(tts: SeriesFile, name: str) -> bool:
    try:
        return bool(tts.columns(name))
    except NotFound:
        return False


def _figures(base: str, cells: Float64) -> Bin:
    measured = cells[~np.isnan(cells)]
    missing = cells.size - len(measured)
    some = len(measured) > 0
    of: dict[str, float | None] = {
        "max": float(measured.max()) if some else None,
        "min": float(measured.min()) if some else None,
        "ave": float(measured.mean()) if some else None,
        "sum": float(measured.sum()),
    }
    found: Bin = {f"{key}_{base}": value for key, value in of.items()}
    found |= {f"missing_{base}": missing, f"num_{base}": cells.size}
    found[f"frac_missing_{base}"] = missing / cells.size if cells.size else 1.0
    if base.startswith("ost_"):
        for key, value in of.items():
            for unit, factor in FACTORS.items():
                found[f"{key}_{base}_{unit}"] = None if value is None else value / factor
    return found


def summary(bins: Sequence[Bin]) -> dict[str, Any]:
    """All bins together."""
    rows = sum(one["indexf"] - one["index0"] for one in bins)
    found: dict[str, Any] = {"n": rows}
    for way in ("read", "write"):
        total = sum(one.get(f"sum_ost_{way}", 0.0) for one in bins)
        for unit, factor in FACTORS.items():
            found[f"sum_{unit}_{way}"] = total / factor
            if unit in ("bytes", "gibs", "tibs"):
                found[f"ave_{unit}_{way}_per_dt"] = total / factor / rows
    for server in ("oss", "mds"):
        base = f"{server}_cpu"
        some = [one for one in bins if one.get(f"ave_{base}") is not None]
        cells = [one[f"num_{base}"] - one[f"missing_{base}"] for one in some]
        weighted = [one[f"ave_{base}"] * n for one, n in zip(some, cells, strict=True)]
        found[f"{server}_ave"] = sum(weighted) / sum(cells) if some else None
        found[f"{server}_max"] = max((one[f"max_{base}"] for one in some), default=None)
    for base in DATASETS.values():
        for key in ("missing", "num"):
            found[f"{key}_{base}"] = sum(one.get(f"{key}_{base}", 0) for one in bins)
        if number := found[f"num_{base}"]:
            found[f"frac_missing_{base}"] = found[f"missing_{base}"] / number
    return found


# Text


def _head(unit: str) -> str:
    lower = UNITS[unit].lower().removesuffix("s")
    amounts = f"{f'{lower}s read':>12} {f'{lower}s writ':>12}"
    return f"{'date/time':>28} {amounts} ossav ossmx mdsav mdsmx mssng"


def _line(one: Bin, unit: str) -> str:
    begin, end = (dt.datetime.fromtimestamp(one[key]) for key in ("tstart", "tend"))
    amounts = [one.get(f"sum_ost_{way}_{unit}", 0.0) for way in ("read", "write")]
    loads = [one.get(f"{key}_{server}_cpu") for server in ("oss", "mds") for key in ("ave", "max")]
    cells = sum(one.get(f"num_ost_{way}", 0) for way in ("read", "write"))
    missing = sum(one.get(f"missing_ost_{way}", 0) for way in ("read", "write"))
    return (
        f"{begin:%Y-%m-%d %H:%M:%S}-{end:%H:%M:%S} "
        + "".join(f"{amount:12.2f} " for amount in amounts)
        + " ".join(f"{'':5}" if load is None else f"{load:5.1f}" for load in loads)
        + f"{100.0 * missing / cells if cells else 100.0:6.1f}"
    )


def _say_summary(found: dict[str, Any], unit: str) -> None:
    for label, way in (("read: ", "read"), ("write:", "write")):
        amount = f"{found[f'sum_{unit}_{way}']:14.2f} {UNITS[unit]}"
        printing.say(f"Total {label} {amount}{_missing(found, f'ost_{way}')}")
    for server in ("oss", "mds"):
        if found[f"{server}_max"] is not None:
            name = server.upper()
            share = _missing(found, f"{server}_cpu")
            printing.say(f"Average {name} CPU:        {found[f'{server}_ave']:6.2f}%{share}")
            printing.say(f"Max {name} CPU:            {found[f'{server}_max']:6.2f}%")


def _missing(found: dict[str, Any], base: str) -> str:
    share = found.get(f"frac_missing_{base}")
    return "" if share is None else f", {100.0 * share:5.1f}% missing"
