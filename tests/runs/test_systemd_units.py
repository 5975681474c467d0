"""The units for systemd, as systemd itself reads them, and Luigi's settings."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT, needed

pytestmark = pytest.mark.system

UNITS = sorted((ROOT / "examples/systemd").iterdir())


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        needed("systemd-analyze (Debian: systemd)")
    for unit in UNITS:  # the programs are where this environment has them
        (tmp_path / unit.name).write_text(
            re.sub(r"/opt/tokio/bin(?=/)", str(Path(sys.executable).parent), unit.read_text())
        )
    command = ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )
    said = [line for line in done.stderr.splitlines() if "tokio" in line]
    assert (done.returncode, said) == (0, []), done.stderr


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_the_commands_of_the_units_exist(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("ExecStart=")]
    program, *arguments = line.partition("=")[2].split()
    command = [one for one in arguments[:1] if not one.startswith("--")]
    ours = [str(Path(sys.executable).parent / Path(program).name), *command, "--help"]
    shown = subprocess.run(ours, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert all(option in shown for option in arguments if option.startswith("--"))


def test_luigis_settings() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "luigi.cfg")
    assert set(settings["retcode"]) == {
        "already_running",
        "missing_data",
        "not_run",
        "task_failed",
        "scheduling_error",
        "unhandled_exception",
    }
    assert settings.getint("scheduler", "disable_window") > settings.getint(
        "scheduler", "retry_count"
    ) * (settings.getint("worker", "timeout") + settings.getint("scheduler", "retry_delay"))
    assert settings.getboolean("worker", "check_complete_on_run")
    assert not settings.getboolean("scheduler", "pause_enabled")
    assert settings.getboolean("core", "no_lock")
