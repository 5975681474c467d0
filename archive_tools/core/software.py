"""This software's version, and the versions of what it uses."""

from __future__ import annotations

DISTRIBUTION = "tokio-archive"
"""The name under which pip knows this software."""
NOT_INSTALLED = "(not installed)"


def version(distribution: str = DISTRIBUTION) -> str:
    """The installed version of a distribution; `NOT_INSTALLED` where there is none."""
    from importlib import metadata  # as slow as all else that a help needs

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED
