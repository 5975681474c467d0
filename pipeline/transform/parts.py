"""Components and their parts, such as the cores of a host: which column each is, some of them at a
time, and parts joined.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Float64
from archive_tools.core.components import component_order
from pipeline.model import Samples
from pipeline.schemas.source_maps import Parts


def columns_of(names: tuple[str, ...]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Sorted unique names, and for each given name the column that it has there."""
    columns = tuple(sorted(set(names), key=component_order))
    place = {name: i for i, name in enumerate(columns)}
    return columns, np.array([place[name] for name in names], dtype=np.int32)


def by_components(samples: Samples, most: int) -> Iterator[Samples]:
    """The samples of about `most` names at a time; parts of one component stay together."""
    if len(samples.names) <= most:
        yield samples
        return
    columns, code = columns_of(samples.whole or samples.names)
    per_component = np.bincount(code, minlength=len(columns))
    group = (np.cumsum(per_component) // most)[code]
    of_sample = group[samples.column]
    for number in np.unique(group).tolist():
        names = np.flatnonzero(group == number)
        place = np.zeros(len(group), dtype=np.int32)
        place[names] = np.arange(len(names), dtype=np.int32)
        its = of_sample == number
        yield dataclasses.replace(
            samples,
            time=samples.time[its],
            column=place[samples.column[its]],
            value=samples.value[its],
            names=tuple(samples.names[n] for n in names),
            whole=tuple(samples.whole[n] for n in names) if samples.whole else (),
        )


def joined_parts(
    values: Float64, whole: Sequence[str], how: Parts
) -> tuple[Float64, tuple[str, ...]]:
    """Parts joined to components.

    Parameters
    ----------
    values : float64 (rows, parts)
    whole : sequence of str
        The component of each part.
    how : {'sum', 'mean', 'total'}
        Sum or mean of the parts that were measured; or their total, missing unless all were.

    Returns
    -------
    values : float64 (rows, components)
    columns : tuple of str
        In `component_order`.
    """
    columns, place = columns_of(tuple(whole))
    order = np.argsort(place, kind="stable")
    at = np.flatnonzero(np.diff(place[order], prepend=-1))
    values = values[:, order]
    absent = np.isnan(values)
    count = np.add.reduceat(~absent, at, axis=1, dtype=np.int32)
    total: Float64 = np.add.reduceat(np.where(absent, 0.0, values), at, axis=1)
    if how == "mean":
        total /= np.maximum(count, 1)
    needed = np.diff(np.append(at, len(order))) if how == "total" else 1
    total[count < needed] = np.nan
    return total, columns
