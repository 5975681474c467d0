"""Rows of `sources/lustre_snapshots.toml`: which columns of which command each dataset is."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from pipeline.schemas import source_maps


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    of : {'OST', 'MDT'}
        Targets that are meant.
    table : {'blocks', 'inodes', 'devices'}
        `lfs df`, `lfs df -i`, `lctl dl -t`.
    field : {'total', 'used', 'elsewhere'}
    """

    of: Literal["OST", "MDT"]
    table: Literal["blocks", "inodes", "devices"]
    field: Literal["total", "used", "elsewhere"]


Metric: TypeAlias = source_maps.SourceMetric[Selector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("lustre_snapshots"), Selector)
