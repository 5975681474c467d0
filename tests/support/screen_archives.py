"""Archives whose pages have each state, for `tests.support.screens`: a function an archive, which
writes below a folder and returns the archive.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from archive_tools.reporting import alerts, kept_alerts, rendering, report, site_pages
from archive_tools.store import layout
from pipeline.cli.main import main
from tests.support import generated_month, hostile_pages, small_days
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT

MONTH = generated_month.dates()
SMALL = [dt.date(2026, 11, 20) + dt.timedelta(days=n) for n in range(3)]
"""Complete, marked empty, and with failures."""
RECORDED = MANY = dt.date(2026, 11, 22)
HOSTILE = hostile_pages.DATES[-1]
EVENTS = generated_month.Events(speed=0.5, times=10.0, points=5.0, minutes=60)


def recorded(folder: Path) -> Path:
    """The one that `make nightly` left."""
    return ROOT / "examples/morning/archive"


def month(folder: Path) -> Path:
    """A month of a file system and its users, with events on its last days, and alerts."""
    folder.mkdir(parents=True)
    root = generated_month.write(folder, 1, EVENTS)
    for date in MONTH:
        kept_alerts.write(root, date, alerts.evaluate(root, date, generated_month.RULES))
        path = layout.path(root, layout.REPORT, date)
        report.write_report(root, date, path, instances=generated_month.INSTANCES)
    for date in MONTH[:-1]:  # again: now each has the one after it
        path = layout.path(root, layout.REPORT, date)
        report.write_report(root, date, path, instances=generated_month.INSTANCES)
    rendering.write_assets(root)
    site_pages.write_pages(root, generated_month.INSTANCES)
    return root


def small(folder: Path) -> Path:
    """Days by nightly runs: one of each state."""
    site = small_days.write_days(folder, SMALL, late_days=10**4, raw_days=10**4)
    content = json.loads(site.read_text())
    content["sources"]["archive"] = {
        **content["sources"]["home"],
        "database": "sqlite:///lmt/archive_%Y-%m-%d.sqlite3",
    }
    site.write_text(json.dumps(content))
    for date in SMALL[:2]:
        small_days.write_lmt(folder / "lmt" / f"archive_{date}.sqlite3", date)
    cut = folder / "lmt" / f"scratch_{SMALL[-1]}.sqlite3"
    cut.unlink()
    small_days.write_lmt(cut, SMALL[-1], upto=100)
    (folder / "lmt" / f"archive_{SMALL[-1]}.sqlite3").write_bytes(b"not a database" * 100)
    for log in (folder / "darshan" / str(SMALL[1])).iterdir():
        log.unlink()
    for number in range(3):
        (folder / "darshan" / str(SMALL[-1]) / f"cut_{number}.darshan").write_bytes(b"cut")
    for date in (SMALL[0], SMALL[2]):
        main(["nightly", "--quiet", "--site", str(site), "--date", str(date)])
    empty = ["--start", str(SMALL[1]), "--stop", str(SMALL[1]), "--why", "new switches"]
    empty += ["--who", "ann"]
    names = ",".join(content["sources"])
    main(["mark-empty", "--site", str(site), *empty, "--instance", names])
    main(["nightly", "--quiet", "--site", str(site), "--date", str(SMALL[1])])
    return folder / "archive"


def many_targets(folder: Path) -> Path:
    """A day of a large file system."""
    path = folder / "lmt.sqlite3"
    folder.mkdir(parents=True)
    make_lmt.write(path, make_lmt.Day(MANY, 248, 31, 4, 1, step=300), "scratch")
    site: dict[str, Any] = {
        "site": "Large site",
        "archive": "archive",
        "late_days": 10**4,
        "raw_days": 10**4,
        "sources": {
            "scratch": {"kind": "lmt", "database": "sqlite:///lmt.sqlite3", "timestep": 300}
        },
    }
    (folder / "site.json").write_text(json.dumps(site))
    main(["nightly", "--quiet", "--site", str(folder / "site.json"), "--date", str(MANY)])
    return folder / "archive"


def hostile(folder: Path) -> Path:
    """Names that are long, from right to left, or made to be taken for something else."""
    folder.mkdir(parents=True)
    return hostile_pages.write_archive(folder)
