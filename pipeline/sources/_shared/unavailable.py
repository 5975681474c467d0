"""A source whose kind cannot be used: a package that is not installed, or that is wrong.

Its instance fails with the reason; the other instances of the site go on, and what is archived
remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pydantic import ConfigDict

from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from archive_tools.core.findings import Findings
from pipeline.model import Samples
from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import SourceMetric
from pipeline.site import Site, SourceOptions
from pipeline.sources.contract import Fetched, Inputs, SeriesSource


class AnyOptions(SourceOptions):
    """Keys that nobody can check."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class UnavailableSource(SeriesSource[AnyOptions]):
    """Raises the reason whenever it is used.

    Parameters
    ----------
    kind : str
    reason : str
        Why it cannot be used.
    """

    version = 0
    Options = AnyOptions
    Selector = source_maps.Selector

    def __init__(self, kind: str, reason: str) -> None:
        self.kind, self.reason = kind, reason

    def _refuse(self) -> NoReturn:
        raise SourceError(self.reason)

    def metrics(self) -> tuple[SourceMetric[source_maps.Selector], ...]:
        """None."""
        return ()

    def with_absolute_paths(self, options: AnyOptions, site: Site) -> AnyOptions:
        """The options as they are."""
        return options

    def inputs(self, options: AnyOptions, day: Day) -> Inputs:
        """Raises the reason."""
        self._refuse()

    def fetch(self, options: AnyOptions, day: Day, folder: Path) -> Fetched:
        """Raises the reason."""
        self._refuse()

    def parse(
        self, options: AnyOptions, day: Day, folder: Path, findings: Findings
    ) -> Iterator[Samples]:
        """Raises the reason."""
        self._refuse()
