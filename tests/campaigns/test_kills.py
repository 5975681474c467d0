"""kill -9 of every command that writes, at counted file events: what is left is whole, and the
command run again ends in what an undisturbed run leaves.

TOKIO_KILLS says how many kills there are (default 3, shared out over the commands, the first ones
first: tests/runs/test_kills.py has nightly runs), TOKIO_SEED which. With TOKIO_KILLS, a line a
command is printed: how the kills came out.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from archive_tools.checking.problems import Problem
from archive_tools.checking.whole_archive import check_archive
from archive_tools.reading.archive import Archive
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support.forked_runs import import_all
from tests.support.killed_runs import Kill, run_killed
from tests.support.small_days import write_days, write_lmt, write_site

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
NEXT = DATE + dt.timedelta(days=1)
EMPTY = DATE + dt.timedelta(days=2)
SPAN = ["--start", str(DATE), "--stop", str(DATE)]
RECORD = re.compile("reduced/[0-9a-f]{16}")
FOREVER = {"late_days": 10**5, "raw_days": 10**5}
TIMES = {"written", "began", "ended", "seconds", "durations", "host", "fetched", "cpu_seconds"}
TIMES |= {"checksum", "hash"}
"""Keys of receipts and statements that differ from run to run."""
MENDED = {"no receipt"}
"""What `check --deep` may say after a kill, beside notes of what the next run does: a product is
there whose receipt was not written yet, and the next run writes it.
"""


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes
    ----------
    run : sequence of str
        Its arguments, without the site.
    before : sequence of sequence of str
        Commands that make what it works on.
    after : sequence of sequence of str
        Commands that bring the archive to its end, after it was run whole.
    late : bool
        Whether more samples have come since `before`.
    nothing_left : int
        Exit code of the command where it was done before the kill came.
    """

    run: Sequence[str]
    before: Sequence[Sequence[str]] = ()
    after: Sequence[Sequence[str]] = ()
    late: bool = False
    nothing_left: int = COMPLETE


NIGHT = ["nightly", "--date", str(DATE)]
NIGHTS = [NIGHT, ["nightly", "--date", str(NEXT)]]
WHY = ["--why", "an outage"]
COMMANDS = {
    "rebuild": Command(["rebuild", *SPAN, "--all"], [NIGHT]),
    "invalidate": Command(["invalidate", *SPAN, "--yes"], [NIGHT], [NIGHT]),
    "mark-empty": Command(
        ["mark-empty", "--start", str(EMPTY), "--stop", str(EMPTY), "--instance", "home", *WHY],
        [NIGHT],
    ),
    "retire": Command(
        ["retire", "fs-OST0001", "--instance", "home", "--since", str(NEXT), *WHY], NIGHTS, [NIGHT]
    ),
    "acknowledge": Command(
        ["acknowledge", "home", "--from", f"{DATE}T01:00", "--until", f"{DATE}T02:00", *WHY],
        [NIGHT],
        [NIGHT],
    ),
    "undo": Command(
        ["invalidate", *SPAN, "--undo"],
        [NIGHT, ["invalidate", *SPAN, "--yes"]],
        [NIGHT],
        nothing_left=FAILED,
    ),
    "nightly": Command([*NIGHT, "--workers", "2"]),
    "nightly-late": Command(NIGHT, [NIGHT], late=True),
    "collect": Command(["collect"]),
    "backfill": Command(["backfill", "--start", str(DATE), "--stop", str(NEXT)]),
}
TOTAL = int(os.environ.get("TOKIO_KILLS", "3"))
SEED = int(os.environ.get("TOKIO_SEED", "7"))
GOOD = (COMPLETE, PARTIAL)


def times_of_day() -> tuple[str, dt.date]:
    """A time zone in which it is about noon, and its date."""
    hour = dt.datetime.now(dt.UTC).hour
    zone = f"Etc/GMT{hour - 12:+d}"
    return zone, dt.datetime.now(ZoneInfo(zone)).date()


