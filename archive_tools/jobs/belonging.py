"""Which scheduler's account belongs to which logs and servers: what `archive.json` says, or the
only one that there is. Of several, none is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from archive_tools.jobs.table_files import SLURM
from archive_tools.store.about_file import read_about


@dataclass(frozen=True)
class Belonging:
    """What the site says of its instances.

    Attributes
    ----------
    timezone : str
    schedulers : mapping of str to str
        Instance of logs or of job_stats to that of the scheduler.
    lustre_to_fsname : mapping of str to str
        Lustre's name of a file system to that which logs have; the same name unless it is here.
    known : frozenset of str
        Instances of schedulers that the site has, whether or not a day has them.
    """

    timezone: str = "UTC"
    schedulers: Mapping[str, str] = field(default_factory=dict)
    lustre_to_fsname: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    @classmethod
    def of(cls, root: Path) -> Belonging:
        """Of an archive; what its `archive.json` does not say, or not in this form, is not
        known.
        """
        about = read_about(root)
        instances = _texts(about, "instances", dict)
        return cls(
            _zone(about),
            _texts(about, "schedulers", str),
            _texts(about, "lustre_to_fsname", str),
            frozenset(name for name, keys in instances.items() if keys.get("kind") == SLURM),
        )

    def scheduler_of(self, instance: str, there: Iterable[str]) -> str:
        """The instance of the scheduler whose jobs made the logs of an instance, or are in its
        job_stats; "" where that is not known.

        Parameters
        ----------
        instance : str
        there : iterable of str
            Instances of schedulers that the day has.
        """
        if instance in self.schedulers:
            return self.schedulers[instance]
        every = self.known.union(there)
        return next(iter(every)) if len(every) == 1 else ""


def _zone(about: Mapping[str, Any]) -> str:
    """The zone; UTC where it is none: `Archive` says what is wrong with it."""
    found = about.get("timezone")
    try:
        return ZoneInfo(found).key if isinstance(found, str) else "UTC"
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return "UTC"


def _texts(about: Mapping[str, Any], key: str, kind: type) -> dict[str, Any]:
    found = about.get(key)
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, kind)}
