"""Damage that disks, copies and people do to files."""

from __future__ import annotations

import shutil
from pathlib import Path


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Keep the first half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def garbage(path: Path) -> None:
    path.write_bytes(b"\x89\xff\x00garbage" * 50)


def a_list(path: Path) -> None:
    path.write_text("[1, 2]")


def null(path: Path) -> None:
    path.write_text("null")


def folder(path: Path) -> None:
    """A folder with something in it, in the place of the file."""
    path.unlink()
    path.mkdir()
    (path / "something").touch()


def link(path: Path) -> None:
    """A link that leads nowhere."""
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


WAYS = (emptied, cut, garbage, a_list, null, folder, link)
