"""Keys of a source of Darshan logs in site.json."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.schemas.site_types import Templates, Timestep
from pipeline.site import Site, SourceOptions


class Options(SourceOptions):
    """Keys of a Darshan source.

    Attributes
    ----------
    logs : str or list of str
        Folders (read whole, with their subfolders) or glob patterns; strftime templates.
    timestep : int
        Seconds a row of the series; 60 unless given.
    neighbours : int
        Days before and after whose folders are searched for logs of jobs that ran over midnight.
    log_seconds, log_memory_mb
        What reading one log may cost; more, and it is rejected.
    mount_to_fsname : dict of str to str
        In place of the site's.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"logs", "log_seconds", "log_memory_mb"})

    kind: Literal["darshan"]
    logs: Templates
    timestep: Timestep = 60
    neighbours: int = Field(default=1, ge=0, le=31)
    log_seconds: float = Field(default=300.0, gt=0)
    log_memory_mb: int = Field(default=4096, ge=64)
    mount_to_fsname: dict[str, str] = {}


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone and `mount_to_fsname` where the source has
    none.
    """
    logs = [options.logs] if isinstance(options.logs, str) else options.logs
    update = {
        "logs": [str(site.path(name)) for name in logs],
        "timezone": options.timezone or site.timezone,
        "mount_to_fsname": options.mount_to_fsname or site.mount_to_fsname,
    }
    return options.model_copy(update=update)
