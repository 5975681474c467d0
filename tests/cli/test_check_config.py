"""`tokio-pipeline check-config --ask`: what is reported of each source, by its contract alone."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import site as sites
from pipeline.building.trial_matches import matches_of_mounts
from pipeline.cli.main import COMPLETE, FAILED, PARTIAL, USAGE, main
from pipeline.processes import confined
from pipeline.sources._shared.http_client import HttpOptions, Server
from pipeline.sources._shared.pattern_matches import Matches
from tests.support.collectd_day import as_document, records, write_lines
from tests.support.essearch import State, hits, serving
from tests.support.lmtdb import LmtDb
from tests.support.mmperfmon_day import minutes, output
from tests.support.nights import DATE, lmt_db, lmt_source, some_logs
from tests.support.paths import ROOT

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
ASK = ["check-config", "--ask", DATE]


def as_json(capsys: Capture, *more: str) -> dict[str, Any]:
    """What ``--json`` says of the sources; standard output must be JSON and nothing else."""
    capsys.readouterr()
    main([*ASK, "--json", *more])
    found = json.loads(capsys.readouterr().out)
    assert found["day"] == DATE
    return dict(found["sources"])


def test_an_lmt_database(tmp_path: Path, site: Site, capsys: Capture) -> None:
    """The rows of lmt_db: 145 stamps, two OSTs; no server and no metadata server has figures."""
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    assert main(ASK) == COMPLETE
    shown = capsys.readouterr()
    assert "fs: lmt, 2026-11-22\n" in shown.out
    assert "OST_DATA 290" in shown.out
    assert "TIMESTAMP_INFO 145" in shown.out
    assert "  datatargets: 2: fs-OST0000, fs-OST0001\n" in shown.out
    assert "absent: " in shown.out
    assert "all of mdservers" in shown.out
    assert "clock" not in shown.out, "a file has none"
    assert shown.err.splitlines() == [
        "fs: querying what there is of 2026-11-22",
        "fs: fetching, for at most 10800 s",
        "fs: reading",
    ]
    found = as_json(capsys)["fs"]
    assert found["good"] is True
    assert found["components"]["datatargets"] == ["fs-OST0000", "fs-OST0001"]
    assert "datatargets/readbytes" in found["found"]
    assert "mdservers/cpuload" in found["absent"]
    assert set(found["seconds"]) == {"query", "fetch", "read"}
    assert found["bytes"] > 0


def test_nothing_gets_into_the_archive_and_nothing_is_left(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    lmt_db(tmp_path / "lmt.db")
    some_logs(tmp_path / "logs", 2)
    site({"fs": lmt_source(tmp_path / "lmt.db"), "logs": {"kind": "darshan", "logs": "logs"}})
    before = sorted(tmp_path.rglob("*"))
    assert main(ASK) == COMPLETE
    assert sorted(tmp_path.rglob("*")) == before


def test_a_source_that_cannot_be_read_stops_no_other(
    tmp_path: Path, site: Site, capsys: Capture
) -> None:
    lmt_db(tmp_path / "lmt.db")
    site(
        {
            "away": lmt_source(tmp_path / "nowhere.db"),
            "empty": {"kind": "darshan", "logs": "nowhere"},
            "fs": lmt_source(tmp_path / "lmt.db"),
        }
    )
    assert main(ASK) == FAILED
    shown = capsys.readouterr().out
    assert f"CANNOT BE READ: no SQLite file {tmp_path}/nowhere.db" in shown
    assert "  nothing: no Darshan log folder of 2026-11-22" in shown
    assert "datatargets: 2" in shown
    found = as_json(capsys)
    assert {name: one["good"] for name, one in found.items()} == {
        "away": False,
        "empty": False,
        "fs": True,
    }
    assert [found[name]["has_nothing"] for name in ("away", "empty", "fs")] == [False, True, False]
    assert main([*ASK, "--instance", "fs"]) == COMPLETE
    assert main([*ASK, "--instance", "other"]) == USAGE


def test_an_error_of_a_sources_code_is_that_sources(
    tmp_path: Path, site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        raise ZeroDivisionError("of a source")

    lmt_db(tmp_path / "lmt.db")
    some_logs(tmp_path / "logs", 1)
    monkeypatch.setattr("pipeline.sources.lmt.Lmt.parse", parse)
    site({"fs": lmt_source(tmp_path / "lmt.db"), "logs": {"kind": "darshan", "logs": "logs"}})
    assert main(ASK) == FAILED
    shown = capsys.readouterr().out
    assert "CANNOT BE READ: ZeroDivisionError: of a source" in shown
    assert "OST_DATA 290" in shown, "what was found before is reported"
    assert "read: 1 logs, 0 rejected" in shown


def test_a_part_that_cannot_be_read_is_partial(tmp_path: Path, site: Site, capsys: Capture) -> None:
    write_lines(tmp_path / "values.jsonl", records())
    with (tmp_path / "values.jsonl").open("a") as file:
        file.write("{broken\n")
    keys = {"kind": "collectd", "form": "write_http", "files": "values.jsonl", "timestep": 10}
    site({"bb": {**keys, "mdservers": "mds.*", "devices": "nvme.*"}})
    assert main(ASK) == PARTIAL
    shown = capsys.readouterr().out
    assert "finding: unreadable input: 1" in shown
    assert "  dataservers: 2: oss1, oss2\n" in shown
    assert "  mdservers 'mds.*': 1: mds1\n" in shown
    assert "  devices 'nvme.*': nothing matches\n" in shown
    assert "dataservers '.*'" not in shown, "only keys that are given"


def test_the_maps_of_mmperfmon(tmp_path: Path, site: Site, capsys: Capture) -> None:
    """The first pattern that matches a device has it; one that finds nothing is named."""
    legend = [
        f"nsd1|GPFSNSDDisk|{lun}|gpfs_nsdds_bytes_read" for lun in ("lun1", "lun2", "md1", "other")
    ]
    stamps = minutes(dt.datetime.fromisoformat(DATE), 2)
    (tmp_path / "day.out").write_text(output(legend, stamps, [["1", "2", "3", "4"]] * 2, 4))
    maps = {"^lun1": "datatarget", "^lun": "datatarget", "^ddn": "datatarget", "^md": "mdtarget"}
    site({"gpfs": {"kind": "mmperfmon", "files": "day.out", "mmperfmon_lun_map": maps}})
    main(ASK)
    shown = capsys.readouterr().out
    assert "  mmperfmon_lun_map '^lun1': 1: nsd1:lun1\n" in shown
    assert "  mmperfmon_lun_map '^lun': 1: nsd1:lun2\n" in shown
    assert "  mmperfmon_lun_map '^ddn': nothing matches\n" in shown
    assert "  mmperfmon_lun_map '^md': 1: nsd1:md1\n" in shown
    assert "devices that mmperfmon_lun_map does not know" in shown


def test_mount_points_of_logs(tmp_path: Path, site: Site, capsys: Capture) -> None:
    """The logs of siteday used /scratch and /project; of many logs some are read."""
    some_logs(tmp_path / "logs", 40)
    (tmp_path / "logs/broken.darshan").write_bytes(b"no log")
    mounts = {"^/scratch": "scratch", "^/home": "home"}
    site({"logs": {"kind": "darshan", "logs": "logs"}}, mount_to_fsname=mounts)
    main(ASK)
    shown = capsys.readouterr().out
    assert "  there: files 41;" in shown
    assert "  read: 40 logs, 1 rejected\n" in shown
    assert "  file systems: 1: scratch\n" in shown
    assert "  mount_to_fsname '^/scratch': 1: /scratch\n" in shown
    assert "  mount_to_fsname '^/home': nothing matches\n" in shown
    assert "  mount points that mount_to_fsname does not know: " in shown
    assert "/project" in shown.partition("does not know: ")[2]


def test_of_many_logs_some_are_read(
    tmp_path: Path, site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.building.trial.SOME_LOGS", 10)
    some_logs(tmp_path / "logs", 35)
    site({"logs": {"kind": "darshan", "logs": "logs"}})
    assert main(ASK) == COMPLETE
    shown = capsys.readouterr().out
    assert "there: files 35" in shown
    assert "read: 9 logs" in shown, "every fourth"


def test_logs_of_which_none_can_be_read(tmp_path: Path, site: Site, capsys: Capture) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.darshan").write_bytes(b"no log")
    site({"logs": {"kind": "darshan", "logs": "logs"}})
    assert main(ASK) == FAILED
    shown = capsys.readouterr().out
    assert "CANNOT BE READ: all 1 logs that were tried are rejected; got: 1 named like" in shown
    assert "finding: logs rejected: 1" in shown


def test_the_first_pattern_has_a_mount_point() -> None:
    """Up to the end of a path component; /scratch10 is not /scratch1."""
    patterns = {"^/scratch1": "one", "^/scratch": "all", "^/none": "none"}
    mounts = ["/scratch1", "/scratch10", "/scratch", "UNKNOWN"]
    assert matches_of_mounts(patterns, mounts) == [
        Matches("mount_to_fsname", "^/scratch1", ("/scratch1",)),
        Matches("mount_to_fsname", "^/scratch", ("/scratch",)),
        Matches("mount_to_fsname", "^/none", ()),
    ]


def test_the_servers_behind_a_file_system(tmp_path: Path, site: Site, capsys: Capture) -> None:
    lmt_db(tmp_path / "lmt.db")
    site(
        {"fs": lmt_source(tmp_path / "lmt.db")},
        fsname_to_instance={
            "scratch": {"instance": "fs", "datatargets": "fs-OST0001", "mdservers": "mds7"}
        },
    )
    assert main(ASK) == COMPLETE
    shown = capsys.readouterr().out
    assert "fsname_to_instance: scratch: datatargets 'fs-OST0001': 1: fs-OST0001\n" in shown
    assert "fsname_to_instance: scratch: mdservers 'mds7': nothing matches\n" in shown


def test_names_are_escaped(tmp_path: Path, site: Site, capsys: Capture) -> None:
    """Those of sources, in text and in JSON: a terminal obeys none."""
    some_logs(tmp_path / "logs", 1)
    (tmp_path / "logs/x\x1b[2Jy.darshan").write_bytes(b"no log")
    folder = "\x1b[31mred\n"
    site({"logs": {"kind": "darshan", "logs": "logs"}, "no": {"kind": "darshan", "logs": folder}})
    assert main(ASK) == FAILED
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\\x1b[31mred\\n" in shown.out
    main([*ASK, "--json"])
    assert "\x1b" not in capsys.readouterr().out


def test_the_newest_sample_of_today(tmp_path: Path, site: Site, capsys: Capture) -> None:
    """Of a day that is not over: how old it is."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    database = LmtDb(tmp_path / "lmt.db")
    start = now.replace(hour=0, minute=0, second=0)
    for number, stamp in enumerate((start, start + (now - start) / 2)):
        (ts,) = database.stamps([stamp.replace(microsecond=0)], first=100 + number)
        database.ost(ts, 1, 1000 * number)
    site({"fs": {**lmt_source(tmp_path / "lmt.db"), "timestep": 5}})
    main(["check-config", "--ask", str(now.date()), "--json"])
    age = json.loads(capsys.readouterr().out)["sources"]["fs"]["newest_age"]
    assert age >= (now - start).total_seconds() / 2 - 1
    assert as_json(capsys)["fs"]["newest_age"] is None, "there is nothing of another day"


