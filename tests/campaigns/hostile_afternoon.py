"""A user's afternoon in the folder of logs: all that somebody can do who may write there.

    python -m tests.campaigns.hostile_afternoon FOLDER --seconds 20 --names 300

FOLDER is a day's folder of logs; what is made has `evil` in its name, and a file `evil-done` beside
the folder says how much of each was done. Good logs are not touched. It ends by itself.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import os
import random
import socket
import stat
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.support.darshan_bytes import LogBytes
from tests.support.mutants import one_of
from tests.support.paths import SITEDAY_LOGS

TEXTS = (
    "\x1b[2J\x1b]0;owned\x07",
    "two\nlines\r",
    "right\u202eto\u2066left",
    "'; DROP TABLE headers; --",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "=cmd|' -C calc'!A0",
    "\udcff\udcfe",
    "{{7*7}}%s%n{0}",
    "$(touch evil-ran)`touch evil-ran`",
    "-rf",
    "x" * 180,
)
"""What is put into names of files, command lines and mount points."""
OTHERS = ("root", "alice", "bob", "nobody")
NAME = "{user}_evil{number}{text}_id{job}-1_11-22-{job}-7_1.darshan"


class Afternoon:
    """What is done, one deed at a time; an error of the system costs the deed."""

    def __init__(self, folder: Path, seed: int, archive: Path) -> None:
        self.folder, self.chance, self.archive = folder, random.Random(seed), archive
        self.number = 0
        small = [path for path in sorted(SITEDAY_LOGS.iterdir()) if path.stat().st_size < 8000]
        self.originals = small[:20]
        self.done: Counter[str] = Counter()

    def name(self, text: str | None = None) -> Path:
        """A name of a log, perhaps of somebody else, with a text in it."""
        self.number += 1
        some = self.chance.choice(["", *TEXTS]) if text is None else text
        name = NAME.format(
            user=self.chance.choice(OTHERS),
            number=self.number,
            text=some.replace("/", "_"),
            job=self.chance.randrange(10**5),
        )
        return self.folder / name

    def _log(self) -> LogBytes:
        return LogBytes.of(self.chance.choice(self.originals))

    def links(self) -> None:
        loop = self.name()
        places = [
            loop,
            "/etc/shadow",
            "/",
            "/dev/zero",
            "/proc/self/mem",
            self.folder,
            self.archive,
            self.archive / "archive.json",
            self.chance.choice(self.originals),
            "nowhere",
            "x" * 4000,
        ]
        for place in places:
            (loop if place == loop else self.name()).symlink_to(place)

    def special_files(self) -> None:
        os.mkfifo(self.name())
        with socket.socket(socket.AF_UNIX) as one:
            short = self.folder / f"evil{self.number}.darshan"
            one.bind(os.fsencode(short))
        self.number += 1
        if os.geteuid() == 0:
            os.mknod(self.name(""), stat.S_IFCHR | 0o666, os.makedev(1, 5))

    def folders(self) -> None:
        deep = self.name()
        deep.mkdir()
        (deep / self.name().name).write_bytes(self._log().content())
        closed = self.name()
        closed.mkdir(mode=0o000)
        for _ in range(30):
            deep = deep / "evil"
            deep.mkdir()

    def closed_files(self) -> None:
        path = self.name()
        path.write_bytes(self._log().content())
        path.chmod(0)

    def mutants(self) -> None:
        for _ in range(5):
            self.name().write_bytes(one_of(self.chance.choice(self.originals), self.chance)[1])

    def changing(self) -> None:
        """A log that is appended to, cut, replaced and touched, at once after it was written."""
        path = self.name("")
        path.write_bytes(self._log().content())
        for deed in self.chance.sample(range(4), 4):
            if deed == 0:
                with path.open("ab") as file:
                    file.write(b"\0" * 4096)
            elif deed == 1:
                os.truncate(path, path.stat().st_size // 2)
            elif deed == 2:
                new = path.with_name(f".evil{self.number}")
                new.write_bytes(self._log().content())
                new.replace(path)
            else:
                os.utime(path, ns=(self.chance.randrange(2**62), self.chance.randrange(2**62)))
        if self.chance.random() < 0.3:
            path.unlink()

    def texts(self) -> None:
        """Command lines and mount points that are not what they should be."""
        for text in TEXTS:
            words = os.fsencode(text).replace(b"/", b"_")
            log = self._log()
            lines = words + b" --run\nlustre\t/scratch" + words + b"\n" + words + b"\t/" + words
            self.name(text).write_bytes(replace(log, text=lines + b"\n/\text4\0").content())

    def numbers(self) -> None:
        """A job and records of absurd numbers: each a valid stream."""
        for number in (-1, 2**63 - 1, -(2**63), 2**53, 0):
            log, eight = self._log(), number.to_bytes(8, "little", signed=True)
            job = eight * 7 + log.job[56:]
            self.name("").write_bytes(replace(log, job=job).content())
            modules = {
                name: records[:16] + eight * ((len(records) - 16) // 8)
                for name, records in log.modules.items()
            }
            self.name("").write_bytes(replace(log, modules=modules).content())

    def bombs(self) -> None:
        """Modules and names that unpack to much more than they are."""
        log = self._log()
        module = self.chance.choice(sorted(log.modules))
        bomb = zlib.compress(bytes(2**24)) * 4
        self.name("").write_bytes(replace(log, raw={module: bomb}).content())
        self.name("").write_bytes(replace(log, names=bytes(2**24)).content())
        plain = log.content()
        self.name("").with_suffix(".darshan.gz").write_bytes(gzip.compress(plain + bytes(2**24)))
        self.name("").with_suffix(".darshan.bz2").write_bytes(bz2.compress(plain + bytes(2**22)))

    def many(self, count: int) -> None:
        """Names, most of them of empty files."""
        for number in range(count):
            path = self.folder / f"bob_evil{number}_id{number}-1_11-22-1-7_1.darshan"
            path.touch()

    def run(self, seconds: float, names: int) -> None:
        """Do all of it once, then at random until the time is over."""
        deeds: list[Callable[[], None]] = [
            self.links,
            self.special_files,
            self.folders,
            self.closed_files,
            self.mutants,
            self.texts,
            self.numbers,
            self.bombs,
            self.changing,
            lambda: self.many(names),
        ]
        end = time.monotonic() + seconds
        todo = list(deeds)
        while todo or time.monotonic() < end:
            deed = todo.pop(0) if todo else self.chance.choice([self.changing, *deeds[:6]])
            name = getattr(deed, "__name__", "many").replace("<lambda>", "many")
            try:
                deed()
                self.done[name] += 1
            except OSError as error:
                self.done[f"{name}: {error.strerror}"] += 1
            if not todo:
                time.sleep(0.05)
        note = self.folder.parent / "evil-done"
        note.write_text(json.dumps(self.done, indent=1, sort_keys=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--archive", type=Path, default=Path("/nonexistent"))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--names", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    Afternoon(given.folder, given.seed, given.archive).run(given.seconds, given.names)


if __name__ == "__main__":
    main()
