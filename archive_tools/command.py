"""The command `tokio-archive`: what an archive holds.

Exit codes: 0 done; 1 what was asked for is not there or cannot be read; 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archive_tools import logs, summary
from archive_tools.archive import Archive
from archive_tools.tts_read import open_tts
from pipeline.errors import NotFound, TokioError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except TokioError as error:
        print(f"tokio-archive: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tokio-archive", description="Look into an archive of TTS files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ls = commands.add_parser("ls", help="instances and days", description="Instances and days of an archive.")
    ls.add_argument("archive", nargs="?", default="archive", help="archive folder (default: ./archive)")
    ls.add_argument("--json", action="store_true", help="as JSON, with every day")
    ls.set_defaults(run=_ls)

    info = commands.add_parser("info", help="what is in a file", description="Attributes and datasets of a TTS file.")
    info.add_argument("file")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)

    summarize = commands.add_parser("summarize", help="totals, means, peaks", description="Totals, means, peaks and per cent missing of each dataset.")
    summarize.add_argument("file")
    summarize.add_argument("--json", action="store_true", help="as JSON, numbers in base units")
    summarize.set_defaults(run=_summarize)
    find = commands.add_parser("find-logs", help="Darshan logs by day, user, job", description="Paths of Darshan logs, a line each.")
    find.add_argument("--site", default="", metavar="FILE", help="site file (default: $TOKIO_SITE, else ./site.json)")
    find.add_argument("--start", type=_date, required=True, help="first day")
    find.add_argument("--stop", type=_date, help="last day (default: the first)")
    find.add_argument("--user", default="")
    find.add_argument("--job", default="", help="job id")
    find.set_defaults(run=_find_logs)

    score = commands.add_parser("scoreboard", help="who moved most bytes", description="Top users, programs or file systems by bytes, over days.")
    score.add_argument("where", nargs="+", help="an archive folder (with --start and --stop), or index files, ours or pytokio's")
    score.add_argument("--by", choices=sorted(logs.BY), action="append", help="of what (may be given again; default: all)")
    score.add_argument("--start", type=_date, default=dt.date.min, help="first day")
    score.add_argument("--stop", type=_date, default=dt.date.max, help="last day")
    score.add_argument("--limit", type=int, default=10, help="rows of each (default: 10)")
    score.add_argument("--json", action="store_true", help="as JSON, all rows")
    score.set_defaults(run=_scoreboard)

    bad = commands.add_parser(
        "bad-osts", help="OSTs that go with slow files", description="OSTs that correlate with slow files, with p-values corrected for many tests."
    )
    bad.add_argument("files", nargs="+", help="darshan.hdf5 of some days")
    bad.add_argument("--alpha", type=float, default=0.05, help="list OSTs whose corrected p-value is below (default: 0.05)")
    bad.add_argument("--json", action="store_true", help="as JSON, all OSTs")
    bad.set_defaults(run=_bad_osts)
    return parser


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; expected: 2026-11-22") from None


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> None:
    """Columns below each other: those numbered in `left` aligned left, the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    for row in [header, *rows]:
        cells = [f"{cell:<{w}}" if i in left else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())


def _ls(options: argparse.Namespace) -> int:
    archive = Archive(options.archive)
    days = {instance: archive.days(instance) for instance in archive.instances()}
    if options.json:
        print(json.dumps({instance: [str(date) for date in dates] for instance, dates in days.items()}, indent=1))
    elif not days:
        print(f"{archive.root}: no days yet")
    else:
        _table(["instance", "days", "first", "last"], [[i, str(len(d)), str(d[0]), str(d[-1])] for i, d in days.items()])
    return 0


def _utc(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _info(options: argparse.Namespace) -> int:
    with open_tts(options.file) as tts:
        about = {"file": str(tts.path), "bytes": Path(options.file).stat().st_size, **tts.attributes}
        datasets: dict[str, dict[str, Any]] = {
            name: {"unit": tts.units(name), "rows": len(tts.timestamps(name)), "columns": list(tts.columns(name)), "timestep": tts.timestep(name)}
            for name in tts.datasets()
        }
    if options.json:
        print(json.dumps({**about, "datasets": datasets}, indent=1))
        return 0
    for key, value in about.items():
        print(f"{key}: {value}" + (f" ({_utc(int(value))})" if key in ("start", "end") else ""))
    rows = [[name, str(d["unit"]), f"{d['timestep']} s", str(d["rows"]), str(len(d["columns"])), _few(d["columns"])] for name, d in datasets.items()]
    _table(["dataset", "unit", "timestep", "rows", "components", "first and last"], rows, left=(0, 1, 5))
    return 0


def _few(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names else ""


def _summarize(options: argparse.Namespace) -> int:
    with open_tts(options.file) as tts:
        found = summary.summarize(tts)
    if options.json:
        print(json.dumps([dataclasses.asdict(item) for item in found], indent=1))
        return 0
    header = ["dataset", "components", "total", "mean", "peak", "peak at", "missing"]
    rows = [
        [
            item.dataset,
            str(item.columns),
            summary.quantity(item.total, item.unit),
            summary.quantity(item.mean, item.unit),
            summary.quantity(item.peak, item.unit),
            _utc(item.peak_at) if item.peak_at is not None else "–",
            f"{item.missing:.2f} %",
        ]
        for item in found
    ]
    _table(header, rows)
    return 0


def _find_logs(options: argparse.Namespace) -> int:
    from pipeline import site as sites

    found = list(logs.find_logs(sites.load(options.site), options.start, options.stop or options.start, user=options.user, job=options.job))
    for path in found:
        print(path)
    return 0 if found else 1


def _scoreboard(options: argparse.Namespace) -> int:
    paths = [path for where in options.where for path in (logs.indexes_of(Path(where), options.start, options.stop) if Path(where).is_dir() else [Path(where)])]
    if not paths:
        raise NotFound(f"no index in {', '.join(options.where)}", expected="days from --start to --stop")
    boards = {by: logs.scoreboard(paths, by) for by in options.by or logs.BY}
    if options.json:
        print(json.dumps({by: [dataclasses.asdict(score) for score in scores] for by, scores in boards.items()}, indent=1))
        return 0
    for by, scores in boards.items():
        shown = scores[: options.limit]
        rows = [[s.name or "–", str(s.logs), summary.quantity(s.read, "bytes"), summary.quantity(s.written, "bytes")] for s in shown]
        _table([by, "logs", "read", "written"], rows)
        print(f"{len(shown)} of {len(scores)}\n")
    return 0


def _bad_osts(options: argparse.Namespace) -> int:
    found = logs.bad_osts(options.files)
    if options.json:
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=1))
        return 0
    slow = [one for one in found if one.adjusted < options.alpha and one.coefficient < 0]
    rows = [[str(one.ost), str(one.files), f"{one.coefficient:.3f}", f"{one.p_value:.2g}", f"{one.adjusted:.2g}"] for one in slow]
    if rows:
        _table(["OST", "files", "coefficient", "p", "corrected p"], rows)
    print(f"{len(slow)} of {len(found)} OSTs go with slow files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