def test_options_that_need_ask(site: Site, darshan_source: dict[str, Any]) -> None:
    site({"logs": darshan_source})
    assert main(["check-config", "--json"]) == USAGE
    assert main(["check-config", "--instance", "logs"]) == USAGE


def test_yesterday_unless_a_day_is_given(
    tmp_path: Path, site: Site, darshan_source: dict[str, Any], capsys: Capture
) -> None:
    path = site({"logs": darshan_source})
    assert main(["check-config", "--json", "--ask"]) == COMPLETE
    yesterday = sites.load(str(path)).yesterday()
    assert json.loads(capsys.readouterr().out)["day"] == str(yesterday)


def test_the_example(tmp_path: Path, capsys: Capture) -> None:
    shutil.copytree(ROOT / "examples/siteday", tmp_path / "siteday", ignore=_archive)
    shutil.copytree(ROOT / "examples/site", tmp_path / "site", ignore=_archive)
    assert main([*ASK, "--site", str(tmp_path / "siteday/site.json")]) == COMPLETE
    shown = capsys.readouterr().out
    assert "datasets: 15 found, absent: all of mdtargets" in shown
    assert "devices 'loop[01]': 2: oss01:loop0, oss01:loop1" in shown


_archive = shutil.ignore_patterns("archive", "lmt")


