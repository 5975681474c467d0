"""A whole day, and five minutes beyond, of two exporters in a real Prometheus and a real
VictoriaMetrics: every cell is what NumPy makes of the samples.

oss2 is not scraped for 40 minutes from 10:00; fs-OST0001 fails over from oss1 to oss2 at noon,
where its counters begin at 0; sdb of oss1 is reset at 15:20.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.core.arrays import Float64, Int64
from archive_tools.core.day import Day
from pipeline.building.run_context import current
from pipeline.cli.main import PARTIAL, main
from tests.support import prometheus_server, victoria_server
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.server

DAY = Day(dt.date(2026, 11, 22))
STEP, ROWS = 60, 1440
GAP = (10 * 3600, 10 * 3600 + 40 * 60)
FAILOVER, RESET = 12 * 3600, 15 * 3600 + 20 * 60
SCRAPED = np.arange(7, 86_400 + 300, 30)
"""Seconds of the day: each row has two samples."""


@dataclass(frozen=True)
class Series:
    """What an exporter said all day."""

    name: str
    labels: Mapping[str, str]
    second: Int64
    value: Float64

    def is_counter(self) -> bool:
        return self.name.endswith("_total")

    def lines(self, unit: int) -> Iterator[str]:
        """Lines of text with stamps in ``1 / unit`` seconds."""
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels.items())
        for second, value in zip(self.second.tolist(), self.value.tolist(), strict=True):
            yield f"{self.name}{{{labels}}} {value!r} {(DAY.start + second) * unit}"


WHOLE = ("_MemTotal_bytes", "_capacity_kilobytes")


class Samples:
    """Samples of a seed, series by series."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(22)
        self.series: list[Series] = []

    def add(
        self, name: str, instance: str, begin: int = 0, end: int = 10**6, **labels: str
    ) -> None:
        """A counter or a gauge of a server from one second to another."""
        second = SCRAPED[slice(*np.searchsorted(SCRAPED, (begin, end)))]
        if name.startswith("node_cpu"):
            value = np.round(1e5 + np.cumsum(self.random.uniform(0, 30, second.size)), 2)
        elif name.endswith("_total"):
            value = np.cumsum(self.random.integers(0, 10**9, second.size)).astype(np.float64)
            value += 0 if begin else 10**12
        else:
            least = 10**10 if name.endswith(WHOLE) else 10**6
            value = self.random.integers(least, 2 * least, second.size).astype(np.float64)
        if labels.get("device") == "sdb" and instance.startswith("oss1"):
            reset = second >= RESET
            value[reset] -= value[reset][0]
        if instance.startswith("oss2"):
            seen = (second < GAP[0]) | (second >= GAP[1])
            second, value = second[seen], value[seen]
        self.series.append(Series(name, {**labels, "instance": instance}, second, value))


MEMORY = ("MemTotal", "MemFree", "Buffers", "Cached", "SReclaimable", "SUnreclaim")
OST = ("read_bytes_total", "write_bytes_total", "capacity_kilobytes", "free_kilobytes")


@functools.cache
def all_series() -> list[Series]:
    found = Samples()
    for host in ("oss1:9100", "oss2:9100"):
        for device in ("sda", "sdb"):
            for name in ("read", "written"):
                found.add(f"node_disk_{name}_bytes_total", host, device=device)
        for device in ("lo", "ib0", "eth0"):
            found.add("node_network_receive_bytes_total", host, device=device)
        for cpu in "01":
            for mode in ("idle", "user"):
                found.add("node_cpu_seconds_total", host, cpu=cpu, mode=mode)
        for name in MEMORY:
            found.add(f"node_memory_{name}_bytes", host)
    for name in OST:
        ost = {"component": "ost", "target": "fs-OST0001"}
        found.add(f"lustre_{name}", "oss1:32221", end=FAILOVER, **ost)
        found.add(f"lustre_{name}", "oss2:32221", begin=FAILOVER, **ost)
        found.add(f"lustre_{name}", "oss2:32221", **{**ost, "target": "fs-OST0000"})
    mdt = {"component": "mdt", "target": "fs-MDT0000"}
    for operation in ("open", "close"):
        found.add("lustre_stats_total", "mds1:32221", operation=operation, **mdt)
    return sorted(found.series, key=lambda series: series.name)


# What NumPy makes of the samples


def rows_of(name: str, **labels: str) -> Float64:
    """The first sample of each row of a counter, the last one of a gauge, up to the row after the
    day; NaN where there is none.
    """
    found = np.full(ROWS + 1, np.nan)
    for series in all_series():
        if series.name == name and labels.items() <= series.labels.items():
            within = series.second < (ROWS + 1) * STEP
            row, value = series.second[within] // STEP, series.value[within]
            step = -1 if series.is_counter() else 1
            found[row[::step]] = value[::step]  # of several, NumPy keeps what is assigned last
    return found


def growth(first: Float64) -> Float64:
    """Differences of rows that were measured, in the last cell of each gap; NaN after a reset."""
    cells = np.full(ROWS, np.nan)
    known = np.flatnonzero(np.isfinite(first))
    differences = np.diff(first[known])
    cells[known[1:] - 1] = np.where(differences < 0, np.nan, differences)
    return cells


def counter(name: str, **labels: str) -> Float64:
    return growth(rows_of(name, **labels))


