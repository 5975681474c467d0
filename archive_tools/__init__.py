"""Reading the archive: the part that analysts import.

    import archive_tools

    archive = archive_tools.Archive("archive")
    archive.to_dataframe("snx11025", "datatargets/readbytes", "2018-01-28", "2018-01-29")

Importing this package loads neither Luigi nor a database driver nor libdarshan; NumPy and h5py are
loaded when the first of its names is used. The errors that reading raises are `TokioError` and its
kinds, each also the builtin that fits: `NotFound` a LookupError, `FormatError` and `BadArgument`
a ValueError, ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archive_tools.core.errors import (
        ArchiveError,
        BadArgument,
        Busy,
        ConfigError,
        FormatError,
        InputChanged,
        MissingPackage,
        NoData,
        NotFound,
        SourceError,
        TokioError,
    )
    from archive_tools.formats.darshan_log import (
        DarshanLog,
        LogSeries,
        ModuleRecords,
        read_darshan_log,
    )
    from archive_tools.formats.index_file import open_index
    from archive_tools.formats.series import Series
    from archive_tools.formats.series_file import SeriesFile
    from archive_tools.formats.tts_read import Tts, open_tts
    from archive_tools.jobs.log_search import find_logs
    from archive_tools.public import Archive, Job, JobHistory
    from archive_tools.reading.ranges import DamagedDay
    from archive_tools.reading.requests import ReadRequest
    from archive_tools.store.own_series import OwnSeries, write_series

    __version__: str

__all__ = [
    "Archive",
    "ArchiveError",
    "BadArgument",
    "Busy",
    "ConfigError",
    "DamagedDay",
    "DarshanLog",
    "FormatError",
    "InputChanged",
    "Job",
    "JobHistory",
    "LogSeries",
    "MissingPackage",
    "ModuleRecords",
    "NoData",
    "NotFound",
    "OwnSeries",
    "ReadRequest",
    "Series",
    "SeriesFile",
    "SourceError",
    "TokioError",
    "Tts",
    "__version__",
    "find_logs",
    "open_index",
    "open_tts",
    "read_darshan_log",
    "write_series",
]

_HOMES = {
    "public": ("Archive", "Job", "JobHistory"),
    "core.errors": (
        "ArchiveError",
        "BadArgument",
        "Busy",
        "ConfigError",
        "FormatError",
        "InputChanged",
        "MissingPackage",
        "NoData",
        "NotFound",
        "SourceError",
        "TokioError",
    ),
    "jobs.log_search": ("find_logs",),
    "reading.ranges": ("DamagedDay",),
    "reading.requests": ("ReadRequest",),
    "formats.series": ("Series",),
    "formats.series_file": ("SeriesFile",),
    "formats.tts_read": ("Tts", "open_tts"),
    "formats.darshan_log": ("DarshanLog", "LogSeries", "ModuleRecords", "read_darshan_log"),
    "formats.index_file": ("open_index",),
    "store.own_series": ("OwnSeries", "write_series"),
}
"""Module of this package to the names that it has."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from archive_tools.core.software import version

        return version()
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
