"""What may be requested by a name, and what is taken unless it is said: for the functions that do
it and for the parsers of arguments, which load none of them.
"""

from __future__ import annotations

EXPORT_FORMATS = ("csv", "json", "parquet")
GROWTH_PERIODS = ("day", "week", "month")

JOB_ORDERS = ("bytes", "read", "written", "start", "walltime", "nprocs", "coverage")
"""What jobs are ordered by: largest first; coverage of the direction that moved more."""

HISTORY_LIKE = {"exe": ("exenames",), "user": ("uid", "username"), "nprocs": ("nprocs",)}
"""What runs have in common unless it is said: columns of the table. A user's name may be cut, or
not known.
"""
HISTORY_ALSO_LIKE = HISTORY_LIKE | {"account": ("account",), "partition": ("partition",)}
"""What they may have in common: the last two by the scheduler."""
HISTORY_DAYS = 90
"""How far back runs are looked for, unless it is said."""

SCOREBOARD_BY = ("account", "exe", "fs", "partition", "user")
SCOREBOARD_FILTERS = {
    "fs": "file systems of this name or mount point",
    "user": "logs of this user",
    "exe": "logs of this program",
}
"""What a scoreboard can be limited to."""

SLOW_ALPHA = 0.05
SLOW_HOURS = 8
SLOW_DOWN = 1.25
"""What it takes to be called a slow target, see `archive_tools.jobs.slow_targets.Limits`."""

TOP_BY = ("account", "fs", "partition", "program", "user")
TOP_ORDERS = ("bytes", "read", "written", "operations", "files", "jobs", "node-hours")
