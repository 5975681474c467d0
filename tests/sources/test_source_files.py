"""Files, compressed files and tarballs, also those that mean ill."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.sources._shared import source_files
from tests.support.paths import ROOT

LIMIT = 1 << 20


def tarball(path: Path, members: Sequence[tuple[tarfile.TarInfo | str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".tgz", ".gz") else "w") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def read(path: Path, limit: int = LIMIT) -> tuple[dict[str, bytes], list[str]]:
    """What is in a file, and what is wrong with it."""
    problems: list[str] = []
    found = {
        member.path: source_files.content(member)
        for member in source_files.members(
            path, path.name, limit, lambda name, what: problems.append(f"{name}: {what}")
        )
    }
    return found, problems


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_a_file_is_read_up_to_where_it_breaks_off(
    tmp_path: Path, suffix: str, pack: type[bytes]
) -> None:
    text = "".join(f"{n * 7919 % 10007}\n" for n in range(30_000)).encode()
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(pack(text))
    assert read(path) == ({str(path): text}, [])
    path.write_bytes(pack(text)[:-1000])
    found, problems = read(path)
    assert text.startswith(found[str(path)])
    assert len(found[str(path)]) > len(text) // 2 or suffix in (".bz2", ".xz")
    assert problems == [] if not suffix else "breaks off" in problems[0]


def test_gzip_of_several_members(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 512)
    assert read(tmp_path / "a.gz") == ({str(tmp_path / "a.gz"): b"one two"}, [])


def test_members_of_a_tarball_packed_or_not(tmp_path: Path) -> None:
    path = tarball(
        tmp_path / "a.tgz",
        [("x/one", b"1"), ("x/two.gz", gzip.compress(b"2")), ("x/.hidden", b"3")],
    )
    assert read(path) == ({"x/one": b"1", "x/two.gz": b"2"}, [])


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    "member",
    [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        link("l", tarfile.SYMTYPE),
        link("h", tarfile.LNKTYPE),
        link("d", tarfile.CHRTYPE),
        link("f", tarfile.FIFOTYPE),
    ],
)
def test_a_tarball_that_means_ill_is_refused_whole(
    tmp_path: Path, member: tarfile.TarInfo | str
) -> None:
    path = tarball(tmp_path / "a.tar", [("good", b"1"), (member, b"")])
    found, (problem,) = read(path)
    assert found == {}
    assert "a.tar is refused: member" in problem
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]


def test_what_expands_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(LIMIT * 50)))
    found, (problem,) = read(tmp_path / "bomb.gz")
    assert len(found[str(tmp_path / "bomb.gz")]) <= LIMIT
    assert "expands to more than is allowed; to do: raise max_expanded_mb" in problem
    found, (problem,) = read(
        tarball(tmp_path / "plain.tgz", [("good", b"1"), ("bomb", bytes(LIMIT * 50))])
    )
    assert (found, "refused" in problem) == ({}, True)
    packed = gzip.compress(bytes(LIMIT // 2))
    found, problems = read(tarball(tmp_path / "many.tgz", [(f"{n}.gz", packed) for n in range(20)]))
    assert sum(map(len, found.values())) <= LIMIT, "all members together"
    assert problems


def test_a_name_of_half_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """In a process that may not have the memory for it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 500 << 20
    with gzip.open(tmp_path / "long.tgz", "wb", 1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(500):
            file.write(b"a" * (1 << 20))
        file.write(tarfile.TarInfo("x").tobuf())
    code = (
        "import resource, sys; from pathlib import Path;"
        f" resource.setrlimit(resource.RLIMIT_DATA, ({300 << 20}, {300 << 20}));"
        " from tests.sources.test_source_files import read;"
        " print(read(Path(sys.argv[1]), 1 << 40))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "long.tgz")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert shown.returncode == 0, shown.stderr[-1000:]
    assert "a header of 524288000 bytes" in shown.stdout


def test_a_damaged_tarball_gives_what_stands_before(tmp_path: Path) -> None:
    path = tarball(tmp_path / "a.tar", [("one", b"1" * 2000), ("two", b"2" * 2000)])
    whole = path.read_bytes()
    path.write_bytes(whole[:4000])
    found, problems = read(path)
    assert found["one"] == b"1" * 2000
    assert problems
    sparse = tarfile.TarInfo("s")
    sparse.pax_headers = {"GNU.sparse.map": "x", "GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    found, problems = read(tarball(tmp_path / "b.tar", [("one", b"1"), (sparse, b"")]))
    assert set(found) <= {"one"}
    assert problems


def test_folders_without_pipes_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").touch()
    (tmp_path / ".b").touch()
    os.mkfifo(tmp_path / "pipe")
    assert source_files.walked([tmp_path]) == [tmp_path / "sub/a"]
