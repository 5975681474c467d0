"""Keys of a Slurm source in site.json."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from archive_tools.core.day import Day
from pipeline.schemas.site_types import Templates, Timestep
from pipeline.site import Site, SourceOptions
from pipeline.sources._shared import source_files


class Options(SourceOptions):
    """Keys of a source of Slurm's accounts; exactly one of `files` and `command` is given.

    Attributes
    ----------
    files : str or list of str
        strftime templates of files, tarballs and folders with the output of ``sacct --parsable2
        --noconvert``, or the JSON of pytokio's ``cache_slurm``; they may be glob patterns.
    command : list of str
        What runs sacct: ``["sacct"]``, or ``["ssh", "login1", "sacct"]``; never through a shell.
        The arguments that say which day and columns are added.
    cluster : str
        The cluster of which jobs count, as Slurm names it; of records that do not say theirs it is
        the name. "" is the one that the command, or the files, have.
    max_expanded_mb : int
        MiB that a file, or the command's answer, may have.
    max_ratio : int
        How many times its size a compressed file may expand to; 32 MiB are always allowed.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset(
        {"files", "command", "max_expanded_mb", "max_ratio"}
    )

    kind: Literal["slurm"]
    files: Templates = ""
    command: list[str] = []
    cluster: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")
    timestep: Timestep = 60
    max_expanded_mb: int = Field(default=1024, ge=1)
    max_ratio: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _is_one(self) -> Options:
        if bool(self.files) == bool(self.command):
            raise ValueError("exactly one of files and command is needed")
        if self.command and not all(self.command):
            raise ValueError("command has an empty word")
        return self

    def paths(self, day: Day) -> list[Path]:
        """The files of a day."""
        return source_files.walked(source_files.expanded(self.files, day))

    @property
    def allowed(self) -> source_files.Allowed:
        """What a file may expand to."""
        return source_files.Allowed(self.max_expanded_mb, self.max_ratio)

    @property
    def limit(self) -> int:
        """Bytes that the command may answer with."""
        return self.max_expanded_mb << 20


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    files = source_files.with_absolute_paths(options.files, site) if options.files else ""
    zone = options.timezone or site.timezone
    return options.model_copy(update={"timezone": zone, "files": files})
