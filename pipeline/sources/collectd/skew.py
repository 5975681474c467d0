"""Clocks of hosts, by the stamps at which their values arrived."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.sources.collectd.options import Options


def tell_skew(options: Options, pieces: Sequence[Path], findings: Findings) -> None:
    """Hosts whose stamps differ from the stamps of arrival by more than a row."""
    if not options.arrival_field:
        return
    by_bucket: dict[str, list[Path]] = {}
    for path in (path for folder in pieces for path in sorted(folder.glob("*/*.parquet"))):
        by_bucket.setdefault(path.name, []).append(path)
    there = 0
    for paths in by_bucket.values():
        columns = ["host", "time_ms", "arrival_ms"]
        table = pa.concat_tables(
            [
                pq.read_table(path, columns=columns, filters=pc.is_valid(pc.field("arrival_ms")))
                for path in paths
            ]
        )
        there += table.num_rows
        late = table.append_column(
            "late", pc.subtract(table.column("arrival_ms"), table.column("time_ms"))
        )
        for row in late.group_by("host").aggregate([("late", "approximate_median")]).to_pylist():
            seconds = row["late_approximate_median"] / 1000
            if abs(seconds) > options.timestep:
                plugin = paths[0].stem.partition("-")[0]
                findings.add(
                    FindingKind.CLOCK_SKEW,
                    1,
                    row["host"],
                    f"{plugin} values arrive {seconds:+.0f} s after their stamps, by the median",
                )
    findings.add(FindingKind.NO_ARRIVAL_STAMP, not there, options.arrival_field)
