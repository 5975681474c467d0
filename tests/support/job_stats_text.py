"""Text of job_stats as versions of Lustre write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

OST = ("getattr", "setattr", "punch", "sync", "create", "statfs")
MDT = ("open", "close", "mknod", "unlink", "getattr", "setattr", "statfs")


def entry(job: str, stamp: int | str, lines: Iterable[str], start: int | None = None) -> str:
    head = f"- job_id:          {job}\n  snapshot_time:   {stamp}\n"
    if start is not None:
        head += f"  start_time:      {start}.000000001 secs.nsecs\n"
    return head + "".join(f"  {line}\n" for line in lines)


def ost(
    job: str, stamp: int | str, read: int, written: int, *, form: int = 210, **keys: int
) -> str:
    """An entry of an OST: `read` and `written` bytes, each in calls of 1 MiB."""
    more = ", sumsq: 18446744073709551615" if form >= 212 else ""
    lines = [
        f"{name}:  {{ samples: {amount >> 20:11}, unit: bytes, min: 4096, max: 4194304,"
        f" sum: {amount:15}{more} }}"
        for name, amount in (("read_bytes", read), ("write_bytes", written))
    ]
    if form >= 214:
        times = "unit: usecs, min: 1, max: 9, sum: 99, sumsq: 999"
        lines += [f"{name}: {{ samples: 7, {times} }}" for name in ("read", "write")]
    unit = "usecs, min: 1, max: 9, sum: 99, sumsq: 999" if form >= 214 else " reqs"
    lines += [f"{name}: {{ samples: {keys.get(name, 0):11}, unit: {unit} }}" for name in OST]
    return entry(job, stamp, lines, keys.get("start"))


def mdt(job: str, stamp: int | str, counts: Mapping[str, int]) -> str:
    lines = [f"{name}:  {{ samples: {counts.get(name, 0):11}, unit:  reqs }}" for name in MDT]
    return entry(job, stamp, lines)


def text(entries: Iterable[str], target: str = "") -> str:
    """The text of a target; with its name as `lctl get_param` prints it before."""
    kind = "mdt" if "-MDT" in target else "obdfilter"
    head = f"{kind}.{target}.job_stats=\n" if target else ""
    return f"{head}job_stats:\n{''.join(entries)}"
