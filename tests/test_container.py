"""What the container installs: one version of each package, by hash, within its bounds."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

LOCKED = ROOT / "container-requirements.txt"
PIN = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.+!]+)(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


def pins() -> dict[str, str]:
    """Version by name; each requirement is one version and at least one hash, nothing else."""
    text = LOCKED.read_text(encoding="utf-8").replace(" \\\n   ", "")
    found = [PIN.fullmatch(line) or pytest.fail(f"not a pin: {line}") for line in text.splitlines()]
    assert len({canonicalize_name(one["name"]) for one in found}) == len(found)
    return {canonicalize_name(one["name"]): one["version"] for one in found}


def test_each_requirement_has_a_version_within_its_bounds() -> None:
    tool = [sys.executable, ROOT / "tools" / "requirements.py"]
    said = subprocess.run(tool, capture_output=True, check=True, text=True).stdout
    required = [Requirement(line) for line in said.splitlines()]
    assert {"luigi", "xarray", "setuptools"} <= {one.name for one in required}
    locked = pins()
    for one in required:
        assert one.specifier.contains(locked[canonicalize_name(one.name)]), f"{one}: `make lock`"


def test_the_container_installs_nothing_without_hashes() -> None:
    words = (ROOT / "Containerfile").read_text(encoding="utf-8")
    installs = [line for line in re.split(r"\n|&&", words) if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_the_container_is_given_what_it_copies() -> None:
    words = (ROOT / "Containerfile").read_text(encoding="utf-8")
    allowed = (ROOT / ".containerignore").read_text(encoding="utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", words, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in allowed
