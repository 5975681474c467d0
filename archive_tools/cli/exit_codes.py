"""Exit codes of the commands that read, and the error of a wrong command."""

from __future__ import annotations

from archive_tools.core.errors import TokioError

DONE, NOT_THERE, WRONG = 0, 1, 2
"""Exit codes: done; not there or cannot be read (or `check` found problems); wrong command."""


class WrongCommand(TokioError):
    """The arguments do not go together."""
