"""Secrets: out of the environment or a file, never out of site.json."""

from __future__ import annotations

import os
from pathlib import Path

from archive_tools.core.errors import SourceError
from pipeline.sources._shared import rights


def secret(env: str, file: str, what: str) -> str:
    """The secret that an environment variable or a file holds; "" where neither is named.

    Raises
    ------
    SourceError
        The variable is not set, or the file cannot be read.
    """
    if env:
        if env not in os.environ:
            raise SourceError(f"environment variable {env} is not set", hint=f"it holds {what}")
        return os.environ[env]
    if file:
        try:
            return Path(file).read_text("utf-8").strip()
        except PermissionError:
            raise rights.may_not(f"{what}: file {file}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{what}: file {file} cannot be read: {error}") from None
    return ""
