"""Rows of `sources/job_stats.toml`, and which operations the table of jobs has."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from pipeline.schemas import source_maps


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    of : {'entries'}
        What is counted.
    """

    of: Literal["entries"]


Metric: TypeAlias = source_maps.SourceMetric[Selector]
AMOUNTS = {"read_bytes": ("reads", "bytes_read"), "write_bytes": ("writes", "bytes_written")}
"""Operations that have a number of samples and a sum of bytes: the columns of both."""
OPERATIONS = {
    "open": "opens",
    "close": "closes",
    "mknod": "mknods",
    "link": "links",
    "unlink": "unlinks",
    "mkdir": "mkdirs",
    "rmdir": "rmdirs",
    "rename": "renames",
    "getattr": "getattrs",
    "setattr": "setattrs",
    "getxattr": "getxattrs",
    "setxattr": "setxattrs",
    "statfs": "statfss",
    "sync": "syncs",
    "samedir_rename": "samedir_renames",
    "crossdir_rename": "crossdir_renames",
    "parallel_rename_file": "parallel_file_renames",
    "parallel_rename_dir": "parallel_dir_renames",
    "punch": "punches",
    "destroy": "destroys",
    "create": "creates",
    "prealloc": "preallocs",
    "get_info": "get_infos",
    "set_info": "set_infos",
    "quotactl": "quotactls",
}
"""Operations that are counted, and their columns. Not read and write of Lustre 2.14 and later: the
same calls as read_bytes and write_bytes, with their times.
"""
COLUMNS = tuple(
    dict.fromkeys(
        [*(name for pair in AMOUNTS.values() for name in pair[::-1]), *OPERATIONS.values()]
    )
)
"""Columns of counters."""


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("job_stats"), Selector)
