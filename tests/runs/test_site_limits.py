"""`largest`: the limit of what a component can have is the site's where site.json says one."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.vocabulary import Product
from archive_tools.formats.tts_read import open_tts
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, USAGE, main
from tests.support.small_days import write_days

DATE = dt.date(2025, 3, 1)
READ = "datatargets/readbytes"
"""Of OST n it grows by n * 1000 in 600 s: 1.7 bytes a second, and 3.3."""
Capture = pytest.CaptureFixture[str]


def with_largest(path: Path, name: str, largest: object) -> None:
    content = json.loads(path.read_text())
    content["sources"][name]["largest"] = largest
    path.write_text(json.dumps(content))


def nightly(path: Path) -> int:
    return main(["nightly", "--site", str(path), "--date", str(DATE)])


def archived(path: Path, name: str) -> Path:
    return path.parent / f"archive/2025/{DATE}/{name}.hdf5"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = write_days(tmp_path, [DATE])
    assert nightly(path) == COMPLETE
    return path


def test_what_is_above_the_site_s_limit_is_missing_and_said(site: Path) -> None:
    before = archived(site, "home").read_bytes(), archived(site, "scratch").read_bytes()
    with_largest(site, "home", {READ: 2.5})
    assert nightly(site) == PARTIAL, "made again, for the key says what is made"
    with open_tts(archived(site, "home")) as file:
        values, names = file.to_numpy(READ), file.columns(READ)
        assert file.largest(READ) == 2.5
        assert file.largest("datatargets/writebytes") is None
    assert (values[:, names.index("fs-OST0000")] == 1000).all()
    assert np.isnan(values[:, names.index("fs-OST0001")]).all()
    day = Receipts(site.parent / "archive").day(DATE)
    receipt = day.good("home", Product.TTS)
    assert receipt
    (said,) = [text for text in day.content(receipt)["findings"] if "no device" in text]
    assert said.startswith(f"figures that no device can have: 144 in {READ}, of fs-OST0001, from")
    assert archived(site, "scratch").read_bytes() == before[1]
    with_largest(site, "home", {})
    assert nightly(site) == COMPLETE
    assert archived(site, "home").read_bytes() == before[0]


def test_a_site_without_limits_is_as_before(site: Path) -> None:
    """The key says nothing where it is not there, so that nothing archived before is stale."""
    for path in (site.parent / "archive/receipts").rglob("*.tts.*.json"):
        assert "largest" not in path.read_text()


@pytest.mark.parametrize(
    ("name", "largest", "said"),
    [
        ("home", {"datatargets/readbites": 1.0}, "did you mean datatargets/readbytes?"),
        ("home", {READ: 0}, "greater than 0"),
        ("home", {READ: "1e9"}, "should be a valid number"),
        ("home", {READ: float("inf")}, "finite"),
        ("darshan", {READ: 1.0}, "what applications did has no limits"),
    ],
)
def test_wrong_limits_are_refused(
    tmp_path: Path, name: str, largest: object, said: str, capsys: Capture
) -> None:
    path = write_days(tmp_path, [DATE])
    with_largest(path, name, largest)
    assert main(["check-config", "--site", str(path)]) == USAGE
    assert said in capsys.readouterr().err
