"""A site file of pytokio as a `site.json` of ours: what its keys become, and what is left over.

Pure. Every key of the old file is either in the new one, or in a sentence that says why not; what
the old file does not know is left to be filled in.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archive_tools.core.errors import ConfigError
from archive_tools.store.layout import DIRECTIVES
from pipeline.schemas.site_types import PLACEHOLDER

NO_COUNTERPART: Mapping[str, str] = {
    "isdct_files": "reports of Intel SSDs are not a kind of source",
    "hpss_report_files": "reports of HPSS are not a kind of source",
    "esnet_snmp_url": "the network of ESnet is not a kind of source",
    "esnet_snmp_interfaces": "the network of ESnet is not a kind of source",
    "jobinfo_jobid_providers": "jobs are looked up in the archive",
    "lfsstatus_fullness_providers": "how full targets are is looked up in the archive",
    "lfsname_to_h5lmt_file": "files are called by file systems, as in fsname_to_h5lmt_file",
    "darshan_filename_jobids": "job ids are read from the logs",
}
"""Keys of pytokio that nothing here reads."""
CLOCK = re.compile("%[HMS]")
DIRECTIVE = re.compile("%-?.")
NAME = re.compile("[^A-Za-z0-9_-]+")
Convert = Callable[["Converted", Any], None]


@dataclass
class Converted:
    """The new site file so far.

    Attributes
    ----------
    site : dict
    lacking : list of str
        What has no counterpart: a key or a part of it, and why.
    """

    site: dict[str, Any]
    old: Mapping[str, Any]
    lacking: list[str] = field(default_factory=list)

    def source(self, name: str, keys: dict[str, Any]) -> str:
        """Add a source; returns the name that it has: one that a file may have, of its own."""
        plain = NAME.sub("-", name).strip("-_") or "source"
        number, free = 1, plain
        while free in self.site["sources"]:
            number += 1
            free = f"{plain}-{number}"
        self.site["sources"][free] = keys
        return free


def converted(old: Mapping[str, Any], *, site: str, timezone: str, archive: str) -> Converted:
    """What a site file of pytokio becomes.

    Parameters
    ----------
    old : mapping
        Its content.
    site, timezone, archive : str
        What pytokio's does not say; "" is left to be filled in.

    Raises
    ------
    ConfigError
        A key has a value of another form than pytokio reads.
    """
    found = Converted(
        {
            "site": site or f"{PLACEHOLDER}-NAME",
            "timezone": timezone or f"{PLACEHOLDER}-TIMEZONE",
            "archive": archive or f"/{PLACEHOLDER}-FOLDER/tokio",
            "mount_to_fsname": {},
            "hdf5_files": {},
            "sources": {},
        },
        old,
    )
    for key, value in old.items():
        if key in READ:
            continue
        if rule := RULES.get(key):
            with _known_form(key, value):
                rule(found, value)
        else:
            why = NO_COUNTERPART.get(key, "it is not a key of pytokio that is known here")
            found.lacking.append(f"{key}: {why}")
    _add_lmt(found)
    for key in READ:
        if key in old and not _is_used(key, found):
            found.lacking.append(f"{key}: no source uses it")
    found.site = {
        key: value for key, value in found.site.items() if value != {} or key == "sources"
    }
    return found


@contextlib.contextmanager
def _known_form(key: str, value: Any) -> Iterator[None]:
    """An error that names the key where its value is of another form than pytokio reads."""
    try:
        yield
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise ConfigError(
            f"{key} has another form than in a site file of pytokio", got=repr(value)[:200]
        ) from error


def _templates(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise TypeError
    return listed


def _of_a_day(template: str) -> str:
    """A template of a day's files: the hours, minutes and seconds in their names are any."""
    return CLOCK.sub("[0-9][0-9]", template)


def _mounts(found: Converted, value: Any) -> None:
    for pattern, fsname in value.items():
        anchored = pattern.removeprefix("^") if pattern.startswith("^") else f".*(?:{pattern})"
        key = f"^{anchored}" if pattern.startswith("^") else anchored
        try:
            re.compile(key)
        except re.error as error:
            found.lacking.append(f"mount_to_fsname: {pattern!r} is not an expression: {error}")
            continue
        found.site["mount_to_fsname"][key] = str(fsname)


def _hdf5_files(found: Converted, value: Any) -> None:
    for fsname, templates in value.items():
        _add_files(found, fsname, _templates(templates))


