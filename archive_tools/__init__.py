"""Reading and writing the archive: the part that analysts import.

    import archive_tools

    archive = archive_tools.Archive("archive")
    archive.to_dataframe("snx11025", "datatargets/readbytes", "2018-01-28", "2018-01-29")

Importing this package loads neither Luigi nor a database driver nor libdarshan.
"""

from archive_tools.archive import Archive
from archive_tools.index import open_index
from archive_tools.series import Series
from archive_tools.series_file import SeriesFile
from archive_tools.tts_read import Tts, open_tts

__all__ = ["Archive", "Series", "SeriesFile", "Tts", "open_index", "open_tts"]
