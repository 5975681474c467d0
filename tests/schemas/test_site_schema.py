"""The JSON Schema that editors have: it is what the code says, takes what `check-config` takes, and
refuses nothing else.
"""

from __future__ import annotations

import copy
import importlib.metadata
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.errors import ConfigError
from pipeline import site as sites
from pipeline.cli import site_schema
from pipeline.cli.main import COMPLETE, main
from pipeline.schemas import site_types
from pipeline.sources import registry as sources
from tests.support.paths import ROOT

SHIPPED = resources.files("pipeline.schemas") / "site.schema.json"
SCHEMA: dict[str, Any] = json.loads(SHIPPED.read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted(
    [ROOT / "site.json", *ROOT.glob("examples/*/site.json"), *ROOT.glob("examples/sites/*.json")]
)
KINDS = sources.own_kinds()


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def refusal(some: Any, tmp_path: Path) -> str:
    """What `check-config` says against a site file; "" for nothing."""
    path = tmp_path / "site.json"
    path.write_text(json.dumps(some))
    try:
        sources.check(sites.load(str(path)))
    except ConfigError as error:
        return str(error)
    return ""


def test_the_shipped_schema_is_what_the_code_says() -> None:
    made = site_schema.as_text(site_schema.site_schema(KINDS))
    assert SHIPPED.read_text("utf-8") == made, (
        "tokio-pipeline check-config --schema > pipeline/schemas/site.schema.json"
    )


def test_the_command_prints_the_schema_of_the_installed_kinds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.registry.kinds", lambda: ["lmt", "darshan"])
    assert main(["check-config", "--schema"]) == COMPLETE
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(printed)
    kinds = printed["properties"]["sources"]["additionalProperties"]["properties"]["kind"]
    assert kinds == {"enum": ["darshan", "lmt"]}


def test_jsonschema_is_a_package_of_developers_alone() -> None:
    needed = importlib.metadata.requires("tokio-archive") or []
    named = [one for one in needed if one.startswith("jsonschema")]
    assert all("extra ==" in one for one in named)


def test_it_is_a_schema_and_every_key_has_a_description() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for where, schema in [("site", SCHEMA), *SCHEMA["$defs"].items()]:
        for name, key in schema["properties"].items():
            assert key.get("description"), f"{where}: {name}"
    known = set(SCHEMA["properties"])
    assert known == {*sites.Site.model_fields, sites.SCHEMA} - {"folder"}
    for kind in KINDS:
        keys = SCHEMA["$defs"][f"kind_{kind}"]["properties"]
        assert set(keys) == set(sources.find(kind).Options.model_fields)


def test_descriptions_are_those_of_the_nearest_docstring() -> None:
    lmt = site_schema.descriptions(sources.find("lmt").Options)
    assert lmt["timestep"] == "Seconds a row; must divide an hour."
    assert lmt["ask_seconds"] == lmt["fetch_seconds"], "described together"
    assert "`sqlite:////path/lmt_%Y-%m-%d.sqlite3`" in lmt["database"]
    darshan = site_schema.descriptions(sources.find("darshan").Options)
    assert darshan["timestep"] == "Seconds a row of the series; 60 unless given."
    assert "ORIGIN" not in darshan


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_right(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(content(path))] == []
    assert main(["check-config", "--site", str(path)]) == COMPLETE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_that_the_guide_names(kind: str) -> None:
    path = f"examples/sites/{kind}.json"
    found = content(ROOT / path)
    kinds = {keys["kind"] for keys in found["sources"].values()}
    assert kinds == {kind}
    assert path in (ROOT / "docs/operations.md").read_text()
    schema = (ROOT / path).parent / found["$schema"]
    assert schema.resolve() == ROOT / "pipeline/schemas/site.schema.json"


GOOD: dict[str, Any] = {
    "site": "s",
    "archive": "a",
    "sources": {"fs": {"kind": "lmt", "database": "sqlite:///x"}},
}


def with_source(**keys: Any) -> dict[str, Any]:
    return {**GOOD, "sources": {"fs": {**GOOD["sources"]["fs"], **keys}}}


WRONG = [
    {**GOOD, "timezon": "UTC"},
    {**GOOD, "missing": "zero"},
    {**GOOD, "late_days": "7"},
    {**GOOD, "late_days": -1},
    {**GOOD, "mode": "0777"},
    {**GOOD, "engine": {"kind": "local", "workrs": 2}},
    {**GOOD, "engine": {"kind": "slurm"}},
    {**GOOD, "fsname_to_instance": {"x": {"datatargets": ".*"}}},
    {**GOOD, "hdf5_files": {"x": 1}},
    {**GOOD, "sources": {}},
    {**GOOD, "sources": {"../evil": GOOD["sources"]["fs"]}},
    {**GOOD, "sources": {"fs": "lmt"}},
    {"archive": "a", "sources": GOOD["sources"]},
    with_source(kind="lmtt"),
    with_source(host="h"),
    with_source(timestep=7),
    with_source(timestep="5"),
    with_source(complete_percent=101),
    with_source(complete_percent=0.99),
    with_source(complete_percent=1),
    {**GOOD, "sources": {"fs": {"kind": "lmt"}}},
    {**GOOD, "sources": {"fs": {"database": "sqlite:///x"}}},
    {**GOOD, "sources": {"c": {"kind": "collectd", "form": "xml", "files": "x"}}},
    {**GOOD, "sources": {"g": {"kind": "mmperfmon", "files": "x", "mmperfmon_lun_map": {"a": 1}}}},
    {**GOOD, "sources": {"p": {"kind": "prometheus", "answers": "x", "exporters": []}}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_what_is_wrong_is_refused_by_both(wrong: dict[str, Any], tmp_path: Path) -> None:
    assert not VALIDATOR.is_valid(wrong)
    assert refusal(wrong, tmp_path)


def test_what_is_right_is_taken_by_both(tmp_path: Path) -> None:
    """With comments at every level, and the short form of a file system's servers."""
    right = {
        **GOOD,
        "//": 1,
        "$schema": "x",
        "fsname_to_instance": {"//": "", "scratch": "fs", "home": {"instance": "fs", "//x": []}},
        "engine": {"kind": "dask", "scheduler": "tcp://h:1", "//": ""},
        "mount_to_fsname": {"//": ["no text"], "^/a": "b"},
        "sources": {"//": "off", "//old": {"kind": "gone"}, **with_source(**{"//": 0})["sources"]},
    }
    assert [error.message for error in VALIDATOR.iter_errors(right)] == []
    assert refusal(right, tmp_path) == ""


def test_a_share_that_looks_like_a_fraction_is_refused_in_words(tmp_path: Path) -> None:
    for share in (0.99, 1, 1e-9):
        assert "99 means 99 %" in refusal(with_source(complete_percent=share), tmp_path)
    for share in (0, 1.5, 99, 100):
        assert VALIDATOR.is_valid(with_source(complete_percent=share))
        assert refusal(with_source(complete_percent=share), tmp_path) == ""


def test_modes_are_those_that_the_code_takes() -> None:
    pattern = SCHEMA["properties"]["mode"]["pattern"]
    for mode in (f"{zero}{number:03o}" for number in range(0o1000) for zero in ("", "0")):
        try:
            taken = bool(site_types._mode(mode))
        except ValueError:
            taken = False
        assert taken == bool(re.search(pattern, mode)), mode


def places(some: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a file are."""
    if path:
        yield path
    for key, value in some.items() if isinstance(some, dict) else ():
        yield from places(value, (*path, key))


def replaced(some: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    found = copy.deepcopy(some)
    *folders, last = path
    inner = found
    for key in folders:
        inner = inner[key]
    inner[last] = value
    return found


PLACES = [(path, place) for path in EXAMPLES for place in places(content(path))]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10_000),
    st.floats(-2, 200, allow_nan=False),
    st.sampled_from(["", "0640", "UTC", "lmt", "darshan", "x", "nan", "sqlite:///x", ".*"]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
    st.dictionaries(st.sampled_from(["a", "//", "kind", "instance"]), st.just("x"), max_size=2),
)


@given(st.sampled_from(PLACES), VALUES)
def test_it_refuses_nothing_that_the_code_takes(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[Path, tuple[Any, ...]], value: Any
) -> None:
    """One value of an example is another one."""
    changed = replaced(content(place[0]), place[1], value)
    if not VALIDATOR.is_valid(changed):
        assert refusal(changed, tmp_path_factory.getbasetemp()), [
            error.message for error in VALIDATOR.iter_errors(changed)
        ]