class SmallSite:
    """A site in a folder, whose archive is put back as it was before each kill."""

    def __init__(self, folder: Path, name: str, command: Command) -> None:
        self.folder, self.command = folder / "site", command
        self.archive, self.counts = self.folder / "archive", folder / "counts"
        self.folder.mkdir()
        self.is_late = False
        if name == "collect":
            zone, today = times_of_day()
            dates = [today - dt.timedelta(days=1), today]
            write_days(self.folder, dates, timezone=zone)
            for path in self.folder.glob(f"lmt/*_{today}.sqlite3"):
                write_lmt(path, today, upto=40)
        else:
            write_days(self.folder, [DATE, NEXT], **FOREVER)
            write_site(self.folder, **FOREVER)
        if command.late:
            self._lmt(100)
        for arguments in command.before:
            assert self.main(arguments) in GOOD
        if command.late:
            self._lmt(145)
        self.prepared = folder / "prepared"
        if self.archive.exists():
            shutil.copytree(self.archive, self.prepared)

    def _lmt(self, upto: int) -> None:
        write_lmt(self.folder / f"lmt/home_{DATE}.sqlite3", DATE, upto=upto)

    def put_back(self) -> None:
        """The archive as `before` left it."""
        shutil.rmtree(self.archive, ignore_errors=True)
        if self.prepared.exists():
            shutil.copytree(self.prepared, self.archive)

    def arguments(self, given: Sequence[str]) -> list[str]:
        return [given[0], "--site", str(self.folder / "site.json"), *given[1:]]

    def main(self, given: Sequence[str]) -> int:
        return main(self.arguments(given))

    def killed(self, kill: Kill | None = None) -> Any:
        """Run the command, and kill it."""
        return run_killed(self.arguments(self.command.run), self.archive, self.counts, kill)

    def finish(self) -> list[int]:
        """Run the command again, and what brings the archive to its end."""
        return [self.main(given) for given in (self.command.run, *self.command.after)]

    def problems(self) -> list[Problem]:
        """What `check --deep` finds."""
        if not (self.archive / "receipts").exists():
            return []
        return list(check_archive(Archive(self.archive), dt.date.min, dt.date.max, deep=True))

    def contents(self) -> dict[str, Any]:
        """All files: products as their bytes, what is written for people and programs as it is
        without times; of the report and the raw data, that they are there.
        """
        found: dict[str, Any] = {}
        for path in sorted(self.archive.rglob("*")):
            name = RECORD.sub("reduced/*", str(path.relative_to(self.archive)))
            if path.is_dir() or path.name == ".lock":
                continue
            if path.suffix == ".json" and not name.startswith("raw/"):
                found[name] = untimed(json.loads(path.read_text()))
            elif path.name == "report.html" or name.startswith("raw/"):
                found[name] = True
            else:
                found[name] = path.read_bytes()
        return found


def untimed(content: Any) -> Any:
    """What a receipt says, without what differs from run to run."""
    if isinstance(content, dict):
        return {key: untimed(value) for key, value in content.items() if key not in TIMES}
    return [untimed(value) for value in content] if isinstance(content, list) else content


def differences(found: dict[str, Any], right: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {'differs' if name in found and name in right else 'only in one'}"
        for name in sorted({*found, *right})
        if found.get(name) != right.get(name)
    ]


def share(name: str) -> int:
    """How many of the kills are of a command."""
    place = list(COMMANDS).index(name)
    return (TOTAL + len(COMMANDS) - 1 - place) // len(COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if share(name)])
def test_a_command_that_is_killed_and_run_again_leaves_what_an_undisturbed_one_does(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_all()
    site = SmallSite(tmp_path, name, COMMANDS[name])
    undisturbed = site.killed()
    assert undisturbed.code in GOOD
    codes = [undisturbed.code, *(site.main(given) for given in site.command.after)]
    right = site.contents()
    assert not site.problems()
    chance = np.random.default_rng(SEED + list(COMMANDS).index(name))
    outcomes: Counter[str] = Counter()
    try:
        for number in range(share(name)):
            site.put_back()
            kill = Kill(
                event=int(chance.integers(1, undisturbed.events + 1)),
                after=float(chance.choice([0.0, 0.0, chance.uniform(0.001, 0.05)])),
            )
            where = f"{name}, kill {number}: {kill}"
            outcomes["killed" if site.killed(kill).killed else "over"] += 1
            found = site.problems()
            assert all(one.is_note or one.kind in MENDED for one in found), f"{where}: {found}"
            outcomes["whole" if not found else "to be mended"] += 1
            again = site.finish()
            assert again in (codes, [site.command.nothing_left, *codes[1:]]), where
            assert not differences(site.contents(), right), where
            assert not site.problems(), where
            outcomes["as undisturbed"] += 1
    finally:
        if "TOKIO_KILLS" in os.environ:
            with capsys.disabled():
                print(f"\n{name:14}{undisturbed.events:5} events  {dict(sorted(outcomes.items()))}")


def test_the_shares_are_all_kills() -> None:
    assert sum(map(share, COMMANDS)) == TOTAL
