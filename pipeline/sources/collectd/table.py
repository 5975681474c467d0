"""Rows of `sources/collectd.toml`: which value of which value lists each dataset is."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import Texts


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    plugin, field : str
    type : str or list of str
        Of several the first that a server has counts.
    type_instance : str, optional
        The only one that is meant; all unless given.
    component : {'device', 'host', 'core', 'interface'}
        What a column is: a device, a host, or a host whose cores or interfaces are its parts.
    over_interval : bool
        Whether the figure is of the interval before its stamp, although it is not a counter.
    """

    plugin: str
    type: Texts
    type_instance: str | None = None
    field: Literal["value", "read", "write", "rx", "tx"]
    component: Literal["device", "host", "core", "interface"]
    over_interval: bool = False


Metric: TypeAlias = source_maps.SourceMetric[Selector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("collectd"), Selector)


@functools.cache
def plugins() -> list[str]:
    """The plugins that the source map needs."""
    return sorted({metric.find.plugin for metric in metrics()})


@functools.cache
def types() -> dict[str, bool]:
    """Types that are wanted, and whether they are counters."""
    return {
        kind: metric.dataset.kind == "delta" or kind == "cpu"
        for metric in metrics()
        for kind in metric.find.type
    }
