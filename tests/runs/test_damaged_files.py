"""Products and raw data whose bytes are not those of their receipts: nothing is built on them, and
fewer figures never replace more.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import ReceiptState
from archive_tools.reporting import report
from archive_tools.store.receipts import Receipts
from pipeline.building.site_cache import load_site
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.runs import retention
from tests.support import damage, pristine

pytestmark = pytest.mark.system

DATE = dt.date(2025, 3, 1)
Capture = pytest.CaptureFixture[str]
Log = pytest.LogCaptureFixture


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pristine.build(tmp_path_factory.mktemp("files"), [DATE])


@pytest.fixture
def folder(built: Path) -> Path:
    return pristine.restored(built)


def night(folder: Path) -> int:
    return main(["nightly", "--site", str(folder / "site.json"), "--date", str(DATE)])


def run(folder: Path, command: str, *more: str) -> int:
    span = ["--start", str(DATE), "--stop", str(DATE)]
    return main([command, "--site", str(folder / "site.json"), *span, *more])


def product(folder: Path, name: str) -> Path:
    return folder / f"archive/2025/{DATE}" / name


def raw(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"archive/raw/2025/{DATE}/{name}")
    return found


def receipt(folder: Path, what: str) -> Path:
    (found,) = folder.glob(f"archive/receipts/2025/03/{DATE}.{what}.*")
    return found


def test_receipts_have_size_and_hash_of_their_products(folder: Path) -> None:
    content = json.loads(receipt(folder, "home.tts").read_text())
    path = product(folder, "home.hdf5")
    assert content["bytes"] == path.stat().st_size
    assert len(content["sha256"]) == 64


def test_raw_data_that_flipped_are_fetched_again_before_anything_is_built(folder: Path) -> None:
    good = product(folder, "home.hdf5").read_bytes()
    damage.flip(raw(folder, "home.*/OST_DATA.parquet"), 9999)
    product(folder, "home.hdf5").unlink()
    assert night(folder) == COMPLETE
    assert product(folder, "home.hdf5").read_bytes() == good


def test_rebuild_keeps_the_product_where_raw_data_flipped(folder: Path, capsys: Capture) -> None:
    good = product(folder, "home.hdf5").read_bytes()
    path = raw(folder, "home.*/OST_DATA.parquet")
    damage.flip(path, 9999)
    assert run(folder, "rebuild", "--all", "--instance", "home") == FAILED
    assert product(folder, "home.hdf5").read_bytes() == good
    capsys.readouterr()
    assert run(folder, "status", "--no-ask") == FAILED
    assert f"{path}: its bytes are not those of the receipt" in capsys.readouterr().out


def test_where_the_source_has_it_no_more_the_day_is_kept_with_the_reason(
    folder: Path, capsys: Capture
) -> None:
    good = product(folder, "home.hdf5").read_bytes()
    path = raw(folder, "home.*/OST_DATA.parquet")
    damage.cut(path)
    with sqlite3.connect(folder / f"lmt/home_{DATE}.sqlite3") as database:
        for table in ("TIMESTAMP_INFO", "OST_DATA", "OSS_DATA"):
            database.execute(f"DELETE FROM {table}")
    assert night(folder) == COMPLETE
    assert product(folder, "home.hdf5").read_bytes() == good
    kept = Receipts(folder / "archive").day(DATE).other("home", "raw", ReceiptState.KEPT)
    assert kept
    reason = json.loads((folder / "archive/receipts/2025/03" / kept[0].name).read_text())["reason"]
    assert f"{path}: it has " in reason
    assert not path.exists(), "nothing is built on it any more"
    capsys.readouterr()
    run(folder, "status", "--no-ask")
    assert "raw data" in capsys.readouterr().out
    assert night(folder) == COMPLETE, "and again"


def test_an_index_is_not_made_from_a_damaged_file_but_that_first(folder: Path) -> None:
    names = ("darshan.hdf5", "darshan_index.sqlite", "darshan_jobs.parquet")
    good = [product(folder, name).read_bytes() for name in names]
    damage.flip(product(folder, names[0]), 12345)
    product(folder, names[1]).unlink()
    assert night(folder) == COMPLETE
    assert [product(folder, name).read_bytes() for name in names] == good
    damage.flip(product(folder, names[1]), 8 * 30000)
    product(folder, names[2]).unlink()
    assert night(folder) == COMPLETE
    assert [product(folder, name).read_bytes() for name in names] == good


def test_an_index_of_a_damaged_file_that_cannot_be_made_again_fails_and_stays_failed(
    folder: Path, capsys: Capture
) -> None:
    damage.flip(product(folder, "darshan.hdf5"), 12345)
    product(folder, "darshan_index.sqlite").unlink()
    shutil.rmtree(raw(folder, "darshan.????????????????"))
    shutil.rmtree(folder / "darshan")
    for _ in range(2):
        assert night(folder) == FAILED
        assert run(folder, "status", "--no-ask") == FAILED
        assert "darshan" in capsys.readouterr().out
    assert not product(folder, "darshan_index.sqlite").exists()


def test_rebuild_finds_and_makes_again_what_flipped(folder: Path) -> None:
    names = ("home.hdf5", "darshan.hdf5", "darshan_index.sqlite", "darshan_jobs.parquet")
    good = [product(folder, name).read_bytes() for name in names]
    for name in names:
        damage.flip(product(folder, name), 8 * 3000)
    assert run(folder, "rebuild") == COMPLETE
    assert [product(folder, name).read_bytes() for name in names] == good


def test_rebuild_makes_indexes_again_without_raw_data(folder: Path) -> None:
    path = product(folder, "darshan_index.sqlite")
    good = path.read_bytes()
    shutil.rmtree(raw(folder, "darshan.????????????????"))
    damage.flip(path, 8 * 3000)
    assert run(folder, "rebuild") == COMPLETE
    assert path.read_bytes() == good


def without_hashes(folder: Path, what: str) -> None:
    """A receipt as early versions wrote it."""
    path = receipt(folder, what)
    content = json.loads(path.read_text())
    del content["files"], content["checksum"]
    path.write_text(json.dumps(content))


def test_fewer_datasets_or_cells_never_replace_more(folder: Path, capsys: Capture) -> None:
    """Tables that are missing are tolerated, and the raw data have no hashes."""
    good = product(folder, "home.hdf5").read_bytes()
    without_hashes(folder, "home.raw")
    raw(folder, "home.*/OSS_DATA.parquet").unlink()
    assert run(folder, "rebuild", "--all", "--instance", "home") == FAILED
    assert product(folder, "home.hdf5").read_bytes() == good
    capsys.readouterr()
    assert run(folder, "status", "--no-ask") == FAILED
    assert "is kept: made again from the same inputs it would have less of" in (
        capsys.readouterr().out
    )


def test_fewer_is_taken_where_the_operator_changed_what_is_made(folder: Path) -> None:
    without_hashes(folder, "home.raw")
    raw(folder, "home.*/OSS_DATA.parquet").unlink()
    site = folder / "site.json"
    content = json.loads(site.read_text())
    content["missing"] = "negative_zero"
    site.write_text(json.dumps(content))
    good = product(folder, "home.hdf5").read_bytes()
    assert run(folder, "rebuild", "--instance", "home") == COMPLETE
    assert product(folder, "home.hdf5").read_bytes() != good


def test_a_kill_while_raw_data_are_pruned_leaves_no_half_of_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = product(folder, "home.hdf5").read_bytes()
    path = folder / "site.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"late_days": 1, "raw_days": 1}))
    for old in folder.glob(f"archive/raw/2025/{DATE}/*"):
        os.utime(old, (0, 0))

    def killed(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("archive_tools.store.files.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            retention.prune(load_site(str(path)))
    parent = folder / f"archive/raw/2025/{DATE}"
    left = list(parent.glob(".*.tmp"))
    assert len(left) == 1, "renamed first"
    assert len(list(parent.glob("[!.]*"))) == 3
    dead = left[0].with_name(left[0].name.replace(left[0].name.split(".")[-3], "999999"))
    left[0].rename(dead)
    run(folder, "rebuild", "--all")
    retention.prune(load_site(str(path)))
    assert not list(parent.glob("*.????????????????"))
    assert not list(parent.glob(".*.tmp"))
    assert product(folder, "home.hdf5").read_bytes() == good


@pytest.mark.parametrize("way", [damage.emptied, damage.cut, damage.garbage, damage.folder])
@pytest.mark.parametrize("name", ["darshan.hdf5", "home.hdf5", "darshan_index.sqlite"])
@pytest.mark.parametrize("command", ["nightly", "rebuild"])
def test_a_product_that_is_broken_is_made_again(
    folder: Path, name: str, way: Callable[[Path], None], command: str
) -> None:
    good = product(folder, name).read_bytes()
    way(product(folder, name))
    assert (night(folder) if command == "nightly" else run(folder, "rebuild")) == COMPLETE
    assert product(folder, name).read_bytes() == good


@pytest.mark.parametrize("end", [".files", ".parts"])
def test_what_was_kept_of_logs_is_not_used_when_it_is_damaged(
    folder: Path, caplog: Log, end: str
) -> None:
    good = product(folder, "darshan.hdf5").read_bytes()
    path = raw(folder, f"darshan.reduced/*{end}")
    damage.flip(path, 8 * (path.stat().st_size // 2))
    product(folder, "darshan.hdf5").unlink()
    assert night(folder) == COMPLETE
    assert product(folder, "darshan.hdf5").read_bytes() == good
    assert "its logs are read again" in caplog.text


def test_a_report_that_cannot_be_made_fails_the_night(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product(folder, "report.html").unlink()

    def broken(*arguments: object, **more: object) -> None:
        raise RuntimeError("no picture")

    with monkeypatch.context() as patch:
        patch.setattr(report, "write_report", broken)
        assert night(folder) == FAILED
    assert night(folder) == COMPLETE


def test_a_folder_in_the_place_of_a_product_is_replaced(folder: Path) -> None:
    path = product(folder, "home.hdf5")
    good = path.read_bytes()
    damage.folder(path)
    assert night(folder) == COMPLETE
    assert path.read_bytes() == good


def test_statements_of_operators_that_cannot_be_read_stop_the_run(
    folder: Path, capsys: Capture
) -> None:
    (folder / "archive/retired.json").write_text("[7]")
    assert night(folder) == 2
    assert "retired.json cannot be read" in capsys.readouterr().err
