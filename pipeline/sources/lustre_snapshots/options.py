"""Keys of a source of Lustre snapshots in site.json."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from archive_tools.core.day import Day
from pipeline.schemas.site_types import Templates, Timestep
from pipeline.site import Site, SourceOptions
from pipeline.sources._shared import source_files
from pipeline.sources._shared.hosts import Pattern


class Options(SourceOptions):
    """Keys of a source of snapshots of `lfs df`, `lfs df -i` and `lctl dl -t`.

    Attributes
    ----------
    files : str or list of str
        strftime templates of files, tarballs and folders, which may be glob patterns.
    filesystems : str
        Regular expression of the whole names of the file systems that count: what the names of
        their targets begin with, such as ``snx11025``.
    usual_servers : dict of str to str
        Target to the address (NID) of the server that usually serves it; of the others it is the
        address in most snapshots.
    neighbours : int
        How many more days before and after have files that are read.
    max_expanded_mb : int
        MiB that a compressed file or tarball may expand to.
    max_ratio : int
        How many times its size a compressed file may expand to; 32 MiB are always allowed.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"files", "max_expanded_mb", "max_ratio"})

    kind: Literal["lustre_snapshots"]
    files: Templates
    timestep: Timestep = 900
    filesystems: Pattern = ".*"
    usual_servers: dict[str, str] = {}
    neighbours: int = Field(default=0, ge=0, le=31)
    max_expanded_mb: int = Field(default=4096, ge=1)
    max_ratio: int = Field(default=100, ge=1)

    @property
    def allowed(self) -> source_files.Allowed:
        """What a file may expand to."""
        return source_files.Allowed(self.max_expanded_mb, self.max_ratio)

    def paths(self, day: Day) -> list[Path]:
        """The files of a day and its neighbours."""
        found: dict[Path, None] = {}
        for days in range(-self.neighbours, self.neighbours + 1):
            date = Day(day.date + dt.timedelta(days=days), day.timezone)
            found.update(dict.fromkeys(source_files.expanded(self.files, date)))
        return source_files.walked(list(found))


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json."""
    files = source_files.with_absolute_paths(options.files, site)
    return options.model_copy(update={"files": files})
