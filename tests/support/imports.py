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
