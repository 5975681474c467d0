"""A Python that lacks optional packages."""

from __future__ import annotations

import sys

import pytest

from archive_tools.core.extras import PACKAGES


def without(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the packages of an extra as if they were not installed, until the test ends."""
    for name in PACKAGES[extra]:
        for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