def gauge(name: str, **labels: str) -> Float64:
    return rows_of(name, **labels)[:ROWS]


def of_hosts(cells: Callable[[str], Float64]) -> dict[str, Float64]:
    return {host: cells(f"{host}:9100") for host in ("oss1", "oss2")}


def of_devices(name: str) -> dict[str, Float64]:
    return {
        f"{host}:{device}": counter(name, instance=f"{host}:9100", device=device)
        for host in ("oss1", "oss2")
        for device in ("sda", "sdb")
    }


def of_osts(cells: Callable[[str], Float64]) -> dict[str, Float64]:
    return {ost: cells(ost) for ost in ("fs-OST0000", "fs-OST0001")}


def share(host: str, mode: str) -> Float64:
    """Percent of the time of the cores; the last cell of a gap has the mean of the gap."""
    first = [rows_of("node_cpu_seconds_total", instance=host, cpu=cpu, mode=mode) for cpu in "01"]
    mean = np.mean(first, axis=0)
    known = np.flatnonzero(np.isfinite(mean))
    seconds = np.full(ROWS, np.nan)
    seconds[known[1:] - 1] = np.diff(known) * STEP
    return 100 * growth(mean) / seconds


def used(host: str) -> Float64:
    total, *others = (gauge(f"node_memory_{name}_bytes", instance=host) for name in MEMORY)
    return total - np.sum(others, axis=0)


def full(ost: str) -> Float64:
    return 1024 * (
        gauge("lustre_capacity_kilobytes", target=ost) - gauge("lustre_free_kilobytes", target=ost)
    )


NODE: Mapping[str, Callable[[], dict[str, Float64]]] = {
    "datatargets/readbytes": lambda: of_devices("node_disk_read_bytes_total"),
    "datatargets/writebytes": lambda: of_devices("node_disk_written_bytes_total"),
    "dataservers/netinbytes": lambda: of_hosts(
        lambda host: sum(
            (
                counter("node_network_receive_bytes_total", instance=host, device=device)
                for device in ("ib0", "eth0")
            ),
            np.zeros(ROWS),
        )
    ),
    "dataservers/cpuidle": lambda: of_hosts(lambda host: share(host, "idle")),
    "dataservers/cpuload": lambda: of_hosts(lambda host: 100 - share(host, "idle")),
    "dataservers/cpuuser": lambda: of_hosts(lambda host: share(host, "user")),
    "dataservers/memused": lambda: of_hosts(used),
    "dataservers/memfree": lambda: of_hosts(
        lambda host: gauge("node_memory_MemFree_bytes", instance=host)
    ),
    "dataservers/memcached": lambda: of_hosts(
        lambda host: gauge("node_memory_Cached_bytes", instance=host)
    ),
}
LUSTRE: Mapping[str, Callable[[], dict[str, Float64]]] = {
    "datatargets/readbytes": lambda: of_osts(
        lambda ost: counter("lustre_read_bytes_total", target=ost)
    ),
    "datatargets/writebytes": lambda: of_osts(
        lambda ost: counter("lustre_write_bytes_total", target=ost)
    ),
    "mdtargets/opens": lambda: {"fs-MDT0000": counter("lustre_stats_total", operation="open")},
    "mdtargets/closes": lambda: {"fs-MDT0000": counter("lustre_stats_total", operation="close")},
    "fullness/bytes": lambda: of_osts(full),
    "fullness/bytestotal": lambda: of_osts(
        lambda ost: 1024 * gauge("lustre_capacity_kilobytes", target=ost)
    ),
}


def of_prometheus(folder: Path) -> tuple[Any, str]:
    def lines() -> Iterator[str]:
        before = ""
        for series in all_series():
            if series.name != before:
                kind = "counter" if series.is_counter() else "gauge"
                yield f"# TYPE {series.name.removesuffix('_total')} {kind}"
            before = series.name
            yield from series.lines(1)

    prometheus_server.filled(folder, lines())
    return prometheus_server.started(folder)


def of_victoria(folder: Path) -> tuple[Any, str]:
    running, url = victoria_server.started(folder)
    victoria_server.fill(url, (line for series in all_series() for line in series.lines(1000)))
    return running, url


@pytest.mark.parametrize("server", [of_prometheus, of_victoria])
def test_every_cell_is_what_the_samples_say(
    server: Callable[[Path], tuple[Any, str]], site: Callable[..., Path], tmp_path: Path
) -> None:
    running, url = server(tmp_path / "server")
    keys = {"kind": "prometheus", "url": url, "timestep": STEP}
    try:
        site({"node": keys, "lustre": {**keys, "exporters": ["lustre_exporter"]}})
        current().answers.forget()
        assert main(["nightly", "--date", str(DAY)]) == PARTIAL, "of a gap and two resets"
    finally:
        running.terminate()
        running.wait(PATIENCE)
    for instance, expected in (("node", NODE), ("lustre", LUSTRE)):
        with archive_tools.open_tts(tmp_path / f"archive/2026/{DAY}/{instance}.hdf5") as tts:
            for name, columns in expected.items():
                cells = columns()
                assert tts.columns(name) == tuple(cells), name
                np.testing.assert_allclose(
                    tts.to_numpy(name),
                    np.transpose(list(cells.values())),
                    rtol=0,
                    atol=1e-6 if "/cpu" in name else 0,
                    err_msg=f"{instance}: {name}",
                )
