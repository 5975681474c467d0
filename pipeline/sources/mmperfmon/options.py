"""Keys of an mmperfmon source in site.json."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from archive_tools.core.day import Day
from pipeline.schemas.site_types import Templates, Timestep
from pipeline.site import Site, SourceOptions
from pipeline.sources._shared import source_files
from pipeline.sources._shared.hosts import Pattern


class Options(SourceOptions):
    """Keys of a source of mmperfmon output.

    Attributes
    ----------
    files : str or list of str
        strftime templates of files, tarballs and folders, which may be glob patterns.
    mmperfmon_lun_map : dict of str to {'datatarget', 'mdtarget', 'ignored'}
        Regular expressions that match the beginning of a device's name; the first that does counts.
        Devices that are ignored are left out on purpose, such as a server's own disks.
    mmperfmon_server_map : dict of str to {'dataserver', 'mdserver'}
        Likewise of servers; one that none matches is a data server.
    interfaces : str
        Regular expression of the whole names of network interfaces whose traffic counts.
    max_expanded_mb : int
        MiB that a compressed file or tarball may expand to.
    max_ratio : int
        How many times its size it may expand to; 32 MiB are always allowed.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"files", "max_ratio"})

    kind: Literal["mmperfmon"]
    files: Templates
    timestep: Timestep = 60
    mmperfmon_lun_map: dict[Pattern, Literal["datatarget", "mdtarget", "ignored"]] = {}
    mmperfmon_server_map: dict[Pattern, Literal["dataserver", "mdserver"]] = {}
    interfaces: Pattern = "(?!lo$).*"
    max_expanded_mb: int = Field(default=4096, ge=1)
    max_ratio: int = Field(default=100, ge=1)

    def paths(self, day: Day) -> list[Path]:
        """The files of a day."""
        return source_files.walked(source_files.expanded(self.files, day))


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    return options.model_copy(
        update={
            "timezone": options.timezone or site.timezone,
            "files": source_files.with_absolute_paths(options.files, site),
        }
    )
