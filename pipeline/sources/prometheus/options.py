"""Keys of a Prometheus source in site.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from archive_tools.core.day import Day
from pipeline.schemas.site_types import Templates
from pipeline.site import Site
from pipeline.sources._shared import source_files
from pipeline.sources._shared.hosts import HostOptions
from pipeline.sources._shared.http_client import HTTP_ORIGIN, HttpOptions, http_with_absolute_paths
from pipeline.sources.prometheus.query import (
    LABEL,
    Exporter,
)


class Options(HttpOptions, HostOptions):
    """Keys of a Prometheus source; exactly one of `url` and `answers` is given.

    Attributes
    ----------
    url : str
        ``http://host:9090``; of a VictoriaMetrics cluster ``http://host:8481/select/0/prometheus``.
    answers : str or list of str
        Files, folders or glob patterns of saved answers, strftime templates.
    exporters : list of str
        Whose figures are used; for each dataset the first that has it.
    host_label : str
        The label that says which server a series is of; a port is cut off.
    extra : dict of str to str
        Labels, with their values, that all series must have.
    max_expanded_mb : int
        What a saved file may expand to.
    max_ratio : int
        How many times its size it may expand to; 32 MiB are always allowed.
    points : int
        Most points of a series in one answer; servers refuse more than some number, Prometheus than
        11,000.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {"answers", "max_ratio", "points"}

    kind: Literal["prometheus"]
    answers: Templates = ""
    exporters: list[Exporter] = Field(default=["node_exporter"], min_length=1)
    host_label: str = "instance"
    extra: dict[str, str] = {}
    max_expanded_mb: int = Field(default=4096, ge=1)
    max_ratio: int = Field(default=100, ge=1)
    points: int = Field(default=11_000, ge=2)

    @field_validator("host_label", "extra")
    @classmethod
    def _label_names(cls, given: str | dict[str, str]) -> str | dict[str, str]:
        for name in [given] if isinstance(given, str) else given:
            if not LABEL.fullmatch(name):
                raise ValueError(
                    f"{name!r} is not a label name: letters, digits and _, no digit first"
                )
        return given

    @model_validator(mode="after")
    def _one_place(self) -> Options:
        if bool(self.url) == bool(self.answers):
            raise ValueError(
                "give either url (a server) or answers (saved files)"
                + (", not both" if self.url else "")
            )
        return self

    def saved(self, day: Day) -> list[Path]:
        """The saved files of a day."""
        return source_files.walked(source_files.expanded(self.answers, day))


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update: dict[str, Any] = {
        "timezone": options.timezone or site.timezone,
        **http_with_absolute_paths(options, site),
    }
    if options.answers:
        update["answers"] = source_files.with_absolute_paths(options.answers, site)
    return options.model_copy(update=update)
