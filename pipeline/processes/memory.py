"""Memory that is freed goes back to the system.

A day's figures are arrays of tens of megabytes that come and go. The C library keeps blocks of up
to 32 MiB for later, between others that are in use, and Arrow's own pool keeps any: some hundred
megabytes that nobody uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

M_MMAP_THRESHOLD = -3
"""Of glibc's ``mallopt``: blocks of at least so many bytes are the system's."""
LARGE = 1 << 21


def give_back_large_blocks() -> None:
    """From now on blocks of `LARGE` bytes go back when they are freed, where the C library can."""
    with contextlib.suppress(AttributeError, OSError):  # not glibc's
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def take_from_the_c_library() -> None:
    """Arrow, imported later, has no pool of its own, unless its variable says otherwise."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
