"""Small files that expand to gigabytes: refused by their ratio, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.sources._shared import source_files
from tests.support.read_alone import read_alone

KINDS = ("mmperfmon", "prometheus", "lustre_snapshots", "job_stats")
ZEROS = gzip.compress(bytes(1 << 20), 6) * 512
"""512 MiB in half a MiB."""


def one_of_zeros(path: Path) -> None:
    path.write_bytes(ZEROS)


def one_of_zeros_and_columns(path: Path) -> None:
    path.write_bytes(gzip.compress(b"JobID|State\n") + ZEROS)


def xz_of_zeros(path: Path) -> None:
    path.write_bytes(lzma.compress(bytes(1 << 28), preset=0))


def bzip2_of_zeros(path: Path) -> None:
    path.write_bytes(bz2.compress(bytes(1 << 24)) * 16)


def tarball_of_one(path: Path) -> None:
    """Compressed twice, in a member."""
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("x/day.txt.gz")
        info.size = len(ZEROS)
        tar.addfile(info, io.BytesIO(ZEROS))


@pytest.mark.system
@pytest.mark.parametrize(
    ("kind", "name", "make"),
    [
        *((kind, "a.txt.gz", one_of_zeros) for kind in KINDS),
        ("slurm", "a.txt.gz", one_of_zeros_and_columns),
        ("mmperfmon", "a.tgz", tarball_of_one),
        ("prometheus", "a.tgz", tarball_of_one),
        ("mmperfmon", "a.xz", xz_of_zeros),
        ("mmperfmon", "a.bz2", bzip2_of_zeros),
    ],
)
def test_a_bomb_is_refused_in_bounded_memory(
    tmp_path: Path, kind: str, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    said, megabytes = read_alone(kind, tmp_path / name)
    assert "raise max_expanded_mb or max_ratio of the source if that is right" in said
    assert name in said
    assert megabytes < 500


def test_what_a_file_may_expand_to(tmp_path: Path) -> None:
    """By its size, but always some, and never more than the site says."""
    path = tmp_path / "a"
    path.write_bytes(bytes(1 << 20))
    assert source_files.Allowed(4096, 100).of(path) == 100 << 20
    assert source_files.Allowed(4096, 1).of(path) == source_files.ALWAYS
    assert source_files.Allowed(7, 100).of(path) == 7 << 20