# Clocks


def test_the_clock_of_an_http_server(site: Site, capsys: Capture) -> None:
    """A search engine whose answers have the date in their heads, and one that is an hour off."""
    documents = hits([as_document(record) for record in records()])
    with serving(State(documents)) as url:
        keys = {"kind": "collectd", "form": "elasticsearch", "url": url, "timestep": 10}
        site({"bb": keys})
        main(ASK)
        assert "clock: as here\n" in capsys.readouterr().out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "http.server.BaseHTTPRequestHandler.date_time_string",
                lambda self, timestamp=None: _http_date(-3600),
            )
            found = as_json(capsys)["bb"]
            assert found["clock_ahead"] == pytest.approx(-3600, abs=30)
            main(ASK)
            assert "clock: 1 h behind this machine's; is timezone right?" in capsys.readouterr().out


@pytest.mark.parametrize("head", ["", "nonsense"])
def test_a_server_that_does_not_say_its_time(head: str) -> None:
    with serving(State([])) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "http.server.BaseHTTPRequestHandler.date_time_string",
            lambda self, timestamp=None: head,
        )
        with Server(HttpOptions(kind="x", url=url)) as server:
            assert server.clock() is None


def _http_date(ahead: int) -> str:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead)
    return now.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("version", "has_filter", "said"),
    [
        (6, True, "confined by Landlock 6 and seccomp"),
        (3, True, "confined by Landlock 3 and seccomp; it lacks Landlock 4 (Linux 6.7)"),
        (0, True, "confined by seccomp; it lacks Landlock (Linux 5.13): files are not refused"),
        (0, False, "not confined by the kernel; it lacks Landlock"),
    ],
)
def test_whether_readers_of_logs_are_confined_is_said(
    version: int,
    has_filter: bool,
    said: str,
    tmp_path: Path,
    site: Site,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confined, "landlock_version", lambda: version)
    monkeypatch.setattr(confined, "has_filter", lambda: has_filter)
    site({"darshan": {"kind": "darshan", "logs": str(tmp_path)}})
    assert main(["check-config"]) == COMPLETE
    assert f"\nreaders of Darshan logs: {said}" in capsys.readouterr().out
    site({"fs": lmt_source(tmp_path / "lmt.db")})
    assert main(["check-config"]) == COMPLETE
    assert "readers of Darshan" not in capsys.readouterr().out, "there are none"


def test_what_this_kernel_has_is_what_its_files_say() -> None:
    """The kernel lists what it filters calls with; a container may hide that."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    if actions.exists():
        assert confined.has_filter()


def test_logs_and_job_stats_that_are_of_no_scheduler_of_several(
    site: Site, capsys: Capture, darshan_source: dict[str, Any]
) -> None:
    slurm = {"kind": "slurm", "files": "%Y-%m-%d.txt"}
    stats = {"kind": "job_stats", "files": "%Y-%m-%d.txt"}
    sources = {"logs": darshan_source, "stats": stats, "a": slurm}
    site(sources)
    assert main(["check-config"]) == COMPLETE
    assert "schedulers" not in capsys.readouterr().out, "there is one alone"
    site({**sources, "b": slurm}, schedulers={"stats": "a"})
    assert main(["check-config"]) == COMPLETE
    said = [line for line in capsys.readouterr().out.splitlines() if "schedulers" in line]
    assert said == ["  look again: schedulers does not say which of a, b ran its jobs"]
