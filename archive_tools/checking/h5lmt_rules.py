"""Rules of H5LMT files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from archive_tools.checking.problems import Expected, Problem, Rule
from archive_tools.checking.tts_rules import growing
from archive_tools.formats.h5lmt_read import STEPS

# H5LMT


def steps(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Time stamps grow by one timestep."""
    yield from growing(f"{path}: {STEPS}", np.asarray(file[STEPS][...], dtype=np.int64))


def components(path: Path, file: h5py.File, expected: Expected | None) -> Iterator[Problem]:
    """Datasets have as many rows as their attribute has names, and times for all but one of
    them.
    """
    for group in file.values():
        for item in group.values():
            names = next(
                (
                    item.attrs[key]
                    for key in ("OSTNames", "OSSNames", "OpNames")
                    if key in item.attrs
                ),
                None,
            )
            if names is not None and len(names) != len(item):
                yield Problem(
                    "columns", f"{path}: {item.name}", f"{len(item)} rows for {len(names)} names"
                )
            if abs(item.shape[-1] - len(file[STEPS])) > 1:
                yield Problem(
                    "time stamps",
                    f"{path}: {item.name}",
                    f"{item.shape[-1]} values for {len(file[STEPS])} time stamps",
                )


H5LMT_RULES: tuple[Rule, ...] = (steps, components)
