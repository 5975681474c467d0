"""Records of Darshan modules made by hand."""

from __future__ import annotations

import numpy as np

from pipeline.model import Records

POSIX = ("POSIX_BYTES_READ", "POSIX_BYTES_WRITTEN", "POSIX_OPENS", "POSIX_MMAPS")
STDIO = ("STDIO_BYTES_READ", "STDIO_BYTES_WRITTEN", "STDIO_OPENS")
TIMES = tuple(
    f"F_{what}_{edge}_TIMESTAMP"
    for what in ("OPEN", "READ", "WRITE", "CLOSE")
    for edge in ("START", "END")
)


def records(module: str, rows: list[tuple[int, int, list[int], list[float]]]) -> Records:
    """From (log, file, counters, time stamps)."""
    names = POSIX if module == "POSIX" else STDIO
    return Records(
        module,
        names,
        tuple(f"{module}_{name}" for name in TIMES),
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.uint64),
        np.array([row[2] for row in rows], dtype=np.int64).reshape(-1, len(names)),
        np.array([row[3] for row in rows], dtype=np.float64).reshape(-1, len(TIMES)),
    )


NEVER = [0.0] * len(TIMES)
