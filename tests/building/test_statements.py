"""What operators said is as they said it, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archive_tools.core.errors import ConfigError
from pipeline.building import roster, statements
from pipeline.building.roster import Retirement
from tests.support import damage

SAID = [
    Retirement("home", "fs-OST0001", "2025-03-01", "kim@login01", "café", "2025-03-02T10:00:00"),
    Retirement("home", "fs-OST0002", "2025-03-01", "kim@login01", "", "2025-03-02T10:00:00"),
]


def test_no_flipped_bit_changes_what_was_said(tmp_path: Path) -> None:
    roster.retire(tmp_path, SAID)
    path = tmp_path / roster.RETIRED
    whole = path.read_bytes()
    refused = 0
    for bit in range(8 * len(whole)):
        path.unlink()  # another file, that is read again
        path.write_bytes(whole)
        damage.flip(path, bit)
        try:
            assert roster.retirements(tmp_path) == SAID, f"bit {bit}"
        except ConfigError as error:
            refused += "retired.json cannot be read" in str(error)
    assert refused > 4 * len(whole)


def test_statements_of_earlier_versions_have_no_hash(tmp_path: Path) -> None:
    roster.retire(tmp_path, SAID)
    path = tmp_path / roster.RETIRED
    without = [
        {key: value for key, value in one.items() if key != statements.HASH}
        for one in json.loads(path.read_text())
    ]
    path.write_text(json.dumps(without))
    assert roster.retirements(tmp_path) == SAID


def test_a_statement_that_was_changed_is_named(tmp_path: Path) -> None:
    roster.retire(tmp_path, SAID)
    path = tmp_path / roster.RETIRED
    path.write_text(path.read_text().replace("OST0002", "OST0003"))
    with pytest.raises(ConfigError, match="statement 2 is not as it was written"):
        roster.retirements(tmp_path)
