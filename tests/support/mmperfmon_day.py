"""Text as `mmperfmon query` writes it, and whole days of it in a tarball; the same arguments give
the same text.
"""

from __future__ import annotations

import datetime as dt
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

STAMP = "%Y-%m-%d-%H:%M:%S"
SERVER = [
    "CPU|cpu_user",
    "CPU|cpu_sys",
    "Memory|mem_total",
    "Memory|mem_free",
    "Network|ib0|net_r",
    "Network|ib0|net_s",
]


def output(
    legend: Sequence[str],
    stamps: Sequence[str],
    rows: Sequence[Sequence[str]],
    wide: int = 2,
    order: Sequence[int] | None = None,
) -> str:
    """One output: a legend, and tables of at most `wide` columns, right-aligned; `order` is that of
    the lines.
    """
    text = ["", "Legend:", *(f"{n:2}:\t{entry}" for n, entry in enumerate(legend, 1))]
    for first in range(0, len(legend), wide):
        names = [entry.rpartition("|")[2] for entry in legend[first : first + wide]]
        cells = [row[first : first + wide] for row in rows]
        widths = [
            max(len(name), *(len(row[n]) for row in cells)) if cells else len(name)
            for n, name in enumerate(names)
        ]
        text += [
            " ",
            "Row           Timestamp "
            + "".join(f"{name:>{width}} " for name, width in zip(names, widths, strict=True)),
        ]
        for number in order or range(len(stamps)):
            text.append(
                f"{number + 1:3} {stamps[number]} "
                + "".join(
                    f"{cell:>{width}} " for cell, width in zip(cells[number], widths, strict=True)
                )
            )
    return "\n".join(text) + "\n"


def minutes(first: dt.datetime, count: int, step: int = 60) -> list[str]:
    """Stamps, the first one a step after `first`: they mark the ends of intervals."""
    return [(first + dt.timedelta(seconds=step * (n + 1))).strftime(STAMP) for n in range(count)]


def tarball(path: Path, members: Mapping[str, str | bytes]) -> None:
    """A tarball of some texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, text in members.items():
            body = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))


def traffic(host: int, lun: int, minute: int) -> int:
    """Bytes that a server moved to a LUN in a minute of the day."""
    return (host * 7919 + lun * 104_729 + minute * 15_485_863) % 1_000_003 * 4096


def make(path: Path, date: dt.date, servers: int, luns: int, paths: int) -> None:
    """A day: three queries an hour of each server; each LUN is seen by `paths` servers."""
    midnight = dt.datetime.combine(date, dt.time())
    members: dict[str, str | bytes] = {}
    for host in range(servers):
        mine = [lun for lun in range(luns) if (host - lun) % servers < paths]
        for hour in range(24):
            stamps, at = (
                minutes(midnight + dt.timedelta(hours=hour), 60),
                f"nsd{host:03}.{date}-{hour:02}:00:00.out",
            )
            for folder, counter in (
                ("read", "gpfs_nsdds_bytes_read"),
                ("write", "gpfs_nsdds_bytes_written"),
            ):
                legend = [f"nsd{host:03}|GPFSNSDDisk|lun{lun:04}|{counter}" for lun in mine]
                cells = (
                    np.array(
                        [[traffic(host, lun, hour * 60 + n) for lun in mine] for n in range(60)]
                    )
                    .astype(str)
                    .tolist()
                )
                members[f"day/{folder}/{at}"] = output(legend, stamps, cells)
            legend = [f"nsd{host:03}|{name}" for name in SERVER]
            usage = [
                [f"{n / 10}", "0.25", "31371.0 MB", f"{18000 + n}.5 MB", "1.7 kB", "2.3 kB"]
                for n in range(60)
            ]
            members[f"day/servers/{at}"] = output(legend, stamps, usage, 5)
    tarball(path, members)
