"""Optional packages: which extra has which, whether one is installed, and the error that says what
to install.

Packages of extras are imported in the functions that use them, within `needs_extra`. The base
install must be able to import every module.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from archive_tools.core.errors import MissingPackage

PACKAGES: dict[str, tuple[str, ...]] = {
    "analysis": ("dask", "duckdb", "h5netcdf", "scipy", "xarray"),
    "completion": ("shtab",),
    "darshan": ("cffi", "darshan"),
    "dask": ("dask", "distributed"),
    "http": ("httpx", "tenacity"),
    "lmt": ("connectorx",),
    "pages": ("plotly",),
    "plots": ("matplotlib",),
    "serve": ("starlette", "uvicorn"),
}
"""Names to import, by extra; the requirements of the extras in `setup.cfg` are the same."""


@contextlib.contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Imports of packages that an extra has.

    Parameters
    ----------
    extra : str
        A name in `PACKAGES`.
    what : str
        What needs them: the subject of the error's sentence.

    Raises
    ------
    MissingPackage
        One of the extra's packages is not installed. Any other ImportError is left as it is: it is
        of a broken installation.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] in absent_packages(extra):
            raise MissingPackage.of(what, extra) from error
        raise


def absent_packages(extra: str) -> list[str]:
    """The packages of an extra that are not installed; nothing is imported."""
    return [name for name in PACKAGES[extra] if importlib.util.find_spec(name) is None]


def check_extra(extra: str, what: str) -> None:
    """Refuse to go on without the packages of an extra; nothing is imported.

    Raises
    ------
    MissingPackage
        One of them is not installed.
    """
    if absent_packages(extra):
        raise MissingPackage.of(what, extra)
