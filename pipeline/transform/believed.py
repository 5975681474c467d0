"""Logs whose amounts no job can have: they are not added to what others did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from archive_tools.core.arrays import Int64
from archive_tools.core.sums import LARGEST, capped_sums
from archive_tools.schemas import limits
from pipeline.model import LogBatch, Records
from pipeline.schemas.source_maps import LogSelector, SourceMetric

Mask = npt.NDArray[np.bool_]
Metrics = Sequence[SourceMetric[LogSelector]]


def believed(batch: LogBatch, metrics: Metrics, largest: Mapping[str, float]) -> Mask:
    """Which logs have amounts that a job of so many processes can have in its time.

    Parameters
    ----------
    batch : LogBatch
        All logs are believed where the table does not have their processes.
    metrics : sequence of SourceMetric
    largest : mapping of str to float
        By dataset: what the site says that a file system can have in a second.

    Returns
    -------
    bool (logs,)
    """
    logs, size = batch.logs, len(batch.own)
    good = np.ones(size, bool)
    if "nprocs" not in logs:
        return good
    seconds = limits.job_seconds(logs["start_time"], logs["end_time"], logs["walltime"])
    for metric in metrics:
        name, unit = metric.dataset.name, metric.dataset.unit
        most = limits.largest_of_jobs(unit, logs["nprocs"], seconds, largest.get(name))
        total = np.zeros(size, np.int64)
        for module, counter in metric.find.counters.items():
            if module in batch.records:
                part = _by_log(batch.records[module], counter, size)
                total = np.minimum(total, LARGEST - part) + part
        good &= total <= most
    return good


def _by_log(records: Records, counter: str, size: int) -> Int64:
    values = records.integers[:, list(records.counters).index(counter)]
    some = values > 0
    return capped_sums(values[some], records.log[some], size)


def records_of(records: Records, logs: Mask) -> Records:
    """The records of some of the logs."""
    keep = logs[records.log]
    if keep.all():
        return records
    return Records(
        records.module,
        records.counters,
        records.fcounters,
        records.log[keep],
        records.file[keep],
        records.integers[keep],
        records.floats[keep],
    )


def without_others(
    batch: LogBatch, places: Mapping[str, Int64], logs: Mask
) -> tuple[LogBatch, Mapping[str, Int64]]:
    """The batch as if the other logs had done nothing, and the places of the records that are
    left.
    """
    if logs.all():
        return batch, places
    rest = replace(
        batch,
        records={name: records_of(records, logs) for name, records in batch.records.items()},
        traces=batch.traces[logs[batch.traces["log"]]],
        heat=tuple(heat for heat in batch.heat if logs[heat.log]),
    )
    return rest, {name: place[logs[batch.records[name].log]] for name, place in places.items()}
