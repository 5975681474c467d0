"""A day of collectd's values in all its forms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archive_tools.core.day import Day
from pipeline.sources import collectd
from tests.support.paths import ROOT

DAY = Day(dt.date(2026, 11, 22))
SITEDAY = ROOT / "examples/siteday/collectd"
Record = tuple[float, str, str, str, str, str, dict[str, Any]]
"""Seconds since the day's start, host, plugin, instance, type, type instance, values."""


def options(files: Any = (), form: str = "write_http", **keys: Any) -> collectd.Options:
    files = [str(files)] if isinstance(files, Path) else list(files)
    return collectd.Options.model_validate(
        {"kind": "collectd", "form": form, "files": files, "timestep": 10, "timezone": "UTC"} | keys
    )


def records(
    hosts: Sequence[str] = ("oss1", "oss2", "mds1"), rows: int = 6, rate: bool = True
) -> list[Record]:
    """Two disks, two cores, memory and two interfaces of each host, each its own figures."""
    made: list[Record] = []
    for n in range(rows):
        second = n * 10 + 3.25
        for h, host in enumerate(hosts, 1):
            for d in (1, 2):
                amount = float(1000 * h + 10 * d + n) if rate else (n + 1) * (1000 * h + 10 * d)
                made.append(
                    (
                        second,
                        host,
                        "disk",
                        f"sd{d}",
                        "disk_octets",
                        "",
                        {"read": amount, "write": 2 * amount},
                    )
                )
                made.append(
                    (
                        second,
                        host,
                        "disk",
                        f"sd{d}",
                        "disk_ops",
                        "",
                        {"read": amount, "write": 3 * amount},
                    )
                )
                for state, percent in (
                    ("idle", 60.0 + 10 * d),
                    ("user", 20.0 - n),
                    ("system", 5.0),
                ):
                    made.append((second, host, "cpu", str(d), "percent", state, {"value": percent}))
                made.append(
                    (
                        second,
                        host,
                        "interface",
                        f"eth{d}",
                        "if_octets",
                        "",
                        {"rx": amount, "tx": 7.0 if rate else 7 * n},
                    )
                )
            made.append(
                (
                    second,
                    host,
                    "interface",
                    "lo",
                    "if_octets",
                    "",
                    {"rx": 1e9 if rate else 10**9, "tx": 1e9 if rate else 10**9},
                )
            )
            made.append((second, host, "memory", "", "memory", "free", {"value": 4096.0 * h}))
            made.append((second, host, "load", "", "load", "", {"shortterm": 1.0}))
    return made


def as_document(record: Record) -> dict[str, Any]:
    second, host, plugin, instance, kind, kind_instance, values = record
    stamp = (
        dt.datetime.fromtimestamp(DAY.start + second, dt.UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    found = {
        "@timestamp": stamp,
        "hostname": host,
        "plugin": plugin,
        "collectd_type": kind,
        **values,
    }
    return (
        found
        | ({"plugin_instance": instance} if instance else {})
        | ({"type_instance": kind_instance} if kind_instance else {})
    )


def disk(second: float, read: Any, host: str = "oss1", device: str = "sd1") -> Record:
    return second, host, "disk", device, "disk_octets", "", {"read": read, "write": read}
