"""Users as people read them. A user is a uid with its name: names may be cut, or given anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

UID = "CASE WHEN uid >= 0 THEN uid END"
"""SQL: the uid in a table of logs; NULL where it is not known."""
User = tuple[int | None, str | None]
"""Uid, and name; either may be unknown: None or below 0, None or empty."""


def shown_users(users: Iterable[User]) -> dict[User, str]:
    """What each user is called: the name, with the uid where users of several uids have it; the
    uid where the name is not known, and "" where neither is.
    """
    found = list(users)
    uids = defaultdict(set)
    for uid, name in found:
        uids[name].add(_known(uid))
    return {user: _shown(*user, is_shared=len(uids[user[1]]) > 1) for user in found}


def _known(uid: int | None) -> int | None:
    return None if uid is None or uid < 0 else uid


def _shown(uid: int | None, name: str | None, *, is_shared: bool) -> str:
    if _known(uid) is None:
        return name or ""
    if not name:
        return str(uid)
    return f"{name} ({uid})" if is_shared else name
