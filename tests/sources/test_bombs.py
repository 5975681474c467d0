"""Small files that expand to gigabytes: refused by their ratio, in bounded memory."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pipeline.sources._shared import source_files
from tests.support.paths import ROOT

READ = """
import datetime as dt, sys
from pathlib import Path
from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from pipeline import sources
kind, file, folder = sys.argv[1:]
source = sources.usable(kind)
keys = {"mmperfmon": {"files": file}, "prometheus": {"answers": file}}[kind]
options = source.Options(kind=kind, timezone="UTC", **keys)
day, findings = Day(dt.date(2026, 11, 22)), Findings()
source.fetch(options, day, Path(folder))
for samples in source.parse(options, day, Path(folder), findings):
    pass
print(findings.sentences())
status = Path("/proc/self/status").read_text()  # getrusage has the peak of who started it
print(int(status.partition("VmHWM:")[2].split()[0]) >> 10)
"""


ZEROS = gzip.compress(bytes(1 << 20), 6) * 512
"""512 MiB in half a MiB."""


def one_of_zeros(path: Path) -> None:
    path.write_bytes(ZEROS)


def tarball_of_one(path: Path) -> None:
    """Compressed twice, in a member."""
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("x/day.txt.gz")
        info.size = len(ZEROS)
        tar.addfile(info, io.BytesIO(ZEROS))


@pytest.mark.system
@pytest.mark.parametrize("kind", ["mmperfmon", "prometheus"])
@pytest.mark.parametrize(
    ("name", "make"), [("a.txt.gz", one_of_zeros), ("a.tgz", tarball_of_one)], ids=["gz", "tgz"]
)
def test_a_bomb_is_refused_in_bounded_memory(
    tmp_path: Path, kind: str, name: str, make: object
) -> None:
    assert callable(make)
    make(tmp_path / name)
    (tmp_path / "raw").mkdir()
    command = [sys.executable, "-c", READ, kind, str(tmp_path / name), str(tmp_path / "raw")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    said, megabytes = shown.stdout.splitlines()
    assert "raise max_expanded_mb or max_ratio of the source if that is right" in said
    assert name in said
    assert int(megabytes) < 500


def test_what_a_file_may_expand_to(tmp_path: Path) -> None:
    """By its size, but always some, and never more than the site says."""
    path = tmp_path / "a"
    path.write_bytes(bytes(1 << 20))
    assert source_files.Allowed(4096, 100).of(path) == 100 << 20
    assert source_files.Allowed(4096, 1).of(path) == source_files.ALWAYS
    assert source_files.Allowed(7, 100).of(path) == 7 << 20
