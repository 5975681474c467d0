"""A nightly run where optional packages are not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools.core.extras import PACKAGES
from archive_tools.reporting import rendering
from pipeline.cli.main import COMPLETE, FAILED, main
from tests.support.absent_packages import without
from tests.support.nights import DATE, lmt_db, lmt_source

Site = Callable[..., Path]
SAID = "Pictures cannot be zoomed: <code>pip install 'tokio-archive[pages]'</code>"


def nightly(tmp_path: Path, site: Site) -> int:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=10**5, raw_days=10**5)
    return main(["nightly", "--date", DATE])


def page(tmp_path: Path) -> str:
    return (tmp_path / f"archive/2026/{DATE}/report.html").read_text()


@pytest.mark.parametrize("extra", ["pages", "plots"])
def test_the_report_has_pictures_and_tables_without_packages_of_extras(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    without(extra, monkeypatch)
    rendering.scripts.cache_clear()
    assert nightly(tmp_path, site) == COMPLETE
    assert (SAID in page(tmp_path)) == (extra == "pages")
    assert ("<script defer" in page(tmp_path)) == (extra != "pages")
    assert "<svg" in page(tmp_path)
    assert "datatargets/readbytes" in page(tmp_path)
    rendering.scripts.cache_clear()


def test_a_source_without_its_packages_fails_and_names_the_extra(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PACKAGES, "darshan", ("no_such_package",))
    lmt_db(tmp_path / "lmt.db")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a_id1_11-22-100-1_1.darshan").write_bytes(b"not read")
    site(
        {
            "fs": lmt_source(tmp_path / "lmt.db"),
            "darshan": {"kind": "darshan", "logs": "logs"},
        },
        late_days=10**5,
        raw_days=10**5,
    )
    assert main(["nightly", "--date", DATE]) == FAILED
    assert "tokio-archive[darshan]" in page(tmp_path)
    assert (tmp_path / f"archive/2026/{DATE}/fs.hdf5").is_file()
