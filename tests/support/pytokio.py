"""The reference in an environment of its own, and programs that run in it."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

from tests.support.paths import ROOT, needed

REQUIREMENT = "pytokio==0.13.0"
FOLDER = ROOT / ".venv-pytokio"


def environment() -> Path:
    """The Python of an environment with the reference in it; made when it is first needed."""
    python = FOLDER / "bin/python"
    if not (FOLDER / "ready").exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        install = subprocess.run(
            [python, "-m", "pip", "install", "-q", REQUIREMENT],
            capture_output=True,
            text=True,
            check=False,
        )
        if install.returncode:
            needed(f"{REQUIREMENT} from PyPI: {install.stderr[-300:]}")
        (FOLDER / "ready").touch()
    return python


def run(python: Path, program: str, *arguments: object) -> str:
    """What a program prints that runs in it, in UTC."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
