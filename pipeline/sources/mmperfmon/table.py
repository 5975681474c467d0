"""Rows of `sources/mmperfmon.toml`: which counters of `mmperfmon query` each dataset is."""

from __future__ import annotations

import functools
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import Texts

Terms = Annotated[list[Texts], Field(min_length=1)]


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    counters : str or list of str
        Names of a counter, of which any counts.
    plus, less : list of list of str
        Further counters, likewise, that are added or taken away.
    of : {'', 'device', 'interface'}
        What a target, or a part of a server, is; "" where the counter is the server's own.
    plain : float
        What a number without a unit is multiplied by.
    """

    counters: Texts
    plus: Terms = []
    less: Terms = []
    of: Literal["", "device", "interface"] = ""
    plain: float = 1.0

    @property
    def terms(self) -> list[tuple[float, tuple[str, ...]]]:
        """The terms of the figure: a sign, and the names of the counter."""
        return [
            (1.0, self.counters),
            *((1.0, names) for names in self.plus),
            *((-1.0, names) for names in self.less),
        ]


Metric: TypeAlias = source_maps.SourceMetric[Selector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("mmperfmon"), Selector)
