"""A day's Darshan logs. The source itself is in `source`, loaded when it is used: readers of logs,
which import other modules of this folder, do without it and all that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.sources.darshan.source import SOURCE, Darshan, Options

__all__ = ["SOURCE", "Darshan", "Options"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.sources.darshan import source

    return getattr(source, name)
