"""Rows as CSV on standard output, and the options that say which form the output has."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from archive_tools.cli import tables
from archive_tools.core.printable import clean


def add_formats(parser: argparse.ArgumentParser) -> None:
    """The options ``--json`` and ``--csv``, of which one may be given."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as JSON, all of it, base units")
    forms.add_argument("--csv", action="store_true", help="as CSV, base units")


def write(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, which have the same keys, with a header; None is empty. Nothing for no rows.

    Control characters of texts are escaped, as in tables; a text that a spreadsheet would take for
    a formula begins with an apostrophe.
    """
    text = io.StringIO()
    for number, row in enumerate(rows):
        writer = csv.writer(text, lineterminator="\n")
        if not number:
            writer.writerow(row)
        writer.writerow([_safe(value) for value in row.values()])
    tables.write(sys.stdout, text.getvalue())


def _safe(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    shown = clean(value)
    return f"'{shown}" if value[0] in "=+-@\t\r" else shown
