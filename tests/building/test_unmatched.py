"""Patterns of site.json that match nothing of a day: a finding of each kind of source, and none
where they match, or where there was nothing to match.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.store.receipts import Receipts
from pipeline.building.trial_matches import each_of_mounts
from pipeline.cli.main import COMPLETE, main
from pipeline.sources._shared.hosts import HostOptions
from pipeline.sources._shared.pattern_matches import Matches, NamesByKey, tell_unmatched
from tests.support import collectd_day, prometheus_day
from tests.support.collectd_day import write_csv
from tests.support.mmperfmon_day import minutes, output
from tests.support.nights import DATE, lmt_db, lmt_source, some_logs
from tests.support.prometheus_day import matrix

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
KIND = "patterns that match nothing"
LONG_AGO = {"late_days": 10**5, "raw_days": 10**5}


def content_of(root: Path, instance: str = "it", date: str = DATE) -> dict[str, Any]:
    """What the receipt says of a day."""
    day = Receipts(root).day(dt.date.fromisoformat(date))
    receipt = day.good(instance, Product.TTS)
    assert receipt
    return day.content(receipt)


def unmatched(root: Path, instance: str = "it", date: str = DATE) -> list[str]:
    """The sentences of a receipt."""
    found = content_of(root, instance, date)["findings"]
    return [sentence for sentence in found if sentence.startswith(KIND)]


def sentence(key: str, *patterns: str) -> str:
    listed = ", ".join(map(repr, patterns))
    return f"{KIND}: {len(patterns)} in site.json ({key}: {listed})"


# By source


def logs(folder: Path) -> dict[str, Any]:
    some_logs(folder / "logs", 10)
    return {"kind": "darshan", "logs": "logs", "timestep": 600}


def a_night_of_logs(folder: Path, site: Site, mounts: Mapping[str, str], **keys: Any) -> list[str]:
    site({"it": logs(folder) | keys}, mount_to_fsname=mounts, **LONG_AGO)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    assert content_of(folder / "archive")["counts"]["logs"] == 10
    return unmatched(folder / "archive")


def test_darshan(tmp_path: Path, site: Site) -> None:
    mounts = {"^/scrach": "scratch", "^/projekt": "project", "^/project": "project"}
    expected = [sentence("mount_to_fsname", "^/scrach", "^/projekt")]
    assert a_night_of_logs(tmp_path, site, mounts) == expected


def test_darshan_with_patterns_that_match(tmp_path: Path, site: Site) -> None:
    """Also one whose mount points others have: it is spelt right."""
    mounts = {"^/scratch": "scratch", "^/(scratch|project)": "project", "^/scratch/?$": "other"}
    assert a_night_of_logs(tmp_path, site, mounts) == []


def test_darshan_with_patterns_of_its_own(tmp_path: Path, site: Site) -> None:
    found = a_night_of_logs(tmp_path, site, {"^/any": "any"}, mount_to_fsname={"^/own": "own"})
    assert found == [sentence("mount_to_fsname", "^/own")]


def test_a_log_that_is_read_later_with_what_was_kept(tmp_path: Path, site: Site) -> None:
    """Kept logs are judged with those that are new."""
    a_night_of_logs(tmp_path, site, {"^/scratch": "scratch", "^/projekt": "project"})
    some_logs(tmp_path / "logs", 12)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    assert content_of(tmp_path / "archive")["counts"]["logs"] == 12
    assert unmatched(tmp_path / "archive") == [sentence("mount_to_fsname", "^/projekt")]


def test_instances_that_share_the_patterns_of_mount_points(tmp_path: Path, site: Site) -> None:
    """What matches nothing in the logs of one may be there for those of the other."""
    keys = logs(tmp_path)
    own = {"^/mine": "mine"}
    both = {"one": keys, "other": keys, "third": {**keys, "mount_to_fsname": own}}
    site(both, mount_to_fsname={"^/scrach": "scratch"}, **LONG_AGO)
    assert main(["nightly", "--date", DATE]) == COMPLETE
    assert unmatched(tmp_path / "archive", "one") == []
    assert unmatched(tmp_path / "archive", "other") == []
    assert unmatched(tmp_path / "archive", "third") == [sentence("mount_to_fsname", "^/mine")]


def test_a_day_without_mount_points_says_nothing_of_their_patterns() -> None:
    """No log, or none with a mount table."""
    assert each_of_mounts({"^/scratch": "scratch"}, []) == []
    assert each_of_mounts({"^/scratch": "scratch"}, ["UNKNOWN"]) == []
    assert each_of_mounts({"^/scratch": "scratch"}, ["UNKNOWN", "/home"])[0].names == ()


def collectd(folder: Path, **keys: Any) -> dict[str, Any]:
    write_csv(folder / "csv", collectd_day.records(rate=False, rows=3))
    files = {"form": "csv", "files": "csv/*/*/*-%Y-%m-%d"}
    return {"kind": "collectd", **files, "timestep": 10, "interval": 10, **keys}


def prometheus(folder: Path, **keys: Any) -> dict[str, Any]:
    answer = matrix(
        *[
            (
                {"__name__": record.name, **dict(record.more)},
                [(prometheus_day.START + 5 * record.row, str(record.value))],
            )
            for record in prometheus_day.records()
        ]
    )
    (folder / "answers.json").write_text(json.dumps(answer))
    return {"kind": "prometheus", "answers": "answers.json", "timestep": 5, **keys}


def mmperfmon(folder: Path, **keys: Any) -> dict[str, Any]:
    devices = ("lun1", "lun2", "md1")
    legend = [f"nsd1|GPFSNSDDisk|{lun}|gpfs_nsdds_bytes_read" for lun in devices]
    legend += [f"nsd1|{name}" for name in ("CPU|cpu_user", "Network|ib0|net_r", "Network|lo|net_r")]
    stamps = minutes(dt.datetime.fromisoformat(DATE), 2)
    (folder / "day.out").write_text(output(legend, stamps, [["1"] * len(legend)] * 2, 6))
    return {"kind": "mmperfmon", "files": "day.out", **keys}


LUNS = {"^lun": "datatarget", "^md": "mdtarget"}
MAKERS = {
    "collectd": (collectd, DATE),
    "prometheus": (prometheus, str(prometheus_day.DAY.date)),
    "mmperfmon": (mmperfmon, DATE),
}
MISTYPED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("collectd", {"mdservers": "msd.*"}, [sentence("mdservers", "msd.*")]),
    ("collectd", {"devices": "nvme.*"}, [sentence("devices", "nvme.*")]),
    ("collectd", {"interfaces": "ib0"}, [sentence("interfaces", "ib0")]),
    (
        "collectd",
        {"mdservers": "mds1", "dataservers": "ost1", "interfaces": "hsn.*"},
        [sentence("dataservers", "ost1"), sentence("interfaces", "hsn.*")],
    ),
    ("prometheus", {"mdservers": "mds.*"}, [sentence("mdservers", "mds.*")]),
    ("prometheus", {"devices": "loop[01]"}, [sentence("devices", "loop[01]")]),
    ("prometheus", {"interfaces": "ib"}, [sentence("interfaces", "ib")]),
    (
        "prometheus",
        {"mdservers": "oss1", "dataservers": "oss"},
        [sentence("dataservers", "oss")],
    ),
    (
        "mmperfmon",
        {
            "mmperfmon_lun_map": {
                **LUNS,
                "^ddn\\d": "datatarget",
                "md1": "mdtarget",
                "un": "datatarget",
            }
        },
        [sentence("mmperfmon_lun_map", "^ddn\\d", "un")],
    ),
    (
        "mmperfmon",
        {"mmperfmon_lun_map": LUNS, "mmperfmon_server_map": {"mds": "mdserver"}},
        [sentence("mmperfmon_server_map", "mds")],
    ),
    (
        "mmperfmon",
        {"mmperfmon_lun_map": LUNS, "interfaces": "ib"},
        [sentence("interfaces", "ib")],
    ),
]
RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("collectd", {}),
    ("collectd", {"mdservers": "mds.*", "dataservers": "oss1", "devices": "sd1"}),
    ("collectd", {"mdservers": "", "interfaces": "eth1"}),
    ("prometheus", {}),
    ("prometheus", {"mdservers": "oss2", "devices": "sda", "interfaces": "lo"}),
    ("mmperfmon", {"mmperfmon_lun_map": LUNS}),
    ("mmperfmon", {"mmperfmon_lun_map": {**LUNS, "^lun2": "datatarget"}, "interfaces": "ib.*"}),
    ("mmperfmon", {"mmperfmon_lun_map": LUNS, "mmperfmon_server_map": {"nsd": "mdserver"}}),
]


def a_night(folder: Path, site: Site, kind: str, keys: dict[str, Any]) -> list[str]:
    make, date = MAKERS[kind]
    site({"it": make(folder, **keys)}, **LONG_AGO)
    main(["nightly", "--date", date])
    return unmatched(folder / "archive", date=date)


@pytest.mark.parametrize(("kind", "keys", "expected"), MISTYPED)
def test_a_pattern_of_servers_that_is_mistyped(
    tmp_path: Path, site: Site, kind: str, keys: dict[str, Any], expected: list[str]
) -> None:
    assert a_night(tmp_path, site, kind, keys) == expected


@pytest.mark.parametrize(("kind", "keys"), RIGHT)
def test_a_pattern_of_servers_that_matches(
    tmp_path: Path, site: Site, kind: str, keys: dict[str, Any]
) -> None:
    assert a_night(tmp_path, site, kind, keys) == []


def test_what_another_key_leaves_out_is_there_to_be_matched(tmp_path: Path, site: Site) -> None:
    """Names before selection: sd2 is of servers that are left out, mds1 is one of metadata."""
    some = [one for one in collectd_day.records(rate=False) if one[3] != "sd2" or one[1] == "oss2"]
    keys = collectd(tmp_path, dataservers="oss1|mds1", devices="sd[12]")
    write_csv(tmp_path / "csv", some)
    site({"it": keys | {"devices": "sd2"}}, **LONG_AGO)
    main(["nightly", "--date", DATE])
    assert unmatched(tmp_path / "archive") == []


def test_lmt_behind_a_file_system(tmp_path: Path, site: Site) -> None:
    """The patterns of an instance are judged by its own components."""
    lmt_db(tmp_path / "lmt.db")
    lmt_db(tmp_path / "other.db")
    behind = {
        "home": {"instance": "other", "datatargets": "fs-OST.*"},
        "project": {"instance": "it", "datatargets": "fs-OST0007"},
        "scratch": {"instance": "it", "datatargets": "fs-OST0001"},
        "whole": "it",
    }
    each = {"it": lmt_source(tmp_path / "lmt.db"), "other": lmt_source(tmp_path / "other.db")}
    site(each, fsname_to_instance=behind, **LONG_AGO)
    assert main(["nightly", "--date", DATE]) == COMPLETE, "a finding takes nothing from the day"
    key = "fsname_to_instance: project: datatargets"
    assert unmatched(tmp_path / "archive") == [sentence(key, "fs-OST0007")]
    assert unmatched(tmp_path / "archive", "other") == []
    behind["project"] = {"instance": "it", "datatargets": "fs-OST0000", "mdservers": "mds7"}
    site(each, fsname_to_instance=behind, **LONG_AGO)
    assert main(["rebuild", "--start", DATE, "--stop", DATE, "--all"]) == COMPLETE
    key = "fsname_to_instance: project: mdservers"
    assert unmatched(tmp_path / "archive") == [sentence(key, "mds7")]


def test_a_group_that_the_instance_does_not_have(tmp_path: Path, site: Site) -> None:
    """Without `mdservers` no server is one of metadata: there is nothing to match."""
    behind = {"scratch": {"instance": "it", "dataservers": "oss7", "mdservers": "mds1"}}
    site({"it": collectd(tmp_path)}, fsname_to_instance=behind, **LONG_AGO)
    main(["nightly", "--date", DATE])
    key = "fsname_to_instance: scratch: dataservers"
    assert unmatched(tmp_path / "archive") == [sentence(key, "oss7")]


# What is shown


def test_the_receipt_the_summary_and_the_report(
    tmp_path: Path, site: Site, capsys: Capture
) -> None:
    said = a_night_of_logs(tmp_path, site, {"^/scrach": "scratch", "<b>\x1b": "b"})
    assert said == [sentence("mount_to_fsname", "^/scrach", "<b>\x1b")]
    assert "\x1b" not in said[0]
    (event,) = [one for one in content_of(tmp_path / "archive")["events"] if one["kind"] == KIND]
    detail = r"mount_to_fsname: '^/scrach', '<b>\x1b'"
    assert event == {"kind": KIND, "count": 2, "datasets": ["site.json"], "detail": detail}
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert f"  {said[0]}\n" in shown.out
    assert main(["nightly", "--date", DATE, "--quiet"]) == COMPLETE
    assert capsys.readouterr().out == ""
    page = (tmp_path / f"archive/2026/{DATE}/report.html").read_text()
    assert "&lt;b&gt;\\x1b" in page
    assert "<b>\\x1b" not in page


# By hand


def told(*found: Matches) -> list[str]:
    findings = Findings()
    tell_unmatched(found, findings)
    return findings.sentences()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a\nb", r"'a\nb'"),
        ("\u202egnp", r"'\u202egnp'"),
        ("\ud800", r"'\ud800'"),
        ("it's", '"it\'s"'),
        ("{amount}", r"'\x7bamount}'"),
        ("x" * 1000, f"'{'x' * 100}...'"),
    ],
)
def test_untrusted_characters(pattern: str, expected: str) -> None:
    assert told(Matches("devices", pattern, ())) == [
        f"{KIND}: 1 in site.json (devices: {expected})"
    ]
    (of_key,) = told(Matches(f"fsname_to_instance: {pattern}: datatargets", "a", ()))
    assert of_key.isprintable()
    assert len(of_key) < 200


def test_many_patterns_are_one_finding() -> None:
    patterns = [f"^lun{n}" for n in range(62)]
    (said,) = told(*(Matches("mmperfmon_lun_map", pattern, ()) for pattern in patterns))
    assert said.startswith(f"{KIND}: 62 in site.json (mmperfmon_lun_map: '^lun0', ")
    assert said.endswith(", and 57 more)")


def test_what_is_not_given_or_has_no_names_is_not_judged() -> None:
    """Defaults, keys without any name to match, and an empty pattern, which means nothing."""
    names = NamesByKey(HostOptions(kind="x", mdservers="", devices="sd.*", interfaces="ib0"))
    names.add("oss1", "mdservers", "dataservers")
    names.add("", "devices")
    names.add("eth0", "interfaces")
    assert [(one.key, one.names) for one in names.matches()] == [
        ("interfaces", ()),
        ("mdservers", ()),
    ]
    assert told(*names.matches()) == [sentence("interfaces", "ib0")]
    assert FindingKind.PATTERNS_UNMATCHED == KIND
