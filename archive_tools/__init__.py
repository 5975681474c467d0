"""Reading and writing the archive: the part that analysts import.

    import archive_tools

    archive = archive_tools.Archive("archive")
    archive.to_dataframe("snx11025", "datatargets/readbytes", "2018-01-28", "2018-01-29")

Importing this package loads neither Luigi nor a database driver nor libdarshan; NumPy and h5py are
loaded when the first of its names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archive_tools.formats.index_file import open_index
    from archive_tools.formats.series import Series
    from archive_tools.formats.series_file import SeriesFile
    from archive_tools.formats.tts_read import Tts, open_tts
    from archive_tools.reading.archive import Archive, DamagedDay

__all__ = ["Archive", "DamagedDay", "Series", "SeriesFile", "Tts", "open_index", "open_tts"]

_HOMES = {
    "Archive": "reading.archive",
    "DamagedDay": "reading.archive",
    "Series": "formats.series",
    "SeriesFile": "formats.series_file",
    "Tts": "formats.tts_read",
    "open_index": "formats.index_file",
    "open_tts": "formats.tts_read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
