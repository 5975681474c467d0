"""Rows of `sources/slurm.toml`: what is counted of the jobs that ran."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from pipeline.schemas import source_maps


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    of : {'jobs', 'nodes'}
        What is counted.
    """

    of: Literal["jobs", "nodes"]


Metric: TypeAlias = source_maps.SourceMetric[Selector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("slurm"), Selector)
