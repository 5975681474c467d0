"""Which servers, devices and interfaces count, what names they may have, and whether a server is
one of data or of metadata.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated

from pydantic import AfterValidator

from pipeline.site import SourceOptions


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
LONGEST_NAME = 255


@functools.lru_cache(maxsize=65536)
def matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches a name as a whole; the empty pattern matches none."""
    return bool(pattern) and re.fullmatch(pattern, name) is not None


def usable(name: str) -> bool:
    """Whether a text can be a component's name: 1 to 255 characters, all printable. Names are what
    anyone wrote.
    """
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


class HostOptions(SourceOptions):
    """Keys of sources that watch servers; patterns are regular expressions for whole names.

    Attributes
    ----------
    mdservers : str
        Metadata servers; none unless given.
    dataservers : str
        Data servers, of those that are not metadata servers; all unless given.
    devices : str
        Block devices that are targets; all unless given.
    interfaces : str
        Network interfaces whose traffic is added up for a server; all but ``lo`` unless given.
    """

    mdservers: Pattern = ""
    dataservers: Pattern = ".*"
    devices: Pattern = ".*"
    interfaces: Pattern = "(?!lo$).*"

    def group(self, dataset: str, host: str) -> bool:
        """Whether a server belongs into a dataset's group: ``mdservers``, ``mdtargets`` or those of
        data.
        """
        metadata = matches(self.mdservers, host)
        return (
            metadata
            if dataset.startswith("md")
            else not metadata and matches(self.dataservers, host)
        )
