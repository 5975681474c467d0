"""Keys of a collectd source in site.json."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.schemas.site_types import Templates
from pipeline.site import Site
from pipeline.sources._shared import source_files
from pipeline.sources._shared.hosts import HostOptions
from pipeline.sources._shared.http_client import HTTP_ORIGIN, HttpOptions, http_with_absolute_paths


class Options(HttpOptions, HostOptions):
    """Keys of a collectd source.

    Attributes
    ----------
    form : {'elasticsearch', 'write_http', 'csv'}
        Documents with Logstash's field names, JSON of the write_http plugin, or files of the csv
        plugin.
    files : str or list of str
        Files, folders, tarballs or glob patterns; strftime templates, of dates in `timezone`. The
        next day's are read too: they have the day's last samples.
    neighbours : int
        How many more days before and after are read, where files have values of other days than
        their names say.
    url : str
        A server in place of a dump, with `form` elasticsearch.
    index : str
        Of the server: a strftime template (of UTC dates), or a pattern.
    query : dict
        A further filter clause of the search, such as ``{"prefix": {"hostname": "bb"}}``.
    paging : {'scroll', 'pit'}
        How a server is read.
    page_size : int
        Documents a page.
    store_rates : bool
        Whether collectd stored rates; as collectd's own key. True for Elasticsearch unless given,
        else false.
    interval : int
        Seconds between two values, where the form does not report it; unless given, what the
        stamps of each series say.
    arrival_field : str
        Field of the stamp at which a document arrived: clocks that differ from it are a finding.
    max_expanded_mb : int
        What a compressed file may expand to.
    max_ratio : int
        How many times its size it may expand to; 32 MiB are always allowed.
    """

    ORIGIN: ClassVar[frozenset[str]] = HTTP_ORIGIN | {
        "files",
        "index",
        "query",
        "paging",
        "page_size",
        "max_expanded_mb",
        "max_ratio",
    }

    kind: Literal["collectd"]
    form: Literal["elasticsearch", "write_http", "csv"]
    files: Templates = []
    neighbours: int = Field(default=0, ge=0, le=7)
    index: str = "collectd-*"
    query: dict[str, Any] = {}
    paging: Literal["scroll", "pit"] = "scroll"
    page_size: int = Field(default=10_000, ge=1)
    store_rates: bool | None = None
    interval: int = Field(default=0, ge=0)
    arrival_field: str = ""
    max_expanded_mb: int = Field(default=65_536, ge=1)
    max_ratio: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _one_origin(self) -> Options:
        if bool(self.url) == bool(self.files):
            raise ValueError("needs either files or url")
        if self.url and self.form != "elasticsearch":
            raise ValueError(f"form {self.form} is read from files, not from a url")
        unused = self.model_fields_set & (
            {"index", "query", "paging", "page_size"}
            if not self.url
            else {"max_expanded_mb", "max_ratio"}
        )
        if self.arrival_field and self.form != "elasticsearch":
            unused.add("arrival_field")
        if unused:
            raise ValueError(
                f"{', '.join(sorted(unused))}: not used with {'url' if self.url else 'files'} and"
                f" form {self.form}"
            )
        return self

    @property
    def rates(self) -> bool:
        """Whether values of counters are rates."""
        return self.form == "elasticsearch" if self.store_rates is None else self.store_rates

    @property
    def every(self) -> int:
        """Seconds between two values, as far as that is known beforehand."""
        return self.interval or self.timestep


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update = {
        "files": source_files.with_absolute_paths(options.files, site),
        "timezone": options.timezone or site.timezone,
    }
    return options.model_copy(update=update | http_with_absolute_paths(options, site))
