"""A small site whose night was run, given to each test as it was: under the same path, which inputs
are known by.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, main
from tests.support.small_days import write_days


def build(folder: Path, dates: Sequence[dt.date]) -> Path:
    """Run the nights of some days of a new site; the folder that `restored` takes."""
    site = write_days(folder / "site", dates, late_days=10**5, raw_days=10**5)
    for date in dates:
        assert main(["nightly", "--site", str(site), "--date", str(date)]) == COMPLETE
    (folder / "site").rename(folder / "kept")
    return folder


def restored(built: Path) -> Path:
    """The site's folder, as it was when it was built."""
    shutil.rmtree(built / "site", ignore_errors=True)
    current().answers.forget()
    return shutil.copytree(built / "kept", built / "site")
