"""The command `summarize_tts`: bytes read and written of a file, by row and by component."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from archive_tools.cli import exit_codes, printing
from archive_tools.cli.pytokio.running import EXIT_CODES, run_parsed
from archive_tools.core import quantities
from archive_tools.formats.series_file import SeriesFile
from archive_tools.formats.tts_read import open_tts

READ, WRITTEN = "datatargets/readbytes", "datatargets/writebytes"


# summarize_tts


def summarize_tts(arguments: Sequence[str] | None = None) -> int:
    """Run `summarize_tts`: bytes read and written of a file, by row and by component; returns the
    exit code.
    """
    parser = argparse.ArgumentParser(
        "summarize_tts",
        description="Bytes read and written of a TTS or H5LMT file.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("file", help="file to summarize")
    parser.add_argument("-j", "--json", action="store_true", help="as JSON")
    parser.add_argument("--timesteps", action="store_true", help="also of each row")
    parser.add_argument("--columns", action="store_true", help="also of each component")
    return run_parsed(parser, arguments, _summarize_tts)


def _summarize_tts(options: argparse.Namespace) -> int:
    with open_tts(options.file) as tts:
        found: dict[str, Any] = {"total": file_total(tts)}
        if options.timesteps:
            found["timesteps"] = by_row(tts)
        if options.columns:
            found["columns"] = by_column(tts)
    if options.json:
        print(json.dumps(found, indent=4, sort_keys=True))
        return exit_codes.DONE
    _say_total(found["total"])
    for second, moved in found.get("timesteps", {}).items():
        _say_moved(str(dt.datetime.fromtimestamp(int(second))), moved)
    for name, moved in found.get("columns", {}).items():
        _say_moved(name, moved)
    return exit_codes.DONE


def file_total(tts: SeriesFile) -> dict[str, float | int]:
    """Bytes of a whole file, and what is missing of what was read; rows are -1 where nothing was
    measured.
    """
    read, written = tts.to_numpy(READ), tts.to_numpy(WRITTEN)
    measured = ~np.isnan(read)
    rows = np.flatnonzero(measured.any(axis=1))
    missing = read.size - int(measured.sum())
    return {
        "read_bytes": float(np.nansum(read)),
        "write_bytes": float(np.nansum(written)),
        "missing_pts": missing,
        "total_pts": read.size,
        "missing_pct": 100.0 * missing / max(1, read.size),
        "first_nonzero_idx": int(rows[0]) if len(rows) else -1,
        "last_nonzero_idx": int(rows[-1]) if len(rows) else -1,
    }


def by_row(tts: SeriesFile) -> dict[str, dict[str, float]]:
    """Bytes of each row, all components together, by the epoch second of its start; 0 where nothing
    was measured.
    """
    return _moved(tts, 1, lambda name: tts.timestamps(name).tolist())


def by_column(tts: SeriesFile) -> dict[str, dict[str, float]]:
    """Bytes of each component."""
    return _moved(tts, 0, tts.columns)


def _moved(
    tts: SeriesFile, axis: int, labels: Callable[[str], Iterable[object]]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, name in (("read_bytes", READ), ("write_bytes", WRITTEN)):
        for label, amount in zip(
            labels(name), np.nansum(tts.to_numpy(name), axis=axis).tolist(), strict=True
        ):
            found.setdefault(str(label), {})[key] = amount
    return found


def _say_total(total: dict[str, Any]) -> None:
    printing.say(f"Data Read:            {_prefixed(total['read_bytes'])}")
    printing.say(f"Data Written:         {_prefixed(total['write_bytes'])}")
    printing.say(f"Missing data points:  {total['missing_pts']:9d}")
    printing.say(f"Expected data points: {total['total_pts']:9d}")
    printing.say(f"Percent data missing: {total['missing_pct']:8.1f}%")
    printing.say(f"First non-empty row:  {total['first_nonzero_idx']:9d}")
    printing.say(f"Last non-empty row:   {total['last_nonzero_idx']:9d}")


def _say_moved(label: str, moved: dict[str, float]) -> None:
    printing.say(
        f"{label:>12} {moved.get('read_bytes', 0.0):14.2f} read,"
        f" {moved.get('write_bytes', 0.0):14.2f} written"
    )


def _prefixed(amount: float) -> str:
    """As pytokio writes it: five places, and "bytes" in full."""
    scale = quantities.scale("bytes", amount, decimals=1)
    return f"{amount / scale.factor:5.1f} {scale.unit if scale.factor > 1 else 'bytes'}"
