"""What each pattern of site.json matches, and the finding of those that match nothing.

A pattern is judged by the names that its source has, before anything is selected; where the source
has no name that it could match, it is not judged. Nor is a default, or an empty pattern, which says
on purpose that nothing is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archive_tools.core.findings import Findings, shortened
from archive_tools.core.vocabulary import FindingKind
from pipeline.site import SourceOptions
from pipeline.sources._shared.hosts import HostOptions, matches

LONGEST = 100
"""Characters of a pattern, or a key, that a finding has."""
PLACE = "site.json"


@dataclass(frozen=True)
class Matches:
    """What one pattern finds.

    Attributes
    ----------
    key : str
        Where it is in site.json.
    pattern : str
    names : tuple of str
        Components or mount points that it matches.
    """

    key: str
    pattern: str
    names: tuple[str, ...]


class NamesByKey:
    """The names that a source has of a day, by the key whose patterns select among them.

    Parameters
    ----------
    options : SourceOptions
        A key holds a pattern for whole names, or maps patterns for the beginnings of names.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._names: dict[str, dict[str, None]] = {}

    def add(self, name: str, *keys: str) -> None:
        """Note a name that the source has, whether it is selected or not."""
        if name:
            for key in keys:
                self._names.setdefault(key, {})[name] = None

    def matches(self) -> Iterator[Matches]:
        """What each pattern matches, of the keys that are given and have names to match."""
        for key in sorted(self._names.keys() & self._options.model_fields_set):
            given, names = getattr(self._options, key), self._names[key]
            if isinstance(given, str):
                yield Matches(key, given, tuple(name for name in names if matches(given, name)))
                continue
            for pattern in given:
                compiled = re.compile(pattern)
                yield Matches(key, pattern, tuple(filter(compiled.match, names)))

    def hosts_left_out(self) -> list[str]:
        """The hosts that are of no group, of a source that has groups of servers."""
        options = self._options
        if not isinstance(options, HostOptions):
            return []
        return [
            host
            for host in self._names.get("dataservers", ())
            if not matches(options.mdservers, host) and not matches(options.dataservers, host)
        ]


def tell_unmatched(found: Iterable[Matches], findings: Findings) -> None:
    """Note the patterns that match nothing, key by key."""
    by_key: dict[str, list[str]] = {}
    for one in found:
        if one.pattern and not one.names:
            by_key.setdefault(one.key, []).append(printable(one.pattern))
    for key, patterns in by_key.items():
        detail = f"{printable(key)[1:-1]}: {shortened(patterns)}"
        findings.add(FindingKind.PATTERNS_UNMATCHED, len(patterns), PLACE, detail)


def share(part: int, whole: int) -> float:
    """In per cent, as findings say it."""
    return float(f"{100.0 * part / whole:.3g}") if whole else 0.0


def of_rows(names: Iterable[str]) -> str:
    """The detail of a finding of rows that are left out for their names: their share, and which."""
    return f"{{amount}} % of the rows; {shortened(sorted(map(printable, names)))}"


def tell_hosts_left_out(names: NamesByKey, findings: Findings) -> None:
    """Note the hosts that belong to no group, which the site may want so."""
    hosts = names.hosts_left_out()
    findings.add(
        FindingKind.HOSTS_LEFT_OUT, len(hosts), PLACE, shortened(sorted(map(printable, hosts)))
    )


def printable(text: str) -> str:
    """A text in quotes, with what cannot be printed escaped; also what a finding's detail would
    replace.
    """
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return repr(cut).replace("{amount}", r"\x7bamount}")
