"""A source that reads a file in a process of its own, whose memory is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

READ = """
import datetime as dt, sys
from pathlib import Path
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from pipeline.sources import registry as sources
kind, file, folder = sys.argv[1:]
source = sources.usable(kind)
keys = {"prometheus": {"answers": file}}.get(kind, {"files": file})
options = source.Options(kind=kind, timezone="UTC", **keys)
day, findings = Day(dt.date(2026, 11, 22)), Findings()
try:
    source.fetch(options, day, Path(folder))
except NoData:  # nothing of the day is in what could be read
    pass
for samples in source.parse(options, day, Path(folder), findings):
    pass
print(findings.sentences())
status = Path("/proc/self/status").read_text()  # getrusage has the peak of who started it
print(int(status.partition("VmHWM:")[2].split()[0]) >> 10)
"""


def read_alone(kind: str, path: Path) -> tuple[str, int]:
    """What a process of its own says of a file, and the most memory that it had, in MiB."""
    raw = path.parent / "raw"
    raw.mkdir()
    command = [sys.executable, "-c", READ, kind, str(path), str(raw)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    *said, megabytes = shown.stdout.splitlines()
    return "\n".join(said), int(megabytes)
