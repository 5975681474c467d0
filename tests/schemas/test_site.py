from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.errors import ConfigError
from archive_tools.store import site_file
from pipeline import site as sites
from pipeline.sources import registry as sources

GOOD: dict[str, Any] = {
    "site": "s",
    "archive": "a",
    "sources": {"fs": {"kind": "lmt", "database": "sqlite:///x_%Y.db"}},
}


def load(tmp_path: Path, **changes: Any) -> sites.Site:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(GOOD | changes))
    site = sites.load(str(path))
    sources.check(site)
    return site


def test_defaults_and_relative_paths(tmp_path: Path) -> None:
    site = load(tmp_path)
    assert site.root == tmp_path / "a"
    assert (site.timezone, site.missing) == ("UTC", "nan")
    options = sources.options(site, "fs")
    assert options.model_dump()["database"] == f"sqlite://{tmp_path}/x_%Y.db"
    assert options.timezone == "UTC"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timezon": "UTC"}, ["timezon is not known", "did you mean timezone?"]),
        (
            {"timezone": "America/Los_Angles"},
            [
                "timezone",
                "not an IANA time zone",
                "America/Los_Angeles",
                "got 'America/Los_Angles'",
            ],
        ),
        ({"missing": "zero"}, ["missing", "'nan' or 'negative_zero'", "got 'zero'"]),
        ({"late_days": "7"}, ["late_days", "got '7'"]),
        ({"late_days": 30, "raw_days": 7}, ["raw_days is smaller than late_days"]),
        (
            {"mount_to_fsname": {"(?i)^/scratch": "x"}},
            ["mount_to_fsname", "not a regular expression"],
        ),
        ({"mount_to_fsname": {"^/scratch(": "x"}}, ["mount_to_fsname", "not a regular expression"]),
        (
            {"sources": {"../evil": {"kind": "lmt", "database": "sqlite:///x"}}},
            ["../evil", "cannot be a file name"],
        ),
        (
            {"sources": {"fs": {"kind": "lmtt", "database": "sqlite:///x"}}},
            ["'lmtt' is not known", "job_stats, lmt", "did you mean lmt?"],
        ),
        ({"sources": {"fs": {"database": "sqlite:///x"}}}, ["fs", "kind is missing"]),
        ({"sources": {"fs": {"kind": "lmt"}}}, ["fs", "database is missing"]),
        (
            {"sources": {"fs": {"kind": "lmt", "database": "oracle://x"}}},
            ["database", "must begin with sqlite:/// or mysql://"],
        ),
        (
            {"sources": {"fs": {"kind": "lmt", "database": "mysql://u:secret@h/d"}}},
            ["holds a password", "password_env"],
        ),
        (
            {"sources": {"fs": {"kind": "lmt", "database": "sqlite:///x", "timestep": 7}}},
            ["timestep", "divide an hour", "got 7"],
        ),
        (
            {"sources": {"fs": {"kind": "lmt", "database": "sqlite:///x", "host": "h"}}},
            ["host is not known", "password_env"],
        ),
    ],
)
def test_errors_name_the_key_what_was_found_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **changes)
    for word in words:
        assert word in str(caught.value)


def test_all_wrong_sources_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, sources={"one": {"kind": "lmt"}, "two": {"kind": "darshan"}})
    assert "one" in str(caught.value)
    assert "two" in str(caught.value)


def test_no_json_and_keys_that_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    for text, word in [
        ("{", "is not JSON"),
        ("[]", "a JSON object"),
        ('{"site": "a", "site": "b"}', "is there twice"),
    ]:
        path.write_text(text)
        with pytest.raises(ConfigError, match=word):
            sites.load(str(path))


COMMENTED = """{
  "$schema": "site.schema.json",
  "//": "first",
  "//": "second: comments may be there several times",
  "site": "s",
  "archive": "a",
  "// switched off": "0600",
  "//mode": "0600",
  "sources": {
    "//": "a text where instances are",
    "//logs": {"kind": "darshan", "logs": "off"},
    "fs": {"kind": "lmt", "//": ["any", {"value": 1}], "database": "sqlite:///x_%Y.db"},
    "on": {"kind": "darshan", "logs": "on", "mount_to_fsname": {"//": "x", "^/a": "fs"}}
  }
}"""


def test_comments_at_any_level_mean_nothing(tmp_path: Path) -> None:
    """For the pipeline as for the readers; what is made of the data is the same text."""
    path = tmp_path / "site.json"
    path.write_text(COMMENTED)
    site = sites.load(str(path))
    checked = sources.check(site)
    assert [*checked] == ["fs", "on"]
    assert site.mode == "0640"
    assert checked["on"].mount_to_fsname == {"^/a": "fs"}  # type: ignore[attr-defined]
    assert checked["fs"].made_of() == sources.options(load(tmp_path), "fs").made_of()
    path.write_text(COMMENTED)
    read = site_file.read_site_file(path)
    assert read.log_folders() == {"on": [str(tmp_path / "on")]}
    assert read.root == site.root


def test_only_comments_may_be_there_twice_and_schema_only_at_the_top(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    path.write_text(COMMENTED.replace('"//mode"', '"site"'))
    with pytest.raises(ConfigError, match="'site' is there twice"):
        sites.load(str(path))
    path.write_text(COMMENTED.replace('"site.schema.json"', "null"))
    with pytest.raises(ConfigError, match=r"\$schema is not a text; got: None"):
        sites.load(str(path))
    path.write_text(COMMENTED.replace('"kind": "lmt"', '"$schema": "x", "kind": "lmt"'))
    with pytest.raises(ConfigError, match=r"\$schema is not known"):
        sources.check(sites.load(str(path)))


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKIO_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="current folder"):
        sites.find()
    (tmp_path / "site.json").write_text("{}")
    assert sites.find() == tmp_path / "site.json"
    (tmp_path / "other.json").write_text("{}")
    monkeypatch.setenv("TOKIO_SITE", str(tmp_path / "other.json"))
    assert sites.find() == tmp_path / "other.json"
    assert sites.find("site.json") == tmp_path / "site.json"
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert sites.find("../site.json") == tmp_path / "site.json", "the same sources as without .."


def test_yesterday_is_the_sites(tmp_path: Path) -> None:
    now = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)  # still the 21st in California
    assert load(tmp_path).yesterday(now) == dt.date(2026, 11, 21)
    assert load(tmp_path, timezone="America/Los_Angeles").yesterday(now) == dt.date(2026, 11, 20)


def test_a_password_is_not_echoed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a password") as caught:
        load(tmp_path, sources={"fs": {"kind": "lmt", "database": "mysql://u:s3cret@h/d"}})
    assert "s3cret" not in str(caught.value)
