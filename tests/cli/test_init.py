"""`tokio-pipeline init`: the first site file, what is to be filled in, and files that are there."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.core.errors import ConfigError
from archive_tools.store.site_file import read_site_file
from pipeline import site as sites
from pipeline.cli import first_site
from pipeline.cli.main import COMPLETE, FAILED, USAGE, main
from pipeline.schemas.site_types import unfilled
from pipeline.site import SourceOptions
from pipeline.sources import registry as sources

Capture = pytest.CaptureFixture[str]
KINDS = sources.own_kinds()
counter = itertools.count()


def filled_in(text: str) -> str:
    """The text with something of its own for each placeholder."""
    return re.sub(r"FILL-IN(-[A-Z]+)*", lambda found: f"x{next(counter)}", text)


@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] + [[*KINDS, "lmt"]], ids=str)
def test_the_first_file_needs_only_what_is_to_be_filled_in(
    kinds: list[str], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "site.json"
    assert main(["init", *kinds, "--output", str(path)]) == COMPLETE
    shown = capsys.readouterr().out
    assert f"then: tokio-pipeline check-config --site {path}" in shown
    check = ["check-config", "--site", str(path)]
    assert main(check) == USAGE
    refused = capsys.readouterr().err.removeprefix("tokio-pipeline: ").splitlines()
    assert all(" is to be filled in; got: " in line for line in refused), refused
    assert len(refused) == shown.count("to be filled in: ") >= 3
    path.write_text(filled_in(path.read_text()))
    assert main(check) == COMPLETE


@pytest.mark.parametrize("kind", KINDS)
def test_keys_that_are_switched_off_may_be_switched_on(kind: str, tmp_path: Path) -> None:
    """And each key has a comment before it, but `kind`."""
    text = first_site.first_site([kind])
    keys = [key for key in re.findall(r'"(.*?)": ', text) if not key.startswith("// ")]
    for key in keys:
        name = key.removeprefix("//")
        if name in SourceOptions.model_fields or name in sites.Site.model_fields:
            assert name in ("kind", "sources") or f'"// {name}": ' in text, name
    path = tmp_path / "site.json"
    off = re.sub(r'"//(\w)', r'"\1', filled_in(text))
    assert off != text
    instance = json.loads(text)["sources"].popitem()[0]
    off = off.replace('"scratch": "scratch"', f'"scratch": "{instance}"')
    path.write_text(off)
    if kind == "darshan":  # no instance of this file watches servers
        path.write_text(off.replace('"fsname_to_instance"', '"//"'))
    sources.check(sites.load(str(path)))


def test_an_instance_has_a_name_of_its_own(tmp_path: Path) -> None:
    found = json.loads(first_site.first_site(["lmt", "darshan", "lmt", "lmt"]))
    assert [*found["sources"]] == ["scratch", "darshan", "scratch-2", "scratch-3"]
    assert "mount_to_fsname" in found
    assert "mount_to_fsname" not in json.loads(first_site.first_site(["lmt"])), "no logs"


def test_editors_find_the_schema() -> None:
    found = json.loads(first_site.first_site(["lmt"]))
    assert "properties" in json.loads(Path(found["$schema"]).read_text())


def test_a_kind_of_another_package_begins_with_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Options(SourceOptions):
        """Keys of a source.

        Attributes
        ----------
        folder_of_pools : str
            Where the pools are.
        """

        folder_of_pools: str
        more: int = 1

    class Source:
        pass

    source = Source()
    source.Options = Options  # type: ignore[attr-defined]
    monkeypatch.setattr(sources, "find", lambda kind: source)
    found = json.loads(first_site.first_site(["zpool"]))
    assert found["sources"]["zpool"] == {
        "kind": "zpool",
        "// folder_of_pools": "Where the pools are.",
        "folder_of_pools": "FILL-IN-FOLDER_OF_POOLS",
    }
    assert "$schema" not in found, "ours does not know the kind"


def test_a_file_that_is_there_is_left_alone(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "site.json"
    path.write_text("mine")
    assert main(["init", "lmt", "--output", str(path)]) == USAGE
    assert "is already there; to do: name another by --output; --force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["init", "lmt", "--output", str(path), "--force"]) == COMPLETE
    assert json.loads(path.read_text())["sources"]
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_or_kind_that_there_is_not(tmp_path: Path, capsys: Capture) -> None:
    assert main(["init", "lmt", "--output", str(tmp_path / "no/site.json")]) == FAILED
    assert "no folder" in capsys.readouterr().err
    assert main(["init", "ltm", "--output", str(tmp_path / "site.json")]) == USAGE
    assert "did you mean lmt?" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_no_command_runs_while_something_is_to_be_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Nor is a folder of that name made."""
    path = tmp_path / "site.json"
    text = first_site.first_site(["lmt"]).replace("/FILL-IN-FOLDER", f"{tmp_path}/FILL-IN-FOLDER")
    path.write_text(text)
    monkeypatch.setenv("TOKIO_SITE", str(path))
    for command in (["nightly"], ["status"], ["check-config", "--ask"]):
        assert main(command) == USAGE
        assert "archive is to be filled in" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == [path]
    assert read_site_file(path).root == tmp_path / "FILL-IN-FOLDER/tokio", "readers only look"


def test_other_errors_are_named_with_what_is_to_be_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    path.write_text(first_site.first_site(["lmt", "darshan"]).replace('"logs"', '"log"'))
    with pytest.raises(ConfigError) as caught:
        sources.check(sites.load(str(path)))
    for words in ("log is not known", "database is to be filled in", "archive is to be filled in"):
        assert words in str(caught.value)


Trees = st.recursive(
    st.sampled_from(["", "FILL-IN", "a FILL-IN-X b", "fill-in"]) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b FILL-IN", "//c", "// FILL-IN"]), inner)
    ),
)


@given(Trees)
def test_every_placeholder_is_found_but_those_of_comments(tree: Any) -> None:
    """As many as the JSON of the tree without its comments has texts with one."""

    def bare(some: Any) -> Any:
        if isinstance(some, dict):
            return {key: bare(value) for key, value in some.items() if not key.startswith("//")}
        return [bare(value) for value in some] if isinstance(some, list) else some

    texts = re.findall(r'"([^"]*)"', json.dumps(bare(tree)))
    found = [text for _, text in unfilled(tree)]
    assert sorted(found) == sorted(text for text in texts if "FILL-IN" in text)
