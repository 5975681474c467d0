"""Print what the base and all extras require, and what builds the package, with bounds.

python tools/requirements.py | uv pip compile -
"""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

import lower_bounds


def bounded() -> list[str]:
    """Each requirement of the container's environment: NAME>=VERSION."""
    setup = configparser.ConfigParser()
    setup.read(lower_bounds.SETUP, encoding="utf-8")
    project = Path(lower_bounds.SETUP).with_name("pyproject.toml").read_text(encoding="utf-8")
    build: list[str] = tomllib.loads(project)["build-system"]["requires"]
    run = (
        f"{name}{bounds}"
        for extra in ("", "all")
        for name, bounds in lower_bounds.requirements(setup, extra)
    )
    return sorted({*build, *run})


if __name__ == "__main__":
    print("\n".join(bounded()))
