"""What is said where an optional package is not installed."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from archive_tools.cli import completion
from archive_tools.cli.main import PROGRAM
from archive_tools.cli.main import main as archive_main
from archive_tools.core import software
from archive_tools.core.errors import MissingPackage
from archive_tools.core.extras import PACKAGES, check_extra, needs_extra
from archive_tools.jobs import slow_osts, slow_targets
from archive_tools.plotting import canvas
from archive_tools.reading import lazy
from archive_tools.serving.application import application
from archive_tools.serving.guard import Access
from archive_tools.serving.limits import Limits
from pipeline.building import engine
from pipeline.cli.main import main as pipeline_main
from pipeline.site import DaskEngine
from pipeline.sources._shared.http_client import HttpOptions, Server
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.darshan import library
from tests.support.absent_packages import without
from tests.support.paths import ROOT


@pytest.fixture
def lack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the packages of an extra as if they were not installed."""
    return lambda extra: without(extra, monkeypatch)


def test_extras_are_those_of_setup_cfg() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {
        extra: tuple(sorted(re.findall(r"^\w+", text, re.MULTILINE)))
        for extra, text in setup["options.extras_require"].items()
        if extra in PACKAGES
    }
    assert extras == PACKAGES
    everything = setup["options.extras_require"]["all"]
    assert sorted(re.findall(r"[\w]+(?=[,\]])", everything)) == sorted(PACKAGES)


def use_database() -> None:
    Database("sqlite:///none", "none", 5.0)._read("SELECT 1")


def use_engine() -> None:
    with engine.executor(DaskEngine(kind="dask", scheduler="tcp://127.0.0.1:1")):
        pass


USES = {
    "pages": lambda: check_extra("pages", "zooming"),
    "completion": lambda: completion.script(PROGRAM, "bash"),
    "plots": canvas.style,
    "analysis": lambda: lazy.data_array("datatargets/readbytes", [], []),
    "lmt": use_database,
    "darshan": library.loaded_library.__wrapped__,
    "http": lambda: Server(HttpOptions(kind="prometheus", url="http://127.0.0.1:1")),
    "dask": use_engine,
    "serve": lambda: application(ROOT, Access(), Limits()),
}


@pytest.mark.parametrize("extra", USES)
def test_what_lacks_a_package_says_which_extra_to_install(extra: str, lack: Any) -> None:
    lack(extra)
    with pytest.raises(MissingPackage, match=re.escape(f"pip install 'tokio-archive[{extra}]'")):
        USES[extra]()


def test_every_extra_is_tested() -> None:
    assert USES.keys() == PACKAGES.keys()


def test_slow_osts_need_scipy(lack: Any) -> None:
    lack("analysis")
    with pytest.raises(MissingPackage, match="analysis"):
        slow_targets.compared("fs", {}, slow_targets.Limits())
    with pytest.raises(MissingPackage, match=r"bad-osts needs .*\[analysis\]"):
        slow_osts.bad_osts([])


def test_a_broken_package_is_not_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError) as error, needs_extra("plots", "a picture"):
        import matplotlib.figure  # noqa: F401
    assert not isinstance(error.value, MissingPackage)


def test_an_extra_that_is_installed_is_accepted() -> None:
    for extra in PACKAGES:
        check_extra(extra, "this test")


def test_a_command_says_it_without_a_traceback(
    lack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lack("analysis")
    assert archive_main(["bad-osts", str(tmp_path / "darshan.hdf5")]) == 1
    said = capsys.readouterr().err
    assert said == (
        "tokio-archive: bad-osts needs packages that are not installed; to do:"
        " pip install 'tokio-archive[analysis]'\n"
    )


def test_check_config_names_what_each_source_lacks(
    lack: Any, site: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    site(
        {
            "lustre": {"kind": "lmt", "database": "sqlite:///lmt.db"},
            "live": {"kind": "prometheus", "url": "http://127.0.0.1:1"},
            "saved": {"kind": "prometheus", "answers": "answers"},
        },
        engine={"kind": "dask", "scheduler": "tcp://127.0.0.1:1"},
    )
    assert pipeline_main(["check-config"]) == 0
    for extra in ("lmt", "http", "dask"):
        lack(extra)
    assert pipeline_main(["check-config"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["lustre", "live", "engine"]
    assert [line.rpartition(" ")[2] for line in lines] == [
        f"'tokio-archive[{extra}]'" for extra in ("lmt", "http", "dask")
    ]


@pytest.mark.parametrize(
    ("main", "name"), [(archive_main, "tokio-archive"), (pipeline_main, "tokio-pipeline")]
)
def test_version(main: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"{name} {software.version()}\n"


def test_the_version_of_what_is_not_installed() -> None:
    assert software.version("no-such-distribution") == software.NOT_INSTALLED
