"""A day of collectd's values in all its forms."""

from __future__ import annotations

import datetime as dt
import json
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


def as_write_http(record: Record) -> dict[str, Any]:
    second, host, plugin, instance, kind, kind_instance, values = record
    return {
        "values": list(values.values()),
        "dsnames": list(values),
        "dstypes": ["derive"] * len(values),
        "time": DAY.start + second,
        "interval": 10.0,
        "host": host,
        "plugin": plugin,
        "plugin_instance": instance,
        "type": kind,
        "type_instance": kind_instance,
        "meta": {"x": 1},
    }


def write_lines(path: Path, some: Sequence[Record]) -> None:
    path.write_text("".join(json.dumps(as_write_http(record)) + "\n" for record in some))


def write_documents(path: Path, some: Sequence[Record]) -> None:
    path.write_text("".join(json.dumps(as_document(record)) + "\n" for record in some))


def write_pages(path: Path, some: Sequence[Record]) -> None:
    hits = [{"_id": str(n), "_source": as_document(record)} for n, record in enumerate(some)]
    path.write_text(json.dumps([hits[n : n + 7] for n in range(0, len(hits), 7)], indent=1))


def write_csv(folder: Path, some: Sequence[Record]) -> None:
    for path in sorted(folder.rglob("*-2026-11-22")):
        path.unlink()
    for second, host, plugin, instance, kind, kind_instance, values in some:
        path = (
            folder
            / host
            / (f"{plugin}-{instance}" if instance else plugin)
            / f"{kind}{'-' if kind_instance else ''}{kind_instance}-2026-11-22"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(",".join(["epoch", *values]) + "\n")
        with path.open("a") as file:
            file.write(
                ",".join(str(value) for value in (f"{DAY.start + second:.3f}", *values.values()))
                + "\n"
            )
