"""Which kinds there are, ours and other packages', and what is said of one that is wrong."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_tools.core.errors import ConfigError
from archive_tools.core.vocabulary import Product
from pipeline import site as sites
from pipeline.cli.main import main
from pipeline.schemas import source_maps
from pipeline.sources import lmt
from pipeline.sources import registry as sources
from pipeline.sources.contract import LogSource, SeriesSource, missing_members

Install = Callable[..., None]
GOOD = """
from pipeline.sources import lmt


class Other(lmt.Lmt):
    kind = "{kind}"


SOURCE = Other()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with an entry point onto the path."""
    before = set(sys.modules)

    def put(kind: str, code: str, package: str = "other") -> None:
        root = tmp_path / package
        module = f"{package}_of_{kind}"
        info = root / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (root / f"{module}.py").write_text(code.format(kind=kind))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tokio.sources]\n{kind} = {module}:SOURCE\n")
        monkeypatch.syspath_prepend(str(root))

    sources._installed.cache_clear()
    yield put
    sources._installed.cache_clear()
    for name in set(sys.modules) - before:
        if "_of_" in name:
            del sys.modules[name]


def test_our_kinds_are_objects_of_the_contract() -> None:
    assert {"collectd", "darshan", "lmt", "mmperfmon", "prometheus"} <= {*sources.own_kinds()}
    assert "contract" not in sources.own_kinds()
    for kind in sources.own_kinds():
        source = sources.find(kind)
        assert missing_members(source) == []
        assert isinstance(source, LogSource) == (kind == "darshan")
        assert isinstance(source, SeriesSource) == (kind != "darshan")
        assert source is sources.find(kind)


def test_another_packages_kind_is_found(install: Install, tmp_path: Path) -> None:
    install("ours2", GOOD)
    assert "ours2" in sources.kinds()
    assert "ours2" not in sources.own_kinds()
    source = sources.find("ours2")
    assert (source.kind, source.products) == ("ours2", (Product.TTS,))
    assert sources.meaning(source).startswith("ours2: parser 1, figures "), "none of the first"


def test_packages_are_not_looked_through_for_our_kinds(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("lmt", "raise SystemExit")
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert sources.find("lmt") is lmt.SOURCE


def test_an_unknown_kind_names_the_near_one(install: Install) -> None:
    install("zpool", GOOD)
    with pytest.raises(ConfigError, match=r"'zpol' is not known; .*zpool.*did you mean zpool\?"):
        sources.find("zpol")
    with pytest.raises(ConfigError, match=r"did you mean lmt\?"):
        sources.find("ltm")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nowhere", "of package other 1.0 cannot be loaded: ModuleNotFoundError: No module"),
        ("1 / 0", "of package other 1.0 cannot be loaded: ZeroDivisionError"),
        ("raise SystemExit(0)", "of package other 1.0 cannot be loaded: SystemExit: 0"),
        ("from pipeline.sources.lmt import Lmt as SOURCE", "is a class; expected: an object of it"),
        ("SOURCES = 1", "of package other 1.0 cannot be loaded: AttributeError"),
        (
            "SOURCE = object()",
            "is not a source: object lacks Options, Selector, fetch, inputs, kind",
        ),
        (
            "from pipeline.sources.contract import SeriesSource\n"
            "class Other(SeriesSource): kind = '{kind}'\n"
            "SOURCE = Other()",
            "cannot be loaded: TypeError: Can't instantiate abstract class Other",
        ),
        (
            "from pipeline.sources.lmt import Lmt\nSOURCE = Lmt()",
            "wrong_of_wrong:SOURCE of package wrong 1.0 is of kind 'lmt'",
        ),
    ],
)
def test_a_package_that_is_wrong_is_named(install: Install, code: str, words: str) -> None:
    install("wrong", code, "wrong" if "is of kind" in words else "other")
    with pytest.raises(ConfigError) as caught:
        sources.find("wrong")
    assert words in str(caught.value)


def test_a_class_in_place_of_an_object_lacks_its_attributes(install: Install) -> None:
    install(
        "bare",
        "from pipeline.sources.lmt import Lmt\n"
        "class Bare(Lmt):\n"
        "    def __getattribute__(self, name):\n"
        "        if name == 'version':\n"
        "            raise AttributeError(name)\n"
        "        return super().__getattribute__(name)\n"
        "SOURCE = Bare()",
    )
    with pytest.raises(ConfigError, match=r"is not a source: Bare lacks version"):
        sources.find("bare")


def test_two_packages_with_one_kind(install: Install) -> None:
    install("twice", GOOD, "one")
    install("twice", GOOD, "two")
    with pytest.raises(ConfigError, match=r"given by several packages; got: one 1\.0, two 1\.0"):
        sources.find("twice")


@pytest.fixture
def broken_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of LMT's with a misspelt key, in the place of ours."""
    path = tmp_path / "sources" / "lmt.toml"
    path.parent.mkdir()
    text = source_maps.table_of("lmt").read_text("utf-8")
    path.write_text(text.replace("field =", "feild =", 1))
    monkeypatch.setattr(source_maps, "table_of", lambda kind: path)
    lmt.table.metrics.cache_clear()
    yield path
    lmt.table.metrics.cache_clear()


def test_check_config_refuses_a_misspelt_key_of_a_table(
    broken_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {
        "site": "s",
        "archive": "a",
        "sources": {name: {"kind": "lmt", "database": "sqlite:///x"} for name in ("one", "two")},
    }
    path = tmp_path / "site.json"
    path.write_text(json.dumps(content))
    assert main(["check-config", "--site", str(path)]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "sources/lmt.toml: datatargets/readbytes: key field is missing" in shown
    assert "key feild is not known" in shown
    assert "did you mean field?" in shown
    assert shown.count("feild") == 1, "said once, not by instance"


def test_instances_that_watch_servers(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    content = {
        "site": "s",
        "archive": "a",
        "sources": {
            "fs": {"kind": "lmt", "database": "sqlite:///x"},
            "logs": {"kind": "darshan", "logs": "x"},
            "typo": {"kind": "lmtt"},
        },
        "hdf5_files": {"old": "x_%Y.hdf5", "logs": "y_%Y.hdf5"},
    }
    path.write_text(json.dumps(content))
    site = sites.load(str(path))
    watching = [n for n in ("fs", "logs", "old", "no") if sources.watches_servers(site, n)]
    assert watching == ["fs", "old"]
    assert sources.watches_servers(site, "typo"), "the kind is refused by `options`, in its words"
    with pytest.raises(ConfigError, match="'lmtt' is not known"):
        sources.check(site)


def test_a_site_without_sources_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.json"
    path.write_text(json.dumps({"site": "s", "archive": "a", "sources": {}}))
    for command in ("check-config", "nightly", "status"):
        assert main([command, "--site", str(path)]) == 2
        assert "sources names no source" in capsys.readouterr().err
