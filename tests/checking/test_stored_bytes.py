"""Bytes that are not those of their receipts, and what is a note."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import archive_tools
from archive_tools.checking import whole_archive
from archive_tools.checking.problems import Problem
from archive_tools.cli.main import main
from archive_tools.store import files
from pipeline.cli.main import main as pipeline
from tests.support.damage import flip
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
DAY = f"2025/{DATE}"
PRODUCTS = [
    "home.hdf5",
    "darshan.hdf5",
    "darshan_index.sqlite",
    "darshan_jobs.parquet",
    "figures.json",
    "report.html",
]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bytes")
    site = write_days(folder, [DATE], late_days=10**5, raw_days=10**5)
    assert pipeline(["nightly", "--site", str(site), "--date", str(DATE)]) == 0
    return folder / "archive"


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "archive")  # other inodes


def problems(root: Path, *, deep: bool = True) -> list[Problem]:
    archive = archive_tools.Archive(root)
    return list(whole_archive.check_archive(archive, DATE, DATE, deep=deep))


def receipts(root: Path, what: str) -> list[Path]:
    return sorted(root.glob(f"receipts/2025/03/*.{what}.*"))


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("place", [0.0, 0.1, 0.35, 0.6, 0.85, 0.999])
def test_any_bit_of_a_product_that_flips_is_found(root: Path, name: str, place: float) -> None:
    path = root / DAY / name
    flip(path, int(place * path.stat().st_size * 8))
    found = [one for one in problems(root) if one.kind == "bytes"]
    assert [(one.where, one.is_note) for one in found] == [(str(path), False)]
    assert "not those of the receipt" in found[0].what


def test_raw_data_that_flip_are_found(root: Path) -> None:
    (path,) = root.glob(f"raw/{DAY}/home.*/OST_DATA.parquet")
    flip(path, 4000)
    assert [(one.kind, one.where) for one in problems(root)] == [("raw data", str(path))]
    path.unlink()
    assert [(one.kind, one.where) for one in problems(root)] == [("raw data", str(path))]


def test_a_size_is_compared_without_hashing(root: Path) -> None:
    path = root / DAY / "home.hdf5"
    with path.open("ab") as file:
        file.write(b"more")
    assert [(one.kind, one.where) for one in problems(root, deep=False)] == [("bytes", str(path))]


def test_receipts_of_earlier_versions_have_no_hash(root: Path) -> None:
    for path in (root / "receipts/2025/03").iterdir():
        content = json.loads(path.read_text())
        content.pop("sha256", None)
        del content["checksum"]
        path.write_text(json.dumps(content))
    assert problems(root) == []


def test_what_a_killed_run_leaves_is_noted_and_not_counted(root: Path, capsys: Capture) -> None:
    left = root / DAY / ".home.hdf5.host.1.abcd1234.tmp"
    left.touch()
    os.utime(left, (0, 0))
    (newest,) = receipts(root, "home.raw")
    older = newest.with_name(newest.name.replace(newest.name.split(".")[4], "0" * 16))
    older.write_text(json.dumps({"written": "2025-03-01T00:00:00+00:00"}))
    receipts(root, "darshan.index")[0].unlink()
    receipts(root, "_day.report")[0].unlink()
    capsys.readouterr()
    assert main(["check", "--deep", "--archive", str(root)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("0 problems and 4 notes in 1 day, 7 files\n")
    assert main(["check", "--json", "--archive", str(root)]) == 0
    assert all(one["note"] for one in json.loads(capsys.readouterr().out))


def test_a_page_without_its_new_receipt_is_noted_where_the_figures_have_theirs(root: Path) -> None:
    page, (receipt,) = root / DAY / "report.html", receipts(root, "_day.figures")
    page.write_text(page.read_text() + "<!-- of more samples -->")
    assert [one.is_note for one in problems(root)] == [False]
    content = json.loads(receipt.read_text())
    del content["checksum"]
    receipt.write_text(json.dumps(content | {"written": "2125-03-02T00:00:00+00:00"}))
    (found,) = problems(root)
    assert (found.kind, found.where, found.is_note) == ("bytes", str(page), True)
    figures = root / DAY / "figures.json"
    flip(figures, 400)
    assert {(one.where, one.is_note) for one in problems(root)} == {
        (str(page), True),
        (str(figures), False),
    }, "the next run makes the page alone"


def test_of_a_day_that_is_not_over_only_what_is_made_again_is_a_note(root: Path) -> None:
    """Without the table of jobs: the index is looked at when it is made, the series are not."""
    receipts(root, "darshan.jobs")[0].unlink()
    (root / DAY / "darshan_jobs.parquet").unlink()
    for name in ("darshan.hdf5", "darshan_index.sqlite"):
        flip(root / DAY / name, 4000)
    found = {Path(one.where).name: one.is_note for one in problems(root) if one.kind == "bytes"}
    assert found == {"darshan.hdf5": False, "darshan_index.sqlite": True}


def test_progress_names_what_is_hashed(root: Path) -> None:
    seen: list[str] = []
    archive = archive_tools.Archive(root)
    list(whole_archive.check_archive(archive, DATE, DATE, deep=True, progress=seen.append))
    assert any(one.startswith(f"{DATE} home: bytes, ") for one in seen)


@pytest.fixture
def read_only(root: Path, tmp_path: Path) -> Iterator[Path]:
    """The archive where nothing can be written, for root too."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    steps = [["mount", "--bind", root, mounted], ["mount", "-o", "remount,ro,bind", mounted]]
    if os.geteuid() and shutil.which("mount"):
        for path in [root, *root.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
        yield root
        for path in [root, *root.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        return
    if any(subprocess.run(step, capture_output=True, check=False).returncode for step in steps):
        subprocess.run(["umount", mounted], capture_output=True, check=False)
        pytest.skip("root may not mount here: there is no read-only archive")
    yield mounted
    subprocess.run(["umount", mounted], check=True)


def test_a_read_only_archive_is_checked_and_read_and_no_file_is_made(
    read_only: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_host", lambda: "elsewhere")
    before = {path: path.stat().st_mtime_ns for path in read_only.rglob("*")}
    assert main(["check", "--deep", "--archive", str(read_only)]) == 0
    name = "datatargets/readbytes"
    span = str(DATE), str(DATE + dt.timedelta(days=1))
    there, here = (
        archive_tools.Archive(root).to_numpy("home", name, *span) for root in (whole, read_only)
    )
    assert there.tobytes() == here.tobytes()
    assert {path: path.stat().st_mtime_ns for path in read_only.rglob("*")} == before


def test_a_copy_by_rsync_without_times_is_checked_the_same(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, copy_function=shutil.copyfile)
    assert main(["check", "--deep", "--archive", str(copy)]) == 0
