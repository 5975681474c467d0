"""The account that this process runs as, for messages about rights."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The name of the account whose rights count; its number where it has no name.

    It is not what the environment says: under cron and sudo that may be somebody else.
    """
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
