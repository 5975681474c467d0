"""What a program that we start finds in its environment, where it reads what others wrote."""

from __future__ import annotations

from collections.abc import Mapping

KEPT = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "TZDIR", "HOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TMPDIR"}
    | {"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONTZPATH"}
    | {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUTF8", "PYTHONIOENCODING"}
)
"""Variables that are kept, besides ``LC_*``: what Python needs to find itself."""


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold no password or token of a site, nor of a shell."""
    return {
        name: value for name, value in variables.items() if name in KEPT or name.startswith("LC_")
    }
