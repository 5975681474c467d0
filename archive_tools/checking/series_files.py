"""Whether a file of time series (ours, pytokio's, pyLMT's) is whole: the rules of its format, then
its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from archive_tools.checking.cell_checks import check_values
from archive_tools.checking.h5lmt_rules import H5LMT_RULES
from archive_tools.checking.problems import Expected, Problem, error_text, guarded
from archive_tools.checking.tts_rules import OWN_RULES, TTS_RULES, is_ours
from archive_tools.formats.h5lmt_read import STEPS
from archive_tools.formats.identity import DAMAGE


def check_series(
    path: Path, expected: Expected | None = None, *, deep: bool = False
) -> Iterator[Problem]:
    """Problems of a file of time series.

    Parameters
    ----------
    path : pathlib.Path
    expected : Expected, optional
        What its place in the archive says of it.
    deep : bool
        Also read all values through h5py alone, and compare.
    """
    try:
        file = h5py.File(path, "r")
    except DAMAGE as error:
        yield Problem("cannot be opened", str(path), str(error))
        return
    try:
        with file:
            rules = H5LMT_RULES if STEPS in file else OWN_RULES if is_ours(file) else TTS_RULES
            for rule in rules:
                yield from guarded(rule, path, file, expected)
    except DAMAGE as error:  # also when it is closed
        yield Problem("damaged", str(path), error_text(error))
        return
    yield from check_values(path, expected.measured if expected else {}, deep=deep)
