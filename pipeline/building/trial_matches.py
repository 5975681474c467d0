"""What each pattern of site.json finds among the components, or the mount points, of a day.

Pure. Only patterns that select by names that the archive has are looked at: which interfaces of a
server are added up, the archive does not know.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.building.instance_day import InstanceDay
from pipeline.model import MOUNT_PATTERN
from pipeline.site import SourceOptions
from pipeline.sources._shared.hosts import HostOptions
from pipeline.sources._shared.pattern_matches import Matches
from pipeline.transform.mounts import UNKNOWN

Components = Mapping[str, Collection[str]]
"""By group of datasets."""
GROUPS = ("datatargets", "mdtargets", "dataservers", "mdservers", "fullness")


def matches_of_components(where: InstanceDay, components: Components) -> list[Matches]:
    """Of the patterns of an instance, and of the file systems whose servers it watches."""
    return [
        *_host_keys(where.options, components),
        *_maps(where.options, components),
        *matches_of_file_systems(where, components, GROUPS),
    ]


def matches_of_mounts(mapping: Mapping[str, str], mounts: Iterable[str]) -> list[Matches]:
    """Of the patterns of mount points; the first that matches a mount point has it."""
    names = [mount for mount in mounts if mount != UNKNOWN]
    patterns = {pattern: MOUNT_PATTERN.format(pattern) for pattern in mapping}
    return _first_matches("mount_to_fsname", patterns, {name: name for name in names})


def each_of_mounts(mapping: Mapping[str, str], mounts: Collection[str]) -> list[Matches]:
    """Of each pattern of mount points by itself, whichever comes first; none where there is no
    mount point, as in logs without a mount table.
    """
    if not set(mounts) - {UNKNOWN}:
        return []
    return [
        one
        for pattern, fsname in mapping.items()
        for one in matches_of_mounts({pattern: fsname}, mounts)
    ]


def _host_keys(options: SourceOptions, components: Components) -> list[Matches]:
    """`mdservers`, `dataservers` and `devices`, where they are given: which were measured, of those
    that they select.
    """
    if not isinstance(options, HostOptions):
        return []
    chosen = {
        "mdservers": [*components.get("mdservers", ())],
        "dataservers": [*components.get("dataservers", ())],
        "devices": [*components.get("datatargets", ()), *components.get("mdtargets", ())],
    }
    return [
        Matches(key, getattr(options, key), tuple(names))
        for key, names in chosen.items()
        if key in options.model_fields_set
    ]


def _maps(options: SourceOptions, components: Components) -> list[Matches]:
    """Maps of patterns to what the matched names are: ``datatarget``, ``mdserver``, ..."""
    found = []
    for key in type(options).model_fields:
        patterns = getattr(options, key)
        kinds = set(patterns.values()) if isinstance(patterns, dict) else set()
        if not kinds or not kinds <= {group.removesuffix("s") for group in GROUPS}:
            continue
        groups = {f"{kind}s" for kind in kinds}
        names = {
            name: name.rpartition(":")[2] for group in groups for name in components.get(group, ())
        }
        found += _first_matches(key, {pattern: pattern for pattern in patterns}, names)
    return found


def matches_of_file_systems(
    where: InstanceDay, components: Components, groups: Collection[str]
) -> list[Matches]:
    """The components behind each file system, by `fsname_to_instance`.

    Parameters
    ----------
    where : InstanceDay
    components : mapping of str to collection of str
    groups : collection of str
        Those whose patterns are looked at.
    """
    found = []
    for fsname, servers in where.site.fsname_to_instance.items():
        if servers.instance != where.instance:
            continue
        for group in sorted(
            servers.model_fields_set.intersection(GROUPS, groups), key=GROUPS.index
        ):
            pattern = servers.components(group)
            names = [name for name in components.get(group, ()) if pattern.fullmatch(name)]
            key = f"fsname_to_instance: {fsname}: {group}"
            found.append(Matches(key, pattern.pattern, tuple(names)))
    return found


def _first_matches(
    key: str, patterns: Mapping[str, str], names: Mapping[str, str]
) -> list[Matches]:
    """For each pattern, the keys of `names` whose values it is the first to match at the
    beginning.
    """
    found: dict[str, list[str]] = {pattern: [] for pattern in patterns}
    compiled: Sequence[tuple[str, re.Pattern[str]]] = [
        (pattern, re.compile(text)) for pattern, text in patterns.items()
    ]
    for name, part in names.items():
        first = next((pattern for pattern, one in compiled if one.match(part)), None)
        if first is not None:
            found[first].append(name)
    return [Matches(key, pattern, tuple(its)) for pattern, its in found.items()]
