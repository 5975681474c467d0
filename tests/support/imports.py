"""What importing must not load."""

from __future__ import annotations

HEAVY = (
    "pipeline",
    "luigi",
    "darshan",
    "cffi",
    "connectorx",
    "pydantic",
    "pandas",
    "pyarrow",
    "matplotlib",
    "xarray",
)

THIRD_PARTY = (*HEAVY[1:], "numpy", "h5py", "rich", "jinja2", "msgspec", "psutil", "httpx", "dask")
"""What parsers of arguments do without."""
