"""What is requested in PromQL: selectors, and the lines of the source map that hold them.

The grammar is the part of PromQL that a source map needs: ``name{label="value", ...}`` with the
operators ``=``, ``!=``, ``=~`` and ``!~``. Nothing here reads or requests anything.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from pydantic import field_validator

from archive_tools.core.errors import ConfigError
from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import Texts
from pipeline.sources._shared.hosts import HostOptions, matches

Exporter = Literal["node_exporter", "lustre_exporter"]

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
MATCHER = re.compile(rf'\s*({LABEL.pattern})\s*(=~|!~|!=|=)\s*("(?:[^"\\\n]|\\.)*")\s*')
PORT = re.compile(r"(\[.*\]|[^:]*):\d+")


class Matcher(NamedTuple):
    """A condition on a label; a label that a series does not have is empty."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{json.dumps(self.value, ensure_ascii=False)}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        same = (
            re.fullmatch(self.value, found) is not None if "~" in self.op else found == self.value
        )
        return same != self.op.startswith("!")


class Selector(NamedTuple):
    """The series of one metric whose labels satisfy all matchers."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Selector:
        """A selector of its text.

        Raises
        ------
        ConfigError
            Names the place where the text is none.
        """
        name = NAME.match(text)
        if name is None:
            raise _wrong(text, 0, "the name of a metric")
        at = name.end()
        if at == len(text):
            return cls(name[0])
        if text[at] != "{":
            raise _wrong(text, at, "{ or the end")
        matchers = []
        while text[at] in "{,":
            found = MATCHER.match(text, at + 1)
            if found is None:
                raise _wrong(text, at + 1, 'label="value", with = or != or =~ or !~')
            matchers.append(_matcher(found, text))
            at = found.end()
            if at == len(text):
                break
        if text[at:] != "}":
            raise _wrong(text, at, "} and the end")
        return cls(name[0], tuple(matchers))

    def __str__(self) -> str:
        return self.name + (f"{{{','.join(map(str, self.matchers))}}}" if self.matchers else "")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with its name in ``__name__`` is meant."""
        return labels.get("__name__") == self.name and all(
            matcher.matches(labels) for matcher in self.matchers
        )


def equal(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers of labels that must have a value, in the labels' order."""
    return tuple(Matcher(label, "=", value) for label, value in sorted(labels.items()))


def _wrong(text: str, at: int, expected: str) -> ConfigError:
    return ConfigError(
        f"selector {text!r} is wrong at character {at + 1}",
        expected=expected,
        got=text[at:] or "its end",
    )


def _matcher(found: re.Match[str], text: str) -> Matcher:
    label, op, quoted = found.groups()
    try:
        value = json.loads(quoted)
        re.compile(value if "~" in op else "")
    except (ValueError, re.error) as error:
        raise ConfigError(
            f"selector {text!r}: the value of {label} is wrong: {error}", got=quoted
        ) from None
    return Matcher(label, op, value)


class Request(NamedTuple):
    """What a server is requested: a sample of each series of a selector, or their mean over the
    label `without`.
    """

    select: Selector
    without: str
    counter: bool

    def query(self, extra: Mapping[str, str], seconds: int) -> str:
        """Of a counter the least sample of the `seconds` before, which is the first unless it was
        reset; else the last one.
        """
        series = self.select._replace(matchers=self.select.matchers + equal(extra))
        found = f"{'min' if self.counter else 'last'}_over_time({series}[{seconds}s])"
        return f"avg without ({self.without}) ({found})" if self.without else found


class Term(NamedTuple):
    """A selector whose series are added (1) or taken away (-1)."""

    sign: int
    select: Selector

    @classmethod
    def parse(cls, text: str) -> Term:
        """A term of its text: a selector, or "-" before one."""
        return cls(-1 if text.startswith("-") else 1, Selector.parse(text.removeprefix("-")))


class ExporterRow(source_maps.Selector):
    """How one exporter reports a dataset: a table in a row of `sources/prometheus.toml`.

    Attributes
    ----------
    select : str or list of str
        PromQL selectors that are added up; one that begins with "-" is taken away.
    component, part : str
        Templates of the names of a component and of its part.
    filter : {'', 'devices', 'interfaces'}
        Which key of `HostOptions` the label ``device`` must match.
    without : str
        The label over which the server is queried for the mean.
    """

    select: Texts
    component: str
    part: str = ""
    filter: Literal["", "devices", "interfaces"] = ""
    without: str = ""

    @field_validator("select")
    @classmethod
    def _is_promql(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Term.parse(text)
        return texts


class ExporterRows(source_maps.Selector):
    """The kind's own keys of a row: an alternative for each exporter that has the dataset."""

    node_exporter: ExporterRow | None = None
    lustre_exporter: ExporterRow | None = None

    def row(self, exporter: Exporter) -> ExporterRow | None:
        """The alternative of an exporter."""
        return self.node_exporter if exporter == "node_exporter" else self.lustre_exporter


Metric: TypeAlias = source_maps.SourceMetric[ExporterRows]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("prometheus"), ExporterRows)


@dataclass(frozen=True)
class Line:
    """How one exporter reports a dataset.

    Attributes
    ----------
    dataset : str
    counter : bool
        Whether its series only grow, and a row's figure is the growth from its first sample to the
        next row's.
    terms : tuple of Term
        What is added up, component by component.
    component : str
        Template of the component's name out of the series' labels; ``{host}`` is the host label
        without port.
    part : str
        Template of the name of a component's part, or "".
    filter : str
        Which key of `HostOptions` the label ``device`` must match, or "".
    without : str
        The label over which the server is queried for the mean, or "".
    """

    dataset: str
    counter: bool
    terms: tuple[Term, ...]
    component: str
    part: str = ""
    filter: str = ""
    without: str = ""

    def wanted(self, options: HostOptions, labels: Mapping[str, str], host: str) -> bool:
        """Whether a series is of a server and a device that the site counts."""
        device = labels.get("device", "")
        if self.filter and not matches(
            options.devices if self.filter == "devices" else options.interfaces, device
        ):
            return False
        return "{host}" not in self.component or options.group(self.dataset, host)

    def has_parts(self) -> bool:
        """Whether a component is more than one series."""
        return bool(self.part) or len(self.terms) > 1

    def of_metadata_servers(self) -> bool:
        """Whether only servers that the site calls metadata servers can be meant."""
        return "{host}" in self.component and self.dataset.startswith("md")

    def requests(self) -> list[Request]:
        """What a server is requested."""
        return [Request(term.select, self.without, self.counter) for term in self.terms]


def line(dataset: str, reports: source_maps.Reports, row: ExporterRow) -> Line:
    """How an exporter reports a dataset, by its row of the source map."""
    return Line(
        dataset,
        reports in ("counter", "seconds"),
        tuple(map(Term.parse, row.select)),
        row.component,
        row.part,
        row.filter,
        row.without,
    )


def lines(exporters: list[Exporter]) -> dict[str, list[Line]]:
    """By dataset, in the source map's order: how each of the exporters that have it reports it, the
    preferred one first.
    """
    found = {}
    for metric in metrics():
        rows = [metric.find.row(exporter) for exporter in exporters]
        found[metric.dataset.name] = [
            line(metric.dataset.name, metric.reports, row) for row in rows if row is not None
        ]
    return {name: those for name, those in found.items() if those}


def host_name(label: str) -> str:
    """A host label without its port."""
    with_port = PORT.fullmatch(label)
    return with_port[1] if with_port else label
