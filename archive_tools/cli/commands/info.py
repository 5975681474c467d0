"""`tokio-archive info`: what is in a file, and where it came from."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.core.errors import FormatError
from archive_tools.core.vocabulary import Product
from archive_tools.formats.series_file import SeriesFile, damage_named
from archive_tools.formats.tts_read import open_tts
from archive_tools.reading import summary
from archive_tools.reading.archive import Archive
from archive_tools.store.receipts import Receipts

HEADER = [
    "dataset",
    "unit",
    "kind",
    "timestep",
    "rows",
    "components",
    "missing",
    "source",
    "first and last",
]
REPORTED = ("software", "host", "written", "seconds", "inputs", "findings")
"""What is shown of a receipt."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    archive = common_options.open_archive(options.archive) if options.date else None
    date = common_options.one_day(options.date, archive.timezone) if archive else None
    receipt = _receipt(archive, options.what, date) if archive and date else {}
    opened = archive.open(options.what, date) if archive and date else open_tts(options.what)
    with opened as tts, damage_named(tts.path):
        about = {"file": str(tts.path), "bytes": tts.path.stat().st_size, **tts.attributes}
        datasets = _datasets(tts)
    timezone = str(about.get("timezone") or (archive.timezone if archive else "UTC"))
    code = (
        exit_codes.NOT_THERE
        if any(reported["missing"] is None for reported in datasets.values())
        else exit_codes.DONE
    )
    if options.json:
        printing.show_json(
            {**about, **({"receipt": receipt} if receipt else {}), "datasets": datasets}
        )
        return code
    for key, value in _lines(about):
        printing.say(
            f"{key}: {value}"
            + (f" ({printing.local(int(value), timezone)})" if key in ("start", "end") else "")
        )
    for key, value in receipt.items():
        printing.say(
            f"receipt {key}:"
            f" {f'{len(value)} (--json shows them)' if isinstance(value, list | dict) else value}"
        )
    printing.show(
        HEADER, [_row(name, reported) for name, reported in datasets.items()], left=(0, 1, 2, 7, 8)
    )
    return code


def _lines(about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The attributes, a line each; where the file comes from is JSON, of which each part is a
    line.
    """
    for key, value in about.items():
        try:
            parts = json.loads(value) if key == "provenance" else None
        except (ValueError, TypeError):
            parts = None
        if not isinstance(parts, dict):
            yield key, value
            continue
        for name, part in parts.items():
            yield (
                f"provenance {name}",
                (
                    f"{len(part)} (--json shows them)"
                    if isinstance(part, list)
                    else json.dumps(part)
                    if isinstance(part, dict)
                    else part
                ),
            )


def _datasets(tts: SeriesFile) -> dict[str, dict[str, Any]]:
    """What each dataset is; `missing` is null where its values cannot be read."""
    sources = tts.sources()
    return {
        name: {
            "unit": tts.units(name),
            "kind": tts.kind(name),
            "timestep": tts.timestep(name),
            "rows": len(tts.timestamps(name)),
            "columns": list(tts.columns(name)),
            "missing": _missing(tts, name),
            "source": sources.get(name.partition("/")[0], ""),
        }
        for name in tts.datasets()
    }


def _missing(tts: SeriesFile, name: str) -> float | None:
    try:
        return summary.summarize(tts, wanted=[name])[0].missing
    except FormatError as error:
        printing.note(f"tokio-archive: {error}")
        return None


def _receipt(archive: Archive, instance: str, date: dt.date) -> dict[str, Any]:
    """What the receipt of the day's file records; nothing where there is none."""
    day = Receipts(archive.root).day(date).read()
    for damaged in day.damaged_of(instance):
        printing.note(f"tokio-archive: {damaged}")
    receipt = day.good(instance, Product.TTS)
    content = day.content(receipt) if receipt else {}
    return (
        {
            "state": receipt.state,
            "percent": receipt.percent,
            **{key: content[key] for key in REPORTED if key in content},
        }
        if receipt
        else {}
    )


def _row(name: str, reported: dict[str, Any]) -> list[str]:
    missing = "damaged" if reported["missing"] is None else f"{reported['missing']:.2f} %"
    columns = reported["columns"]
    return [
        name,
        reported["unit"],
        reported["kind"],
        f"{reported['timestep']} s",
        str(reported["rows"]),
        str(len(columns)),
        missing,
        reported["source"],
        _few(columns),
    ]


def _few(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names else ""
