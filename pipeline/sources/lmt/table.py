"""Rows of `sources/lmt.toml`: which column of LMT's tables each dataset is."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection
from typing import TypeAlias

from pydantic import ValidationInfo, field_validator

from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import Texts
from pipeline.sources.lmt.tables import SERIES, TABLES


class Selector(source_maps.Selector):
    """Keys of a row.

    Attributes
    ----------
    table : str
    field : str or list of str
        Its columns; of several the sum.
    operation : str
        A name in OPERATION_INFO, in MDS_OPS_DATA only.
    """

    table: str
    field: Texts
    operation: str = ""

    @field_validator("table")
    @classmethod
    def _known_table(cls, table: str) -> str:
        return _known("table", table, SERIES)

    @field_validator("field")
    @classmethod
    def _known_columns(cls, field: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        columns = TABLES.get(info.data.get("table", ""), dict.fromkeys(field, ""))
        return tuple(_known("column", name, columns) for name in field)


def _known(what: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise ValueError(
            f"{name} is not a {what} of LMT" + (f", did you mean {near[0]}?" if near else "")
        )
    return name


Metric: TypeAlias = source_maps.SourceMetric[Selector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of the table."""
    return source_maps.source_map(source_maps.table_of("lmt"), Selector)
