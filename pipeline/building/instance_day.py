"""One day of one instance: what is built, from where, to where."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.core.day import Day
from archive_tools.store import layout
from pipeline.site import Site
from pipeline.sources import registry as sources
from pipeline.sources.contract import AnySource


@dataclass(frozen=True)
class InstanceDay:
    """One day of one instance of a site.

    Attributes
    ----------
    site : Site
    instance : str
        Name in `sources` of site.json.
    day : Day
    options : SourceOptions
        The checked keys of the instance, of its source's own `Options`.
    """

    site: Site
    instance: str
    day: Day
    options: Any

    @functools.cached_property
    def source(self) -> AnySource:
        """The source of the instance's kind."""
        return sources.usable(self.options.kind)

    @property
    def tts(self) -> Path:
        """Where the day's TTS file is."""
        return layout.path(self.site.root, layout.TTS, self.day.date, self.instance)

    def raw_folder(self, fingerprint: str) -> Path:
        """Where the raw data of a fingerprint of inputs are."""
        return layout.path(self.site.root, layout.RAW, self.day.date, self.instance, fingerprint)

    def __str__(self) -> str:
        return f"{self.day} {self.instance}"
