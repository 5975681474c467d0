"""The shape of a large site, small: four hosts on one archive, with luigid and a Dask cluster, and
the host with most to do killed in the middle of it.

Hosts are groups of processes with host names of their own (`tests.support.other_host`), on one
file system. Two make the same night, one in luigid's care and one that holds the day's lock; the
others make the days before, each way. What they leave is what one host leaves that nobody disturbs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from archive_tools.cli.main import main as tokio_archive
from archive_tools.store import files
from pipeline.cli.main import COMPLETE, main
from tests.support import dask_cluster, luigid
from tests.support.paths import ROOT
from tests.support.small_days import LOGS, write_days, write_site
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

DATES = [dt.date(2025, 3, 1) + dt.timedelta(days=n) for n in range(3)]
NIGHT = DATES[-1]
HOSTS = ["host1", "host2", "host3", "host4"]
DEAD = "host4"
LOGS_A_DAY = 6
KEYS = {"late_days": 10**5, "raw_days": 10**5, "job_pages": 1}
BACKFILL = ["backfill", "--start", str(DATES[0]), "--stop", str(NIGHT)]
IN_LUIGIDS_CARE = [
    *("--module", "pipeline.tasks", "RangeDaily", "--of", "Nightly", "--reverse"),
    *("--start", str(DATES[0]), "--stop", str(NIGHT), "--days-back", "20000"),
]
ITS_NIGHT = ["nightly", "--date", str(NIGHT)]
ONE_NIGHT = ["--module", "pipeline.tasks", "Nightly", "--date", str(NIGHT)]


@dataclass(frozen=True)
class Site:
    """A site's folder, and the port of its luigid; its site.json is under the same path on each
    host.
    """

    folder: Path
    port: int

    @property
    def root(self) -> Path:
        return self.folder / "archive"

    def start(self, host: str, module: str, *arguments: str, group: int = 0) -> Any:
        """Start a command on a host."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.other_host", host, module, *arguments],
            cwd=ROOT,
            env=luigid.environment(self.folder) | {"TOKIO_SITE": str(self.folder / "site.json")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=group,
        )

    def luigi(self, host: str, *arguments: str, group: int = 0) -> Any:
        """Start a worker in luigid's care."""
        scheduler = ("--scheduler-host", "127.0.0.1", "--scheduler-port", str(self.port))
        return self.start(host, "luigi", *arguments, *scheduler, group=group)

    def left_by(self, host: str) -> list[Path]:
        """Temporary files of a host."""
        return sorted(self.root.rglob(f".*.{host}.*{files.TEMPORARY}"))


@contextlib.contextmanager
def large_site(folder: Path) -> Iterator[tuple[Site, list[subprocess.Popen[bytes]]]]:
    """Sources of some days, luigid, and a Dask cluster with a worker on each of four hosts."""
    write_days(folder, DATES)
    for nth, date in enumerate(DATES):
        for log in LOGS[nth * LOGS_A_DAY :][:LOGS_A_DAY]:
            shutil.copy(log, folder / f"darshan/{date}")
    with (
        luigid.running(folder) as port,
        dask_cluster.running(folder, workers=len(HOSTS), hosts=HOSTS, nanny=False) as (
            address,
            workers,
        ),
    ):
        write_site(folder, **KEYS, engine={"kind": "dask", "scheduler": address})
        yield Site(folder, port), workers


def kill_in_the_middle_of_a_file(site: Site, group: int) -> None:
    """Kill all of a host when it has a temporary file: it is stopped, looked at, and let go on
    where the file is not there any more.
    """

    def killed() -> bool:
        if not site.left_by(DEAD):
            return False
        os.killpg(group, signal.SIGSTOP)
        if len(receipts(site.root)) >= 3 and site.left_by(DEAD):
            os.killpg(group, signal.SIGKILL)
            return True
        os.killpg(group, signal.SIGCONT)
        return False

    until(killed, f"a temporary file of {DEAD}", look=0.002)
    until(lambda: not _living(group), f"the end of all processes of {DEAD}")


def _living(group: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def receipts(root: Path) -> list[str]:
    """Their names: day, instance, product, version, fingerprint, state."""
    return sorted(path.name for path in (root / "receipts").rglob("20*.json"))


def stored(root: Path) -> dict[str, bytes]:
    """All files of the days and months: series, indexes, tables, figures, pages."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in (root / f"{NIGHT:%Y}").rglob("*")
        if path.is_file()
    }


def test_four_hosts_one_of_them_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with large_site(tmp_path) as (site, workers):
        dead = workers[HOSTS.index(DEAD)].pid
        ending = [
            site.luigi(DEAD, *IN_LUIGIDS_CARE, group=dead),
            site.start(DEAD, "pipeline.cli.main", *BACKFILL, "--newest-first", group=dead),
        ]
        nights = [
            site.luigi("host1", *ONE_NIGHT),
            site.start("host2", "pipeline.cli.main", *ITS_NIGHT, "--wait", str(PATIENCE)),
        ]
        days = site.luigi("host3", *IN_LUIGIDS_CARE)
        kill_in_the_middle_of_a_file(site, dead)
        for one in [*ending, *nights, days]:
            _, said = one.communicate(timeout=PATIENCE)
            if one in ending:
                assert one.returncode == -signal.SIGKILL
            elif one in nights:
                assert one.returncode == COMPLETE, said
        last = site.start("host2", "pipeline.cli.main", *BACKFILL)  # as cron does the next morning
        _, said = last.communicate(timeout=PATIENCE)
        assert last.returncode == COMPLETE, said
    left = site.left_by(DEAD)
    assert left, "of another host, it is not known to be dead within a day"
    assert left == sorted(site.root.rglob(f".*{files.TEMPORARY}")), "nobody else left any"
    for path in filter(Path.exists, left):
        long_ago = path.stat().st_mtime - 2 * files.FOREIGN_AGE
        os.utime(path, (long_ago, long_ago))
        assert files.sweep([path.parent]) == [path]

    assert tokio_archive(["check", "--deep", "--archive", str(site.root)]) == 0
    assert capsys.readouterr().out.startswith(f"0 problems in {len(DATES)} days")
    undisturbed = write_site(tmp_path, **KEYS, archive="undisturbed")
    assert main([*BACKFILL, "--site", str(undisturbed)]) == COMPLETE
    alone = tmp_path / "undisturbed"
    assert receipts(site.root) == receipts(alone)
    assert stored(site.root).keys() == stored(alone).keys()
    for name, content in stored(alone).items():
        assert stored(site.root)[name] == content, name
