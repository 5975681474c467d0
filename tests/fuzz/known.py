"""Faults that are not mended yet: they are not reported again.

`known.txt` has a line for each: target, a tab, how the signature begins. An input that shows it is
in tests/fuzz/open; `python -m tests.fuzz.replay tests/fuzz/open/*/*` says which still do. Once one
is mended, its line goes, and its input moves to tests/fuzz/faults.
"""

from __future__ import annotations

from pathlib import Path

KNOWN = Path(__file__).with_name("known.txt")


def is_known(name: str, signature: str) -> bool:
    """Whether a target's fault is a known one."""
    lines = KNOWN.read_text("utf-8").splitlines() if KNOWN.is_file() else []
    pairs = [line.split("\t", 1) for line in lines if "\t" in line]
    return any(target == name and signature.startswith(known) for target, known in pairs)
