"""Runs the logs of a day through readers and transforms, without tasks and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archive_tools.core.arrays import Table
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from pipeline.model import BatchSummary
from pipeline.processes import isolated
from pipeline.sources.darshan import source as darshan
from pipeline.transform.darshan import DayMerger, Reduction


@dataclass
class Reduced:
    """The tables and series of a day."""

    merger: DayMerger
    findings: Findings
    series: list[Grid] = field(default_factory=list)
    pieces: dict[str, list[Table]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> dict[str, Any]:
        """A table by its name."""
        if name not in self.pieces:
            raise AttributeError(name)
        parts = self.pieces[name]
        return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}

    def by_fsname(self, name: str) -> dict[str, int]:
        frame = pd.DataFrame(self.summaries).merge(pd.DataFrame(self.mounts), on="fs_id")
        return dict(frame.groupby("fsname")[name].sum())


def merged(parts: Iterable[BatchSummary], found: darshan.Options, day: Day) -> Reduced:
    """Add parts up."""
    pieces: dict[str, list[Table]] = {}
    merger = DayMerger(
        day,
        found.timestep,
        found.mount_to_fsname,
        darshan.metrics(),
        lambda name, rows: pieces.setdefault(name, []).append(rows),
    )
    for part in parts:
        merger.add(part)
    result = Reduced(merger, Findings(), pieces=pieces)
    result.series = merger.finish(result.findings)
    return result


def reduced(found: darshan.Options, folder: Path, day: Day) -> Reduced:
    """List, read and reduce the logs of a day."""
    folder.mkdir(exist_ok=True)
    darshan.SOURCE.fetch(found, day, folder)
    how = Reduction(day, found.timestep, found.mount_to_fsname, darshan.metrics())
    return merged(
        (
            part
            for job in darshan.SOURCE.jobs(found, day, folder, how)
            for part in isolated.run(job)
        ),
        found,
        day,
    )
