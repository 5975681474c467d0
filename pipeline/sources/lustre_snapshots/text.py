"""Snapshots as text: a line ``BEGIN <epoch seconds>``, then what `lfs df`, `lfs df -i` and
`lctl dl -t` printed, in any order.

Whatever is not understood is counted, with its line. A last line without an end was cut, nobody
knows where, and is not read. Sizes that `lfs df -h` rounded are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from pipeline.sources._shared.hosts import usable

BEGIN = re.compile(r"BEGIN\s+(\d{1,11})")
TARGET = r"(?P<target>(?P<fsname>\S+)-(?P<kind>OST|MDT)[0-9a-f]{4,8})"
ROW = re.compile(
    rf"{TARGET}_UUID\s+(?P<total>\d{{1,18}})\s+(?P<used>\d{{1,18}})\s+\d{{1,18}}\s+(?:\d+%|-)"
    r"\s+\S.*\[(?:OST|MDT):\d+\](?:\s+[A-Za-z]+)?"
)
SILENT = re.compile(r"(?P<name>\S*(?:OST|MDT)[0-9a-f]{4,8}(?:_UUID)?)\s*: (?P<why>\S.*)")
"""A target that does not answer: ``fs-OST0003_UUID : inactive device``."""
DEVICE = re.compile(
    rf"\d+ (?P<state>[A-Z]{{2}}) (?P<type>osc|mdc|osp) {TARGET}-(?:osc|mdc)-\S+ \S+ \d+"
    r"(?: (?P<address>\S+@\S+))?"
)
OTHER_DEVICE = re.compile(r"\d+ [A-Z]{2} (?!osc |mdc |osp )\S+ \S+ \S+ \d+(?: \S+)?")
SUMMARY = re.compile(r"filesystem[ _]summary: .*")
HEADS = {"1K-blocks": "blocks", "Inodes": "inodes"}
"""The second word of a table's head, and what the table is."""
REFUSED = "refused"
LONGEST = 4096
"""Bytes of a line."""


class Reading(NamedTuple):
    """What a snapshot has of one target.

    Attributes
    ----------
    second : int
        Of the line BEGIN.
    table : str
        blocks, inodes or devices.
    target, fsname, kind : str
        ``fs-OST0000``, ``fs``, OST or MDT.
    total, used : int
        Of blocks and inodes; KiB, number.
    address : str
        Of devices: the server that is used.
    silent : bool
        The target is inactive, or has no server: nothing was measured.
    """

    second: int
    table: str
    target: str
    fsname: str
    kind: str
    total: int = 0
    used: int = 0
    address: str = ""
    silent: bool = False


class Damage:
    """What of a text is not understood: how much, and the first of it."""

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def add(self, number: int, what: str) -> None:
        """Count something in line `number`."""
        self.count += 1
        self.first = self.first or f"line {number}: {what}"


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, pieces without an end."""
    return iter(lambda: stream.readline(LONGEST), b"")


def stamps(lines: Iterable[bytes]) -> Iterator[int]:
    """The times of a text's snapshots."""
    for line in lines:
        begin = BEGIN.fullmatch(line.decode("utf-8", "replace").strip())
        if begin and line.endswith(b"\n"):
            yield int(begin[1])


def readings(lines: Iterable[bytes], damage: Damage) -> Iterator[Reading]:
    """What the snapshots of a text have, line by line."""
    second, table = -1, ""
    listed: set[str] = set()
    for number, raw in enumerate(lines, 1):
        line = raw.decode("utf-8", "replace").strip()
        if not raw.endswith(b"\n"):
            damage.add(number, "a line without an end is not read")
        elif not line:
            continue
        elif line.split()[0] == "BEGIN":
            begin = BEGIN.fullmatch(line)
            second, table, listed = (int(begin[1]) if begin else -1), "", set()
            if not begin:
                damage.add(number, "not BEGIN and seconds since 1970")
        elif second < 0:
            damage.add(number, "no BEGIN and time before it")
        elif line.split()[0] == "UUID":
            table, listed = _table(line, number, damage), set()
        elif SUMMARY.fullmatch(line):
            table = "" if table != REFUSED else table  # the table ends here
        elif table != REFUSED or DEVICE.fullmatch(line) or OTHER_DEVICE.fullmatch(line):
            for reading in _reading(line, second, table, number, damage):
                if reading.table == table and reading.target in listed:
                    damage.add(number, "a target that its table has already")
                else:
                    listed |= {reading.target} if reading.table == table else set()
                    yield reading


def _table(line: str, number: int, damage: Damage) -> str:
    """What the rows after a head are."""
    words = line.split()
    found = HEADS.get(words[1] if len(words) > 1 else "", REFUSED)
    if found == REFUSED:
        damage.add(
            number,
            "a table that is not of `lfs df` or `lfs df -i`; run these without -h, which rounds",
        )
    return found


def _reading(line: str, second: int, table: str, number: int, damage: Damage) -> Iterator[Reading]:
    """The reading in a line: one, or none."""
    if row := ROW.fullmatch(line):
        if not table:
            damage.add(number, "no head of a table before it: keep the line with UUID")
        elif _named(row, number, damage):
            names = row["target"], row["fsname"], row["kind"]
            yield Reading(second, table, *names, int(row["total"]), int(row["used"]))
    elif device := DEVICE.fullmatch(line):
        if _named(device, number, damage):
            names = device["target"], device["fsname"], device["kind"]
            address = device["address"] or ""
            silent = device["state"] != "UP" or not address
            yield Reading(second, "devices", *names, 0, 0, address, silent)
    elif inactive := SILENT.fullmatch(line):
        name = inactive["name"].removesuffix("_UUID")
        fsname, _, short = name.rpartition("-")
        if usable(name):
            yield Reading(second, table, name, fsname, short[:3], silent=True)
    elif not OTHER_DEVICE.fullmatch(line):
        damage.add(number, "not a line of `lfs df`, `lfs df -i` or `lctl dl -t`")


def _named(match: re.Match[str], number: int, damage: Damage) -> bool:
    """Whether the names of a line can be archived."""
    names = match.groupdict()
    if usable(names["target"]) and usable(names.get("address") or "-"):
        return True
    damage.add(number, "a name that is too long or not printable")
    return False
