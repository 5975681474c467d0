"""Whether the archive's folder is the one that site.json means: there, and of the same site.

`archive.json` says what an archive was begun with. What changes its meaning - the time zone, a
source's timestep or kind - is refused until somebody accepts it; so is a folder that holds days
and has lost that file, and one that lies on a file system that is not mounted.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archive_tools.core.errors import ConfigError
from archive_tools.store import layout
from pipeline.site import Site
from pipeline.sources import registry as sources

FSTAB = Path("/etc/fstab")
ACCEPT = "tokio-pipeline check-config --accept"


def check(site: Site) -> None:
    """Refuse an archive that is not there as it was.

    Raises
    ------
    ConfigError
        Says what is there, what was expected, and how to go on.
    """
    root = site.root
    for mount in _unmounted_above(root):
        raise ConfigError(
            f"the archive {root} is on {mount}, which {FSTAB} names and which is not mounted",
            hint=f"mount {mount}",
        )
    if not (root / layout.ABOUT).is_file():
        if _holds_days(root):
            raise ConfigError(
                f"{root} holds days and has no {layout.ABOUT}",
                expected="the whole of an archive that was begun",
                hint=f"is the whole of it mounted? To go on with what is there: {ACCEPT}",
            )
        return
    changed = changes(site)
    if changed:
        raise ConfigError(
            f"the archive {root} was begun with other keys: {'; '.join(changed)}",
            hint=(
                "give the source another name, or the site another archive, and the days that are"
                f" there stay as they are; or accept that they are made anew: {ACCEPT}"
            ),
        )


def changes(site: Site) -> list[str]:
    """What differs from what the archive was begun with, in words."""
    about = read(site.root)
    known: Mapping[str, Any] = about.get("instances", {})
    found = [
        f"{name}: {key} is {now[key]!r}, was {known[name][key]!r}"
        for name, now in instances(site).items()
        for key in now
        if key in known.get(name, {}) and known[name][key] != now[key]
    ]
    if about.get("timezone", site.timezone) != site.timezone:
        found.insert(0, f"timezone is {site.timezone!r}, was {about['timezone']!r}")
    return found


def instances(site: Site) -> dict[str, dict[str, Any]]:
    """What of each instance must stay: its kind and timestep."""
    found = {name: sources.options(site, name) for name in site.sources}
    return {name: {"kind": one.kind, "timestep": one.timestep} for name, one in found.items()}


def read(root: Path) -> dict[str, Any]:
    """What `archive.json` says; nothing where it is not there or cannot be read: the next run
    writes it anew.
    """
    try:
        about = json.loads((root / layout.ABOUT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    known = about.get("instances", {}) if isinstance(about, dict) else None
    is_usable = isinstance(known, dict) and all(isinstance(one, dict) for one in known.values())
    return dict(about) if is_usable else {}


def _holds_days(root: Path) -> bool:
    """Whether there is the report of any day: `archive.json` is written with the first."""
    return any(root.glob("[0-9]*/[0-9]*/report.html"))


def _unmounted_above(root: Path) -> Iterator[str]:
    """File systems of fstab that hold the archive's folder and are not mounted."""
    with contextlib.suppress(OSError):
        for line in FSTAB.read_text("utf-8", "replace").splitlines():
            words = line.split("#", 1)[0].split()
            place = words[1].replace("\\040", " ") if len(words) > 2 else ""
            holds = len(place) > 1 and Path(place) in (root, *root.parents)
            if holds and not os.path.ismount(place):
                yield place
