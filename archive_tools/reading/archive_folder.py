"""What an archive has: its instances and their days, by the names of files alone."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from archive_tools.core.errors import FormatError, NotFound
from archive_tools.core.quantities import counted
from archive_tools.store import layout


class ArchiveFolder:
    """The days of an archive folder, and files elsewhere that belong to it.

    Parameters
    ----------
    root : str or pathlib.Path
        The folder that `site.json` calls ``archive``.
    hdf5_files : mapping of str to str or list of str, optional
        Instance to strftime templates of further files, TTS or H5LMT, for days that the folder does
        not have; the first that is there counts. Default: what `site.json` said in the last nightly
        run.

    Attributes
    ----------
    root : pathlib.Path
    timezone : str
        IANA name of the zone whose calendar days the archive has.
    about : dict
        What the last run wrote of the site into `archive.json`.

    Raises
    ------
    NotFound
        There is no such folder.
    FormatError
        Its `archive.json` cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        hdf5_files: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise NotFound(
                f"no archive folder {self.root}",
                hint="name the folder that site.json calls archive",
            )
        self.about = _about(self.root / layout.ABOUT)
        self.timezone: str = self.about.get("timezone", "UTC")
        files = self.about.get("hdf5_files", {}) if hdf5_files is None else hdf5_files
        if not isinstance(files, dict) or not all(map(_are_patterns, files.values())):
            raise FormatError(
                f"{self.root / layout.ABOUT}: hdf5_files does not name files",
                expected="a pattern, or a list of them, for each instance",
                hint="run tokio-pipeline, which writes it anew",
            )
        self._files: dict[str, list[str]] = {
            name: [found] if isinstance(found, str) else list(found)
            for name, found in files.items()
        }

    def __repr__(self) -> str:
        days = {name: self.days(name) for name in self.instances()}
        lines = [
            f"  {name}: {counted(len(dates), 'day')}, {dates[0]} to {dates[-1]}"
            for name, dates in days.items()
        ]
        return "\n".join(
            [
                f"{type(self).__name__}({str(self.root)!r}), days of {self.timezone}",
                *(lines or ["  no day"]),
            ]
        )

    # What there is

    def instances(self) -> list[str]:
        """Instances that have at least one day, sorted."""
        own = {
            name
            for _, folder in layout.day_folders(self.root)
            for name in layout.instances_in(folder)
        }
        return sorted(own | {name for name in self._files if self.days(name)})

    def days(self, instance: str) -> list[dt.date]:
        """Days of an instance, oldest first; none where there is no such instance."""
        own = {
            date
            for date, folder in layout.day_folders(self.root)
            if (folder / f"{instance}.hdf5").is_file()
        }
        return sorted(
            own
            | {
                date
                for template in self._files.get(instance, [])
                for date, _ in layout.dated_files(template)
            }
        )

    def absent(self, instance: str, what: str) -> NotFound:
        """The error for days of an instance that are not there; names what is."""
        dates = self.days(instance)
        if dates:
            there = counted(len(dates), "day")
            return NotFound(what, expected=f"{there} from {dates[0]} to {dates[-1]}")
        instances = self.instances()
        near = difflib.get_close_matches(instance, instances, 1)
        return NotFound(
            what,
            expected=f"an instance of {', '.join(instances) or 'none'}",
            hint=f"did you mean {near[0]}?" if near else "",
        )


def _about(path: Path) -> dict[str, Any]:
    """`archive.json`; nothing if it is not there.

    Raises
    ------
    FormatError
        It is not what the nightly run writes.
    """
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text("utf-8"))
        ZoneInfo(about.get("timezone", "UTC"))
    except (ValueError, AttributeError, TypeError, RecursionError, ZoneInfoNotFoundError) as error:
        raise FormatError(
            f"{path} cannot be used: {error}",
            expected="an object with the key timezone",
            hint="the next nightly run writes it anew",
        ) from error
    return dict(about)


def _are_patterns(found: object) -> bool:
    return isinstance(found, str) or (
        isinstance(found, list | tuple) and all(isinstance(one, str) for one in found)
    )
