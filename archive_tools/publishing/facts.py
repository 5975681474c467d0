"""What a published copy says of its files: receipts, and `archive.json`. Free text, names of hosts
and components, and what only the original's site can use are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive_tools.core.errors import FormatError, NotFound, TokioError
from archive_tools.core.findings import Event, events_of
from archive_tools.core.vocabulary import FindingKind
from archive_tools.formats.tts_read import open_tts
from archive_tools.publishing import columns
from archive_tools.publishing.names import Names
from archive_tools.publishing.products import KIND, made_by
from archive_tools.schemas import catalogue
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt

VERSION = 1
"""Raised when a copy is made in another way: published files are then made again."""
COUNTS = {"rows", "samples", "cells", "datasets", "logs", "headers", "mounts", "summaries"}
COUNTS |= {"rejects", "servers", "job_servers", "neighbours", "snapshots"}
KINDS = {str(kind) for kind in FindingKind}
QUALITY = KINDS | {"measured", "missing"}
ABOUT = {"site", "timezone", "hdf5_files", "fsname_to_instance", "instances", "layout"}
ABOUT |= {"schedulers", "lustre_to_fsname"}
GROUPS = ("datatargets", "mdtargets", "dataservers", "mdservers", "fullness")
ALL = ".*"


# Receipts


def published_receipt(receipt: Receipt, names: Names) -> Receipt:
    """The receipt's name in the copy: it changes with the original, and with the key."""
    upstream = f"{receipt.name} {VERSION} {names.key_id}"
    return receipt._replace(
        instance=names.instance(receipt.instance), fingerprint=names.fingerprint(upstream)
    )


def receipt_content(content: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Of a receipt's content what has no names."""
    events = [_event(event) for event in events_of(content) if event.kind in KINDS]
    placed = content.get("bytes_placed", {})
    return {
        **made_by(),
        "bytes": size,
        "counts": _numbers(content.get("counts", {}), COUNTS),
        "configuration": _configuration(content.get("configuration", {})),
        "quality": {
            name: _numbers(reported, QUALITY)
            for name, reported in content.get("quality", {}).items()
            if name in catalogue()
        },
        "findings": [event.sentence() for event in events],
        "events": [event.as_json() for event in events],
        **_numbers(content, {"percent", "version"}),
        **({"bytes_placed": _numbers(placed, {"dxt", "heatmap", "even"})} if placed else {}),
    }


def _event(event: Event) -> Event:
    """An event without names of files and components, and without its sentence."""
    return Event(
        event.kind,
        event.count,
        tuple(name for name in event.datasets if name in catalogue()),
        span=event.span,
        amounts={name: value for name, value in event.amounts.items() if name in catalogue()},
    )


def _numbers(content: Any, known: set[str]) -> dict[str, int | float]:
    if not isinstance(content, Mapping):
        return {}
    return {
        key: value
        for key, value in content.items()
        if key in known and isinstance(value, int | float)
    }


def _configuration(content: Any) -> dict[str, Any]:
    found = dict[str, Any](_numbers(content, {"timestep"}))
    kind = content.get("kind") if isinstance(content, Mapping) else None
    return found | ({"kind": kind} if isinstance(kind, str) and KIND.fullmatch(kind) else {})


# archive.json


def published_about(
    root: Path, about: Mapping[str, Any], names: Names, site: str
) -> dict[str, Any]:
    """The content of `archive.json` of the copy.

    Raises
    ------
    FormatError
        The original's has a key that is not known.
    """
    path = root / layout.ABOUT
    if unknown := sorted(set(about) - ABOUT):
        raise columns.refused(path, "it has keys that publish does not know", unknown)
    if "timezone" not in about:
        raise FormatError(
            f"{path} does not say the time zone",
            hint="the next nightly run writes it anew",
        )
    behind = about.get("fsname_to_instance", {})
    components = Components(root)
    joins = {
        "schedulers": (names.instance, names.instance),
        "lustre_to_fsname": (names.file_system, names.file_system),
    }
    return {
        key: {one(name): other(value) for name, value in about[key].items()}
        for key, (one, other) in joins.items()
        if key in about
    } | {
        "site": site,
        "timezone": about["timezone"],
        "hdf5_files": {},
        "fsname_to_instance": {
            names.file_system(fsname): _behind(servers, components, names)
            for fsname, servers in behind.items()
        },
        "instances": {
            names.instance(instance): _configuration(keys)
            for instance, keys in about.get("instances", {}).items()
        },
        "layout": about.get("layout", 1),
        "published": {"version": VERSION, "key": names.key_id},
    }


class Components:
    """The names of components of an archive's instances, of all days."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, dict[str, set[str]]] = {}

    def of(self, instance: str, group: str) -> set[str]:
        """The components of a group."""
        if instance not in self._known:
            self._known[instance] = self._read(instance)
        return self._known[instance].get(group, set())

    def _read(self, instance: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for date, _ in layout.day_folders(self._root):
            path = layout.path(self._root, layout.TTS, date, instance)
            try:
                with open_tts(path) as tts:
                    for name in tts.datasets():
                        found.setdefault(name.partition("/")[0], set()).update(tts.columns(name))
            except NotFound:
                continue
            except TokioError:  # `publish` refuses the file when it comes to it
                continue
        return found


def _behind(servers: Any, components: Components, names: Names) -> dict[str, str]:
    """The servers behind a file system: in place of expressions of names the names that they
    match.
    """
    if not isinstance(servers, Mapping):
        servers = {"instance": str(servers)}
    instance = str(servers["instance"])
    found = {"instance": names.instance(instance)}
    for group in GROUPS:
        pattern = str(servers.get(group, ALL))
        if pattern != ALL:
            wanted = re.compile(pattern)
            matched = filter(wanted.fullmatch, sorted(components.of(instance, group)))
            pattern = "|".join(sorted(re.escape(names.component(name)) for name in matched))
        found[group] = pattern or "(?!)"
    return found
