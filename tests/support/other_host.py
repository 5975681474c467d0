"""A Python module run as on another host: with a host name of its own.

    python -m tests.support.other_host NAME MODULE ARGUMENTS...

The kernel gives the process a UTS namespace, as root or in a user namespace of the account's own.
Where it does not, as in a container without the right to, the name is what the functions return by
which Python's programs learn it; Luigi's and our code have no other way.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import socket
import sys
from pathlib import Path

NEW_UTS, NEW_USER = 0x04000000, 0x10000000
"""Flags of unshare(2)."""


def rename_host(name: str) -> bool:
    """Give this process, and those that it starts, the host name; whether the kernel knows it."""
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if library.unshare(NEW_UTS | (NEW_USER if user else 0)):
            raise OSError(ctypes.get_errno(), "unshare")
        if user:
            for file, line in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                Path("/proc/self", file).write_text(line)
        socket.sethostname(name)
    except OSError:
        real = os.uname()
        named = os.uname_result((real.sysname, name, real.release, real.version, real.machine))
        os.uname = lambda: named
        socket.gethostname = lambda: name
        return False
    return True


if __name__ == "__main__":
    rename_host(sys.argv[1])
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
