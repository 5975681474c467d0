"""Which mount point a file is on, and which file system that is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pipeline.model import MOUNT_PATTERN

UNKNOWN = "UNKNOWN"
"""Mount point and file system of a record on no known mount: standard streams, relative names."""


def mount_of(path: str, mounts: Collection[str]) -> str:
    """The longest mount point that is `path` or a folder above it, component by component.

    Parameters
    ----------
    path : str
    mounts : collection of str
        Absolute, without a trailing slash but for ``/``; a set is best.

    Returns
    -------
    str
        A member of `mounts`, or `UNKNOWN`: ``/scratch10/f`` is not on ``/scratch1``.
    """
    if not path.startswith("/"):
        return UNKNOWN
    while path:
        if path in mounts:
            return path
        path = path[: path.rindex("/")]
    return "/" if "/" in mounts else UNKNOWN


class FileSystems:
    """Mount points to file system names by the site's `mount_to_fsname`.

    A pattern matches from the start of the mount point to the end of one of its components, so that
    ``^/scratch1`` does not take ``/scratch10``; the first that matches counts. A mount point that
    none matches is its own name.
    """

    def __init__(self, mount_to_fsname: Mapping[str, str]) -> None:
        self._patterns = [
            (re.compile(MOUNT_PATTERN.format(pattern)), name)
            for pattern, name in mount_to_fsname.items()
        ]
        self._names = {UNKNOWN: UNKNOWN}

    def configured(self, mount: str) -> bool:
        """Whether a pattern names the mount point."""
        return any(pattern.match(mount) for pattern, _ in self._patterns)

    def __getitem__(self, mount: str) -> str:
        if mount not in self._names:
            self._names[mount] = next(
                (name for pattern, name in self._patterns if pattern.match(mount)), mount
            )
        return self._names[mount]
