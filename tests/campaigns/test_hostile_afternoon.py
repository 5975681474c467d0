"""Three nightly runs while a user does all he can in the folder of logs (hostile_afternoon.py).

TOKIO_AFTERNOON is how many seconds he has (default 5), TOKIO_AFTERNOON_NAMES how many names he
makes at a time (default 100), TOKIO_SEED what he does.
"""

from __future__ import annotations

import html.parser
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from archive_tools.formats.index_file import connected
from pipeline.cli.main import FAILED, PARTIAL
from tests.campaigns.hostile_afternoon import Afternoon
from tests.support.paths import ROOT, SITEDAY_LOGS
from tests.support.peak_memory import peak_of
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

DATE = "2026-11-22"
SECONDS = float(os.environ.get("TOKIO_AFTERNOON", "5"))
NAMES = int(os.environ.get("TOKIO_AFTERNOON_NAMES", "100"))
SEED = int(os.environ.get("TOKIO_SEED", "7"))
GOOD = 12
MEMORY = 2**30
"""Resident bytes of the largest process of a nightly run at most; a log may have 256 MiB."""
ABSURD = "impossible"
"""What `check` says of series with the absurd numbers of logs that are whole."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no output may have, but for line ends and tabs."""


class Site:
    def __init__(self, folder: Path) -> None:
        self.logs = folder / f"logs/{DATE}"
        self.logs.mkdir(parents=True)
        self.archive, self.path = folder / "archive", folder / "site.json"
        self.day = self.archive / f"2026/{DATE}"
        source = {
            "kind": "darshan",
            "logs": "logs/%Y-%m-%d",
            "timestep": 600,
            "neighbours": 0,
            "log_seconds": 10,
            "log_memory_mb": 256,
        }
        content = {
            "site": "small",
            "archive": "archive",
            "mount_to_fsname": {"^/scratch": "scratch", "^/project": "home"},
            "sources": {"darshan": source},
            "late_days": 10**5,
            "raw_days": 10**5,
        }
        self.path.write_text(json.dumps(content))
        self.peak = 0

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        program = "archive_tools" if command in ("check", "jobs") else "pipeline"
        where = ["--archive", str(self.archive)] if program == "archive_tools" else []
        where = where or ["--site", str(self.path)]
        return subprocess.run(
            [sys.executable, "-m", f"{program}.cli.main", command, *where, *more],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )

    def night(self) -> subprocess.CompletedProcess[bytes]:
        """A nightly run; `peak` is the size of the largest process of all of them."""
        command = [sys.executable, "-m", "pipeline.cli.main", "nightly", "--date", DATE]
        command += ["--site", str(self.path)]
        run, peak = peak_of(command, ROOT)
        self.peak = max(self.peak, peak)
        return run


def bytes_of(index: Path, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """What each log moved by POSIX, as the index has it."""
    query = "SELECT filename, posix_bytes_read, posix_bytes_written FROM headers"
    with connected(index) as connection:
        rows = connection.execute(query).fetchall()
    return {name: (read, written) for name, read, written in rows if name in names}


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attributes)}


@pytest.fixture
def good(tmp_path: Path) -> Iterator[tuple[Site, dict[str, tuple[int, int]]]]:
    """A site with good logs, and what they moved, by an undisturbed run."""
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    site, undisturbed = Site(tmp_path), Site(quiet)
    names = []
    for log in sorted(SITEDAY_LOGS.iterdir())[:GOOD]:
        names.append(log.name)
        for one in (site, undisturbed):
            shutil.copy2(log, one.logs)
    undisturbed.night()
    right = bytes_of(undisturbed.day / "darshan_index.sqlite", names)
    assert len(right) == GOOD
    yield site, right
    opened_up(site.logs)


def opened_up(folder: Path) -> None:
    """Let the account remove the folders that were closed."""
    for above, names, _ in os.walk(folder):
        for name in names:
            path = Path(above, name)
            if not path.is_symlink():
                path.chmod(0o700)


def processes_of(site: Site) -> list[psutil.Process]:
    """Processes that have the site in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(site.path) in command:
            found.append(process)
    return found


def test_good_logs_are_indexed_and_nothing_else_happens(
    good: tuple[Site, dict[str, tuple[int, int]]],
) -> None:
    site, right = good
    command = [sys.executable, "-m", "tests.campaigns.hostile_afternoon", str(site.logs)]
    command += ["--seconds", str(SECONDS), "--names", str(NAMES), "--seed", str(SEED)]
    user = subprocess.Popen([*command, "--archive", str(site.archive)], cwd=ROOT)
    until(lambda: len(list(os.scandir(site.logs))) > GOOD + 20, "the first of the user's deeds")
    nights = [site.night()]
    while len(nights) < 3 or user.poll() is None:
        nights.append(site.night())
    assert user.wait(PATIENCE) == 0
    nights.append(site.night())  # once the folder is still
    last = nights[-1]
    text = b"".join(night.stdout + night.stderr for night in nights)

    assert bytes_of(site.day / "darshan_index.sqlite", list(right)) == right
    for night in nights:
        assert night.returncode in (PARTIAL, FAILED), "something was hidden: it is not complete"
        assert b"Traceback" not in night.stderr, night.stderr.decode(errors="replace")[-3000:]
    assert last.returncode == PARTIAL, last.stderr.decode(errors="replace")[-2000:]

    assert not processes_of(site)
    assert not list(site.archive.rglob("*.tmp"))
    assert site.peak < MEMORY, f"the largest process had {site.peak / 2**20:.0f} MiB"

    outputs = {"nightly": text}
    for name, *more in (
        ("status", "--start", DATE, "--stop", DATE, "--textfile", str(site.archive / "t.prom")),
        ("check", "--deep", "--json"),
        ("jobs", DATE),
        ("jobs", DATE, "--json"),
    ):
        done = site.run(name, *more)
        outputs[" ".join([name, *more[-1:]])] = done.stdout + done.stderr
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")[-3000:]
        if name == "check":
            kinds = {problem["kind"] for problem in json.loads(done.stdout)}
            assert kinds <= {ABSURD}, done.stdout.decode(errors="replace")
    outputs["textfile"] = (site.archive / "t.prom").read_bytes()
    outputs["report"] = (site.day / "report.html").read_bytes()
    for name, content in outputs.items():
        shown = content.decode("utf-8")
        found = CONTROL.search(shown)
        assert not found, f"{name}: {shown[max(0, found.start() - 80) : found.end() + 20]!r}"

    tags = Tags()
    tags.feed(outputs["report"].decode())
    assert not tags.found & {"img", "onerror", "iframe"}, "text of a user is a part of the page"
    assert b"alert(1)</script>" not in outputs["report"]

    assert not list(Path.cwd().glob("evil*"))
    assert not (ROOT / "evil-ran").exists()
    with sqlite3.connect(site.day / "darshan_index.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_user_does_all_that_he_can(tmp_path: Path) -> None:
    """A campaign that does nothing would be green."""
    folder = tmp_path / "logs"
    folder.mkdir()
    Afternoon(folder, SEED, tmp_path).run(0, 20)
    done = json.loads((tmp_path / "evil-done").read_text())
    assert len(done) == 10, done
    assert not [name for name in done if ":" in name], "each deed succeeds"
    opened_up(folder)
