"""The grammar of Darshan log names: whose log it is, of which job and program."""

from __future__ import annotations


def log_identity(filename: str, exename: str) -> tuple[str, str]:
    """User and job id in a log's file name, "" where it has none.

    Names are ``<user>_<exe>_id<jobid>[-<pid>]_<month>-<day>-<second>-<random>[_<n>].darshan``; both
    the user's and the program's name may hold underscores, so the program's is taken off first.
    """
    head, mark, tail = filename.rpartition("_id")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    if not mark or not digits:
        return "", ""
    if exename and head.endswith(f"_{exename}"):
        return head[: -len(exename) - 1], digits
    return head.partition("_")[0], digits
