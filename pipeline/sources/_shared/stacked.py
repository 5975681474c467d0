"""Interfaces and block devices that lie on others: what goes through them goes through these too,
and counts twice where both count.

Told by the names that Linux gives them: bonds, bridges and VLANs; device mapper, RAID, partitions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind

VIRTUAL = re.compile(
    r"(bond|team|br|virbr|docker|ovs|vlan|tun|tap|veth|dummy|dm-|md|drbd|zd)[-_]?\d.*"
    r"|br-.*|docker0|bond|team"
)
PARTITION = re.compile(r"(?P<disk>[hsv]d[a-z]+)\d+|(?P<drive>nvme\d+n\d+|mmcblk\d+)p\d+")
VLAN = re.compile(r"(?P<below>.+)\.\d+")
LISTED = 3


def stacked(names: Collection[str]) -> dict[str, str]:
    """Which of a host's interfaces or devices lie on others of it that are there too.

    Parameters
    ----------
    names : collection of str

    Returns
    -------
    dict of str to str
        Name to the one that it lies on; to "" where the name does not say which.
    """
    found: dict[str, str] = {}
    known = frozenset(names)
    for name in sorted(known):
        on = _below(name)
        if on in known:
            found[name] = on
        elif VIRTUAL.fullmatch(name):
            found[name] = ""
    real = known - set(found)
    return {name: on for name, on in found.items() if on or real}


def _below(name: str) -> str:
    partition, vlan = PARTITION.fullmatch(name), VLAN.fullmatch(name)
    if partition:
        return partition["disk"] or partition["drive"]
    return vlan["below"] if vlan else ""


def tell(dataset: str, key: str, parts: Iterable[tuple[str, str]], findings: Findings) -> None:
    """Note what counts twice.

    Parameters
    ----------
    dataset : str
    key : str
        Of site.json, that says what counts: ``interfaces`` or ``devices``.
    parts : iterable of (str, str)
        Host and name of each interface or device that counts.
    findings : Findings
    """
    by_host: dict[str, list[str]] = {}
    for host, name in parts:
        by_host.setdefault(host, []).append(name)
    twice = {host: found for host, names in by_host.items() if (found := stacked(names))}
    if not twice:
        return
    host = min(twice)
    said = [f"{name} is of {on}" if on else name for name, on in twice[host].items()]
    beside = [name for name in sorted(by_host[host]) if name not in twice[host]]
    more = f" and {len(twice) - 1} more hosts" if len(twice) > 1 else ""
    findings.add(
        FindingKind.COUNTED_TWICE,
        sum(map(len, twice.values())),
        dataset,
        f"{host}{more}: {', '.join(said[:LISTED])} beside {', '.join(beside[:LISTED])};"
        f" set {key} to what counts",
    )
