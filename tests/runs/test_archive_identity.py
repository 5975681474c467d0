"""An archive's folder that is not what it was, nights that were skipped, and quiet ones."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.building import archive_identity
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, USAGE, main
from pipeline.site import Site as SiteModel
from tests.support.lmtdb import LmtDb, every
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source, some_logs

pytestmark = pytest.mark.system

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def night(*more: str) -> int:
    return main(["nightly", "--date", DATE, *more])


def test_what_an_archive_was_begun_with_must_stay(
    tmp_path: Path, site: Site, capsys: Capture
) -> None:
    lmt_db(tmp_path / "lmt.db")
    fs = lmt_source(tmp_path / "lmt.db")
    site({"fs": fs}, **FOREVER)
    assert night() == COMPLETE
    about = tmp_path / "archive/archive.json"
    assert json.loads(about.read_text())["instances"] == {"fs": {"kind": "lmt", "timestep": 600}}
    good = (tmp_path / f"archive/2026/{DATE}/fs.hdf5").read_bytes()
    capsys.readouterr()
    for sources, keys, said in (
        ({"fs": fs | {"timestep": 1200}}, {}, "fs: timestep is 1200, was 600"),
        ({"fs": fs}, {"timezone": "Asia/Tokyo"}, "timezone is 'Asia/Tokyo', was 'UTC'"),
        (
            {"fs": {"kind": "darshan", "logs": "logs", "timestep": 600}},
            {},
            "fs: kind is 'darshan', was 'lmt'",
        ),
    ):
        site(sources, **FOREVER, **keys)
        for command in (["nightly", "--date", DATE], ["collect"], ["check-config"]):
            assert main(command) == USAGE
            shown = capsys.readouterr().err
            assert said in shown
            assert "check-config --accept" in shown
    assert (tmp_path / f"archive/2026/{DATE}/fs.hdf5").read_bytes() == good
    site({"fs": fs | {"timestep": 1200}}, **FOREVER)
    assert main(["check-config", "--accept"]) == COMPLETE
    assert night() == COMPLETE
    site({"other": fs | {"timestep": 600}}, **FOREVER)
    assert night() == COMPLETE, "another name is another instance"


def test_an_archive_of_an_earlier_version_goes_on(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert night() == COMPLETE
    about = tmp_path / "archive/archive.json"
    content = json.loads(about.read_text())
    del content["instances"]
    about.write_text(json.dumps(content))
    assert night() == COMPLETE
    assert "instances" in json.loads(about.read_text())


def test_days_without_archive_json_are_refused(tmp_path: Path, site: Site, capsys: Capture) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert night() == COMPLETE
    (tmp_path / "archive/archive.json").unlink()
    assert night() == USAGE
    assert "holds days and has no archive.json" in capsys.readouterr().err
    assert main(["check-config", "--accept"]) == COMPLETE
    assert night() == COMPLETE


def test_a_file_system_that_is_not_mounted(
    tmp_path: Path, site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    (tmp_path / "archive").mkdir()
    (tmp_path / "fstab").write_text(f"# comment\nserver:/x {tmp_path}/archive nfs defaults 0 0\n")
    monkeypatch.setattr(archive_identity, "FSTAB", tmp_path / "fstab")
    assert night() == USAGE
    assert "which is not mounted" in capsys.readouterr().err
    assert not list((tmp_path / "archive").iterdir())
    monkeypatch.setattr("os.path.ismount", lambda path: True)
    assert night() == COMPLETE


def test_skipped_nights_are_made_up_for(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    db = LmtDb(tmp_path / "lmt.db")
    first = dt.date.fromisoformat(DATE)
    for n, ts in enumerate(db.stamps(every(600, DATE, 145 + 3 * 144))):
        for ost in (1, 2):
            db.ost(ts, ost, n * 1000)
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=5)
    yesterday = [first]
    monkeypatch.setattr(SiteModel, "yesterday", lambda self: yesterday[0])
    assert main(["nightly"]) == COMPLETE
    assert "2026-11-21" not in capsys.readouterr().out, "not before the archive's first day"
    yesterday[0] = first + dt.timedelta(days=3)
    assert main(["nightly"]) == COMPLETE
    shown = capsys.readouterr().out
    for n in range(4):
        assert f"{first + dt.timedelta(days=n)}  fs               complete" in shown
    assert "no run has tried" not in shown


def test_skipped_nights_that_are_too_old_are_named(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, late_days=2)
    first = dt.date.fromisoformat(DATE)
    monkeypatch.setattr(SiteModel, "yesterday", lambda self: first)
    assert main(["nightly", "--quiet"]) == COMPLETE
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(SiteModel, "yesterday", lambda self: first + dt.timedelta(days=5))
    main(["nightly", "--quiet"])
    last = capsys.readouterr().out.splitlines()[-1]
    days = [str(first + dt.timedelta(days=n)) for n in (1, 2, 3)]
    assert last == (
        f"no run has tried 3 days before those of late_days: {', '.join(days)}: tokio-pipeline"
        f" backfill --start {days[0]} --stop {days[-1]}"
    )
    monkeypatch.setattr(SiteModel, "yesterday", lambda self: first + dt.timedelta(days=40))
    main(["nightly", "--quiet"])
    assert days[0] not in capsys.readouterr().out, "only the last weeks are named"


def test_quiet_when_good(tmp_path: Path, site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    lmt_db(tmp_path / "lmt.db")
    some_logs(tmp_path / "logs", 2)
    site(
        {"fs": lmt_source(tmp_path / "lmt.db"), "darshan": {"kind": "darshan", "logs": "logs"}},
        **FOREVER,
    )
    assert night("--quiet") == COMPLETE
    assert capfd.readouterr() == ("", "")
    lmt_db(tmp_path / "lmt.db", upto=60)
    shutil.rmtree(tmp_path / "archive")
    assert night("--quiet") == PARTIAL
    shown = capfd.readouterr()
    assert shown.out.startswith(f"{DATE}  fs               partial ")
    assert "darshan" not in shown.out
    (tmp_path / "lmt.db").unlink()
    shutil.rmtree(tmp_path / "archive")
    assert night("--quiet") == FAILED
    assert "no SQLite file" in capfd.readouterr().out
