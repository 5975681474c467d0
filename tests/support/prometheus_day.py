"""A day of Prometheus' samples, and answers as a server gives them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from archive_tools.core.day import Day
from pipeline.sources import prometheus

DAY = Day(dt.date(2024, 11, 22))

START = DAY.start


def options(**keys: Any) -> prometheus.Options:
    return prometheus.Options(kind="prometheus", timezone="UTC", **keys)


def matrix(*series: tuple[Mapping[str, str], Sequence[Any]], **keys: Any) -> dict[str, Any]:
    """An answer as the server gives it."""
    result = [
        {"metric": dict(labels), "values": [list(pair) for pair in values]}
        for labels, values in series
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}, **keys}


def labels(name: str, host: str = "oss1:9100", **more: str) -> dict[str, str]:
    return {"__name__": name, "instance": host, "job": "node", **more}


@dataclasses.dataclass(frozen=True)
class Record:
    name: str
    more: tuple[tuple[str, str], ...]
    row: int
    value: float


def records() -> list[Record]:
    found = []
    for row in range(8):
        for number, host in enumerate(("oss1:9100", "oss2:9100")):
            server = (("instance", host),)
            for name in ("read_bytes", "written_bytes", "reads_completed", "writes_completed"):
                for device in ("sda", "sdb"):
                    found.append(
                        Record(
                            f"node_disk_{name}_total",
                            (*server, ("device", device)),
                            row,
                            4096.0 * row * (number + 1),
                        )
                    )
            for cpu in "01":
                found.append(
                    Record(
                        "node_cpu_seconds_total",
                        (*server, ("cpu", cpu), ("mode", "idle")),
                        row,
                        row * (2.5 + number),
                    )
                )
                found.append(
                    Record(
                        "node_cpu_seconds_total",
                        (*server, ("cpu", cpu), ("mode", "user")),
                        row,
                        row * 1.25,
                    )
                )
            for what, value in (
                ("MemTotal", 1000),
                ("MemFree", 300 + row),
                ("Cached", 200),
                ("Buffers", 50),
                ("SReclaimable", 25),
                ("SUnreclaim", 5),
            ):
                found.append(Record(f"node_memory_{what}_bytes", server, row, value + number))
            for device in ("lo", "ib0", "eth0"):
                found.append(
                    Record(
                        "node_network_receive_bytes_total",
                        (*server, ("device", device)),
                        row,
                        100.0 * row,
                    )
                )
    return found
