"""docs/scale.md: what it calculates follows from the slopes that it shows, and what it sets is a
site file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.slopes import PARTS
from pipeline.cli.main import main
from tests.support.paths import ROOT

PAGE = (ROOT / "docs/scale.md").read_text("utf-8")
UNITS = {"s": 1, "h": 3600, "MiB": 1, "GiB": 1024, "kB": 1e3, "MB": 1e6, "GB": 1e9, "ms": 1e-3}
CELLS = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def rows(heading: str) -> list[list[str]]:
    """Cells of the tables under a heading, but their first two lines."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = (one for one in section if one.startswith(heading))
    found = [line.split(" | ") for line in CELLS.findall(text)]
    return [row for row in found if row[0] not in ("part", "what")]


def number(text: str) -> float:
    return float(text.replace(",", ""))


SLOPES = {(row[0], row[1]): (number(row[2]), number(row[3])) for row in rows("What one costs")}
CALCULATED = rows("The site")


@pytest.mark.parametrize("row", CALCULATED, ids=[row[0] for row in CALCULATED])
def test_the_site_is_calculated_from_the_slopes(row: list[str]) -> None:
    _, part, figure, size, comes_to = row
    fixed, slope = SLOPES[part, figure]
    shown, unit = comes_to.split()
    assert number(shown) * UNITS[unit] == pytest.approx(fixed + slope * number(size), rel=0.05)


def test_the_slopes_are_of_parts_that_are_measured() -> None:
    assert {part for part, _ in SLOPES} <= set(PARTS)
    assert {row[1] for row in CALCULATED} <= set(PARTS)


def test_the_site_file_is_right(tmp_path: Path) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "site.json"
    path.write_text(json.dumps(json.loads(text)))
    assert main(["check-config", "--site", str(path)]) == 0