def _add_files(found: Converted, fsname: str, templates: list[str]) -> None:
    for template in templates:
        unknown = [one for one in DIRECTIVE.findall(template) if one not in DIRECTIVES]
        if unknown:
            found.lacking.append(
                f"hdf5_files: {fsname}: {template}: {', '.join(unknown)} is not read; expected:"
                f" {', '.join(DIRECTIVES)}"
            )
        else:
            found.site["hdf5_files"].setdefault(fsname, []).append(template)


def _h5lmt_files(found: Converted, value: Any) -> None:
    """The oldest form: a folder, and a name for each file system."""
    base = str(found.old.get("h5lmt_base_dir", "."))
    for fsname, name in value.items():
        _add_files(found, fsname, [f"{base}/{name}"])


def _mmperfmon(found: Converted, value: Any) -> None:
    for fsname, templates in value.items():
        keys: dict[str, Any] = {
            "kind": "mmperfmon",
            "files": [_of_a_day(template) for template in _templates(templates)],
        }
        for key, allowed in (
            ("mmperfmon_lun_map", ("datatarget", "mdtarget")),
            ("mmperfmon_server_map", ("dataserver", "mdserver")),
        ):
            given = found.old.get(key, {})
            keys[key] = {name: kind for name, kind in given.items() if kind in allowed}
            found.lacking += [
                f"{key}: {name!r}: {kind!r} is not {' or '.join(allowed)}"
                for name, kind in given.items()
                if kind not in allowed and f"{key}: {name!r}" not in " ".join(found.lacking)
            ]
        found.source(fsname, {key: keyed for key, keyed in keys.items() if keyed})


def _darshan(found: Converted, value: Any) -> None:
    for host, folder in value.items():
        logs = [f"{one.rstrip('/')}/%Y/%-m/%-d" for one in _templates(folder)]
        found.source(
            f"darshan-{host}", {"kind": "darshan", "logs": logs[0] if len(logs) == 1 else logs}
        )


def _snapshots(found: Converted, value: Any) -> None:
    """Files of `lfs df` and `lctl dl -t`: one source has both."""
    base = str(found.old.get("lfsstatus_base_dir", "."))
    known = [
        keys["files"]
        for keys in found.site["sources"].values()
        if keys["kind"] == "lustre_snapshots"
    ]
    files = [one if "/" in one else f"{base}/{one}" for one in _templates(value)]
    if known:
        known[0] += files
    else:
        found.source("targets", {"kind": "lustre_snapshots", "files": files})


def _add_lmt(found: Converted) -> None:
    """A source for each file system whose files pyLMT wrote: pytokio does not say where its
    database is.
    """
    backends = found.old.get("fsname_to_backend_name", {})
    timestep = found.old.get("lmt_timestep", 5)
    with _known_form("fsname_to_backend_name", backends):
        backends = dict(backends)
    with _known_form("lmt_timestep", timestep):
        seconds = int(timestep)
    for fsname, templates in found.site["hdf5_files"].items():
        if any(template.endswith(".h5lmt") for template in templates):
            backend = backends.get(fsname, f"{PLACEHOLDER}-NAME")
            server = f"{PLACEHOLDER}-USER@{PLACEHOLDER}-HOST:3306"
            keys = {"kind": "lmt", "database": f"mysql://{server}/filesystem_{backend}"}
            found.source(fsname, keys | {"timestep": seconds})


RULES: Mapping[str, Convert] = {
    "mount_to_fsname": _mounts,
    "hdf5_files": _hdf5_files,
    "fsname_to_h5lmt_file": _h5lmt_files,
    "mmperfmon_output_files": _mmperfmon,
    "darshan_log_dirs": _darshan,
    "lfsstatus_fullness_files": _snapshots,
    "lfsstatus_map_files": _snapshots,
    "lfsstatus_fullness_file": _snapshots,
    "lfsstatus_map_file": _snapshots,
}
READ: Mapping[str, str] = {
    "lmt_timestep": "lmt",
    "fsname_to_backend_name": "lmt",
    "h5lmt_base_dir": "lmt",
    "mmperfmon_lun_map": "mmperfmon",
    "mmperfmon_server_map": "mmperfmon",
    "lfsstatus_base_dir": "lustre_snapshots",
}
"""Keys that are a part of what others become, and the kind of source that has them."""


def _is_used(key: str, found: Converted) -> bool:
    return any(keys["kind"] == READ[key] for keys in found.site["sources"].values())
