"""Print the lowest versions that setup.cfg allows, as constraints for pip: NAME==VERSION.

    python tools/lower_bounds.py > lowest.txt
    pip install --constraint lowest.txt '.[all]'

Extras that are named as arguments are added to the base; without any, `all` is.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "setup.cfg"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[(?P<extras>[\w,-]+)\])?(?P<bounds>[<>=!~].*)?")
LOWEST = re.compile(r">=\s*([\w.]+)")


def requirements(setup: configparser.ConfigParser, extra: str = "") -> Iterator[tuple[str, str]]:
    """Name and bounds of what the base, or an extra, requires; extras of extras are expanded."""
    text = setup["options.extras_require"][extra] if extra else setup["options"]["install_requires"]
    for line in filter(None, map(str.strip, text.splitlines())):
        found = REQUIREMENT.fullmatch(line)
        assert found, f"{SETUP}: {line!r} is not a requirement"
        if found["name"] == setup["metadata"]["name"]:
            for inner in found["extras"].split(","):
                yield from requirements(setup, inner)
        else:
            yield found["name"], found["bounds"] or ""


def lower_bounds(extras: Sequence[str]) -> dict[str, str]:
    """Lowest version of each package of the base and of some extras."""
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")
    lowest = {}
    for extra in ("", *extras):
        for name, bounds in requirements(setup, extra):
            found = LOWEST.search(bounds)
            assert found, f"{SETUP}: {name} has no lower bound"
            lowest[name] = found[1]
    return lowest


if __name__ == "__main__":
    for name, version in lower_bounds(sys.argv[1:] or ["all"]).items():
        print(f"{name}=={version}")
