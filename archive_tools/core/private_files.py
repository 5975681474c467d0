"""Files with a secret: nobody but their owner may read them."""

from __future__ import annotations

import os
import stat

from archive_tools.core.errors import BadArgument


def check_private(handle: int, what: str, hint: str) -> None:
    """Refuse an open file that others than its owner may read, or that is not a file.

    Parameters
    ----------
    handle : int
        Its descriptor: what is checked is what is read.
    what : str
        What it is, with its path, for the message.
    hint : str
        What to do where others may have read it.

    Raises
    ------
    BadArgument
        It is not a regular file, or the group or others have a right to it.
    """
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise BadArgument(
            f"{what} is not a file that only its owner may read",
            expected="mode 0600",
            got=f"mode {stat.S_IMODE(mode):04o}",
            hint=hint,
        )
