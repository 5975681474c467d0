"""The Darshan index of a day: SQLite for queries, Parquet for analyses.

Built from the archive alone: from the day's `darshan.hdf5`, and from the files of the servers
behind its file systems.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import h5py

from archive_tools import schemas
from archive_tools.core.findings import Findings
from archive_tools.formats.index_file import copy_table
from archive_tools.jobs.header_rules import DATASETS, PossibleFigures
from archive_tools.jobs.server_join import Around, join_servers

SUMS = "summaries"


def write_index(source: Path, target: Path, around: Around | None = None) -> dict[str, int]:
    """Build the index of a day.

    Parameters
    ----------
    source : pathlib.Path
        The day's `darshan.hdf5`.
    target : pathlib.Path
        New SQLite file.
    around : Around, optional
        Without it the tables of servers stay empty.

    Returns
    -------
    dict of str to int
        Rows of each table.
    """
    connection = sqlite3.connect(target)
    try:
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + schemas.new_index_sql()
        )
        findings = around.findings if around else Findings()
        possible = PossibleFigures(findings, _largest(source))
        known = {"logs": possible.heads, SUMS: possible.sums}
        tables = {"logs": "headers", "mounts": "mounts", SUMS: "summaries", "rejects": "rejects"}
        with connection:
            counts = {
                table: copy_table(connection, source, name, table, known.get(name))
                for name, table in tables.items()
            }
            return counts | join_servers(connection, around) if around else counts
    finally:
        connection.close()


def _largest(source: Path) -> dict[str, float]:
    """By dataset: what the site says that a file system can have in a second."""
    with h5py.File(source, "r") as file:
        return {
            name: float(file[name].attrs["largest"])
            for name in DATASETS.values()
            if name in file and "largest" in file[name].attrs
        }
