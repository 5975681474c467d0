"""Receipts that are empty, cut, of wrong types, folders, links, of days that no calendar has: said,
passed over, and made again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archive_tools.cli.main import main as archive
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import status
from archive_tools.store.receipt_content import DamagedReceipt, read_content
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, main
from tests.support import damage, pristine

DATE = dt.date(2025, 3, 1)
OTHER = dt.date(2025, 3, 2)
Capture = pytest.CaptureFixture[str]
PRODUCTS = ["home.raw", "home.tts", "darshan.raw", "darshan.tts", "darshan.index", "darshan.jobs"]


@pytest.mark.parametrize(
    "name",
    [
        "2025-02-31.fs.tts.v1.0123456789abcdef.complete.json",
        "0000-01-01.fs.tts.v1.0123456789abcdef.complete.json",
        "\u0662\u0660\u0662\u0665-01-01.fs.tts.v1.0123456789abcdef.complete.json",
        "2025-01-01.fs.tts.v\u0661.0123456789abcdef.complete.json",
        f"2025-01-01.fs.tts.v{'1' * 5000}.0123456789abcdef.complete.json",
        "2025-01-01.fs.tts.v1.0123456789abcdef.complete.json\n",
    ],
)
def test_names_of_no_day_or_number_are_not_receipts(name: str) -> None:
    assert Receipt.parse(name) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"text"',
        "[" * 100_000,
        "\udcff",
        '{"counts": []}',
        '{"counts": {"logs": "many"}}',
        '{"counts": {"logs": 1e400}}',
        '{"counts": {"logs": true}}',
        '{"quality": {"datatargets/readbytes": {}}}',
        '{"roster": [{"components": ["a"]}]}',
        '{"span": "long"}',
        '{"percent": NaN}',
        '{"files": {"a": 7}}',
        '{"bytes": "7"}',
    ],
)
def test_contents_of_other_types_are_damage_that_names_the_file(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DamagedReceipt, match=r"receipt\.json cannot be read: "):
        read_content(path)


def test_of_two_receipts_the_one_that_says_it_is_newer_counts(tmp_path: Path) -> None:
    """Copies have other times, in any order."""
    receipts = Receipts(tmp_path)
    older = Receipt(DATE, "fs", "tts", 1, "0" * 16, ReceiptState.COMPLETE)
    newer = older._replace(fingerprint="f" * 16)
    receipts.write(newer, {"written": "2025-03-02T00:00:01+00:00"})
    path = receipts.folder(DATE) / older.name
    path.write_text(json.dumps({"written": "2025-03-02T00:00:00+00:00"}))
    assert receipts.day(DATE).good("fs", "tts") == newer
    assert list(receipts.day(DATE).superseded()) == [older]
    (receipts.folder(DATE) / newer.name).write_text("{")
    assert receipts.day(DATE).read().good("fs", "tts") == older, "the newest that can be read"


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pristine.build(tmp_path_factory.mktemp("receipts"), [DATE, OTHER])


@pytest.fixture
def folder(two_days: Path) -> Path:
    return pristine.restored(two_days)


def products(folder: Path) -> dict[str, bytes]:
    files = (folder / f"archive/2025/{DATE}").iterdir()
    return {
        path.name: path.read_bytes()
        for path in files
        if path.is_file()
        and path.name not in ("report.html", "figures.json")  # they say what happened meanwhile
    }


@pytest.mark.system
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("way", damage.WAYS)
def test_a_damaged_receipt_is_named_stops_nothing_and_is_made_again(
    folder: Path, capsys: Capture, product: str, way: Callable[[Path], None]
) -> None:
    before = products(folder)
    (receipt,) = folder.glob(f"archive/receipts/2025/03/{DATE}.{product}.*")
    way(receipt)
    site = ["--site", str(folder / "site.json")]
    span = [*site, "--start", str(DATE), "--stop", str(OTHER)]
    metrics = folder / "metrics.prom"
    capsys.readouterr()
    code = main(["status", *span, "--no-ask", "--textfile", str(metrics)])
    shown = capsys.readouterr().out
    assert code in (FAILED, PARTIAL)
    assert f"{receipt.name} cannot be read" in shown
    assert f"{OTHER}  complete" in shown, "of the other day nothing is said"
    assert f'tokio_damaged_receipt{{instance="{product.partition(".")[0]}"' in metrics.read_text()
    assert archive(["check", "--archive", str(folder / "archive")]) == 1
    assert receipt.name in capsys.readouterr().out
    command = "backfill" if way in (damage.cut, damage.folder, damage.emptied) else "nightly"
    given = span if command == "backfill" else [*site, "--date", str(DATE)]
    assert main([command, *given]) == COMPLETE
    assert products(folder) == before
    assert main(["status", *span, "--no-ask"]) == COMPLETE
    assert archive(["check", "--deep", "--archive", str(folder / "archive")]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_counts_of_other_packages_are_numbers_whatever_type_they_had(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path)
    receipt = Receipt(DATE, "fs", "tts", 1, "0" * 16, ReceiptState.COMPLETE)
    path = receipts.write(receipt, {"counts": {"logs": np.int64(7)}})
    assert read_content(path)["counts"] == {"logs": 7}
    path.write_text('{"counts": {"logs": "7"}}')  # as earlier versions wrote it
    assert receipts.day(DATE).read().good("fs", "tts") == receipt


@pytest.mark.system
def test_many_days_are_shown_with_one_receipt_damaged(folder: Path, capsys: Capture) -> None:
    """Of so many days only some receipts are read: those of logs are, and empty ones are seen."""
    names = []
    for product, text in (("darshan.tts", "[1]"), ("home.tts", "")):
        (receipt,) = folder.glob(f"archive/receipts/2025/03/{DATE}.{product}.*")
        receipt.write_text(text)
        names.append(receipt.name)
    first = DATE - dt.timedelta(days=2 * status.READ_DAYS)
    site = str(folder / "site.json")
    capsys.readouterr()
    given = ["--start", str(first), "--stop", str(DATE), "--no-ask"]
    assert main(["status", "--site", site, *given]) == FAILED
    shown = capsys.readouterr()
    assert all(f"{name} cannot be read" in shown.out for name in names)
    assert "Traceback" not in shown.err


@pytest.mark.system
def test_raw_data_are_not_lost_with_their_receipt(folder: Path) -> None:
    """The source has nothing any more, and the receipt of the raw data cannot be read."""
    before = products(folder)
    (receipt,) = folder.glob(f"archive/receipts/2025/03/{DATE}.home.raw.*")
    receipt.write_text("")
    (folder / f"lmt/home_{DATE}.sqlite3").unlink()
    site = ["--site", str(folder / "site.json")]
    main(["nightly", *site, "--date", str(DATE)])
    assert products(folder) == before
    raw = Receipts(folder / "archive").day(DATE).damaged_of("home")
    assert all(one.receipt.product == Product.RAW for one in raw)


@pytest.mark.system
@pytest.mark.parametrize("way", damage.WAYS)
def test_no_command_ends_with_a_traceback(
    folder: Path, capsys: Capture, way: Callable[[Path], None]
) -> None:
    for receipt in folder.glob(f"archive/receipts/2025/03/{DATE}.*"):
        way(receipt)
    name = f"2025-02-31.home.tts.v1.{'0' * 16}.complete.json"
    (folder / f"archive/receipts/2025/03/{name}").touch()
    root = str(folder / "archive")
    site = ["--site", str(folder / "site.json")]
    span = [*site, "--start", str(DATE), "--stop", str(OTHER)]
    day = ["--start", str(DATE), "--archive", root]
    for command in (
        ["status", *span],
        ["collect", *site],
        ["backfill", *span, "--dry-run"],
        ["rebuild", *span, "--dry-run"],
        ["invalidate", *span, "--dry-run"],
        ["mark-empty", *span, "--instance", "home", "--why", "x"],
        ["acknowledge", *site, "--list"],
        ["retire", *site, "--list"],
        ["rebuild", *span],
        ["backfill", *span],
        ["nightly", *site, "--date", str(DATE)],
    ):
        main(command)
    for command in (
        ["ls", root],
        ["info", "home", str(DATE), "--archive", root],
        ["summarize", "home", *day],
        ["jobs", *day],
        ["job", "1", *day],
        ["check", "--archive", root],
    ):
        archive(command)
    assert "Traceback" not in capsys.readouterr().err
    assert main(["status", *span, "--no-ask"]) == COMPLETE
