"""A receipt knows its own bytes: other ones that are still JSON are damage."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.vocabulary import ReceiptState
from archive_tools.store.receipt_content import DamagedReceipt, read_content, with_checksum
from archive_tools.store.receipts import Receipt, Receipts

DATE = dt.date(2026, 11, 22)
RECEIPT = Receipt(DATE, "home", "tts", 1, "3f2a9c1d7e4b5a60", ReceiptState.COMPLETE)
CONTENT = {
    "bytes": 4096,
    "counts": {"rows": np.int64(288)},
    "findings": ["ünï \n"],
    "percent": 99.5,
}
READ = CONTENT | {"counts": {"rows": 288}}


def written(root: Path) -> Path:
    return Receipts(root).write(RECEIPT, CONTENT)


def test_a_flipped_bit_anywhere_is_seen(tmp_path: Path) -> None:
    """But in the name of the key itself, where what the receipt says is as it was."""
    path = written(tmp_path)
    data = path.read_bytes()
    assert read_content(path) == READ
    unseen = []
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            unseen.append(read_content(path))
        except DamagedReceipt:
            continue
    names = [set(content) - set(READ) for content in unseen]
    assert all(
        len(more) == 1 and {k: c[k] for k in READ} == READ
        for more, c in zip(names, unseen, strict=True)
    )
    assert len(unseen) < 8 * len("checksum")


@pytest.mark.parametrize(
    ("old", "new"), [("4096", "4097"), ("288", "0"), ("99.5", "100"), ("rows", "logs")]
)
def test_a_receipt_that_says_something_else_is_damaged(old: str, new: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DamagedReceipt, match="its checksum is that of another content"):
        read_content(path)
    day = Receipts(tmp_path).day(DATE).read()
    assert (day.all, [one.receipt for one in day.damaged]) == ((), [RECEIPT])


def test_receipts_of_earlier_versions_have_no_checksum_and_stay_valid(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(json.dumps(READ, indent=1, sort_keys=True) + "\n")
    assert read_content(path) == READ


def test_what_is_read_can_be_written_again(tmp_path: Path) -> None:
    """A copy of the archive for others writes receipts of what it read."""
    path = written(tmp_path)
    before = path.read_bytes()
    Receipts(tmp_path).write(RECEIPT, read_content(path))
    assert path.read_bytes() == before
    assert with_checksum({}) == "{}\n"
