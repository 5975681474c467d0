"""Comments in `site.json`: JSON has none, so keys that begin with ``//`` are taken for some.

The pipeline and the readers leave them out alike. Nothing else of the file is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

COMMENT = "//"
"""How keys of comments begin; a key with this before its name is switched off with its value."""


def without_comments(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The members of a JSON object that are not comments, as an `object_pairs_hook` is given
    them.
    """
    return [(key, value) for key, value in pairs if not key.startswith(COMMENT)]
