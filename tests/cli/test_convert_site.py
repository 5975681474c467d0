"""`tokio-pipeline convert-site`: every key of pytokio's is in the new file, or named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError
from pipeline import site as sites
from pipeline.cli.main import COMPLETE, PARTIAL, USAGE, main
from pipeline.cli.old_site import NO_COUNTERPART, converted
from pipeline.sources import registry as sources

Capture = pytest.CaptureFixture[str]
SAID = {"site": "x", "timezone": "America/Los_Angeles", "archive": "archive"}
GIVEN = ["--site-name", "x", "--timezone", "America/Los_Angeles", "--archive-dir", "archive"]


def new(old: dict[str, Any]) -> tuple[dict[str, Any], str]:
    found = converted(old, **SAID)
    return found.site, "\n".join(found.lacking)


@pytest.mark.real
@pytest.mark.parametrize("name", ["site.json", "sample_config.json"])
def test_the_samples_become_a_site_that_check_config_takes(
    real: Path, name: str, tmp_path: Path, capsys: Capture
) -> None:
    path = real / "pytokio_config" / name
    old = json.loads(path.read_text())
    assert main(["convert-site", str(path), *GIVEN]) == PARTIAL
    text, said = capsys.readouterr()
    (tmp_path / "site.json").write_text(text)
    check = ["check-config", "--site", str(tmp_path / "site.json")]
    assert main(check) == USAGE
    assert "is to be filled in" in capsys.readouterr().err
    (tmp_path / "site.json").write_text(re.sub("FILL-IN-[A-Z]+", "x", text))
    assert main(check) == COMPLETE
    site = json.loads(text)
    assert list(site["mount_to_fsname"].items()) == list(old["mount_to_fsname"].items())
    lacking = {key for key in old if f"no counterpart: {key}:" in said}
    if name == "site.json":
        assert lacking == {"test_list", *set(NO_COUNTERPART) & old.keys()}
        assert site["hdf5_files"] == old["hdf5_files"]
        assert {keys["kind"] for keys in site["sources"].values()} == {
            *("lmt", "mmperfmon", "darshan", "lustre_snapshots")
        }
        for fsname, backend in old["fsname_to_backend_name"].items():
            assert site["sources"][fsname]["database"].endswith(f"/filesystem_{backend}")
        for fsname in old["mmperfmon_output_files"]:
            keys = site["sources"][fsname]
            assert keys["mmperfmon_lun_map"] == old["mmperfmon_lun_map"]
            assert keys["mmperfmon_server_map"] == old["mmperfmon_server_map"]
        both = old["lfsstatus_fullness_files"] + old["lfsstatus_map_files"]
        assert site["sources"]["targets"]["files"] == both
    else:
        assert lacking == {"debug_dummy", "lfsname_to_h5lmt_file"}
        assert site["hdf5_files"]["scratch1"] == ["inputs/%Y-%m-%d/edison_snx11025.h5lmt"]
        assert site["sources"]["targets"]["files"] == [
            "inputs/%Y-%m-%d/osts.txt",
            "inputs/%Y-%m-%d/ost-map.txt",
        ]


def test_without_anything_to_fill_in_or_left_over_it_is_complete(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "old.json").write_text('{"darshan_log_dirs": {"cori": "/logs/"}}')
    assert main(["convert-site", str(tmp_path / "old.json"), *GIVEN]) == COMPLETE
    text, said = capsys.readouterr()
    assert not said
    assert json.loads(text)["sources"] == {
        "darshan-cori": {"kind": "darshan", "logs": "/logs/%Y/%-m/%-d"}
    }
    assert main(["convert-site", str(tmp_path / "old.json")]) == PARTIAL
    assert capsys.readouterr().err.count("to be filled in: ") == 3


def test_hours_in_names_of_files_are_any_hour(tmp_path: Path) -> None:
    """As `day.expand` would give midnight's alone."""
    for hour in ("00", "13", "23"):
        (tmp_path / f"nsd1.2026-11-22-{hour}:00:00.out").write_text("x")
    template = f"{tmp_path}/nsd*.%Y-%m-%d-%H:00:00.out"
    site, _ = new({"mmperfmon_output_files": {"fs": [template]}})
    site["archive"] = str(tmp_path / "archive")
    (tmp_path / "site.json").write_text(json.dumps(site))
    options: Any = sources.options(sites.load(str(tmp_path / "site.json")), "fs")
    import datetime as dt

    assert len(options.paths(Day(dt.date(2026, 11, 22)))) == 3


def test_a_pattern_that_was_searched_for_anywhere_still_is() -> None:
    site, _ = new({"mount_to_fsname": {"scratch[12]": "fast", "^/home": "home"}})
    assert site["mount_to_fsname"] == {".*(?:scratch[12])": "fast", "^/home": "home"}


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ({"hdf5_files": {"fs": "/x/%Y-%j.hdf5"}}, "hdf5_files: fs: /x/%Y-%j.hdf5: %j is not read"),
        ({"mount_to_fsname": {"(": "x"}}, "mount_to_fsname: '(' is not an expression"),
        ({"mmperfmon_lun_map": {"^a": "datatarget"}}, "mmperfmon_lun_map: no source uses it"),
        (
            {"mmperfmon_lun_map": {"^a": "tape"}, "mmperfmon_output_files": {"f": "x"}},
            "mmperfmon_lun_map: '^a': 'tape' is not datatarget or mdtarget",
        ),
        ({"isdct_files": "x"}, "isdct_files: reports of Intel SSDs"),
        ({"made_up": 1}, "made_up: it is not a key of pytokio that is known here"),
    ],
)
def test_what_has_no_counterpart_is_named_with_its_reason(old: dict[str, Any], said: str) -> None:
    assert said in new(old)[1]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"hdf5_files": []}', '{"darshan_log_dirs": 1}', '{"hdf5_files": {"a": 1}}']
)
def test_another_file_is_refused(tmp_path: Path, capsys: Capture, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    assert main(["convert-site", str(tmp_path / "old.json")]) == USAGE
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("tokio-pipeline: ")


def test_names_that_are_no_names_of_files_are_made_so() -> None:
    site, _ = new({"mmperfmon_output_files": {"a/b": "x", "a b": "y", "../": "z"}})
    assert [*site["sources"]] == ["a-b", "a-b-2", "source"]


def test_text_of_the_old_file_does_not_reach_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"\x1b[31mkey": 1}))
    assert main(["convert-site", str(tmp_path / "old.json")]) == PARTIAL
    assert "\x1b" not in "".join(capsys.readouterr())


def test_each_folder_of_a_list_of_darshan_log_dirs_is_a_template_of_its_own() -> None:
    found = converted(
        {"darshan_log_dirs": {"cori": ["/a", "/b/"]}}, site="s", timezone="UTC", archive="/archive"
    )
    assert found.site["sources"]["darshan-cori"]["logs"] == ["/a/%Y/%-m/%-d", "/b/%Y/%-m/%-d"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lmt_timestep", None),
        ("lmt_timestep", "abc"),
        ("fsname_to_backend_name", ["x"]),
        ("darshan_log_dirs", {"cori": 7}),
    ],
)
def test_a_key_of_another_form_is_named_whatever_is_made_of_it(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{key} has another form"):
        converted(
            {"hdf5_files": {"c": "/x/c.h5lmt"}, key: value},
            site="s",
            timezone="UTC",
            archive="/archive",
        )
