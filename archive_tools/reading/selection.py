"""Which components are meant: names, patterns with ``*`` and ``?``, regular expressions, or a list
of these.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence

from archive_tools.core.components import component_order
from archive_tools.core.errors import NotFound, TokioError

Components = str | re.Pattern[str] | Sequence[str | re.Pattern[str]]
"""A name, a shell pattern, a compiled regular expression for whole names, or a list of these."""


def chosen(names: Iterable[str], wanted: Components | None) -> list[str]:
    """The names that are wanted.

    Parameters
    ----------
    names : iterable of str
    wanted : str, re.Pattern, sequence of these, or None
        None is all. A name that is there as it is counts before the same text as a pattern.

    Returns
    -------
    list of str
        In the order of `wanted`; those that one pattern brings in the order of components. All of
        them: as they are.
    """
    if wanted is None:
        return list(names)
    there = sorted(set(names), key=component_order)
    found: dict[str, None] = {}
    for one in [wanted] if isinstance(wanted, str | re.Pattern) else wanted:
        found.update(dict.fromkeys(_matches(there, one)))
    return list(found)


def _matches(names: Sequence[str], one: str | re.Pattern[str]) -> list[str]:
    if isinstance(one, re.Pattern):
        return [name for name in names if one.fullmatch(name)]
    if not isinstance(one, str):
        raise TokioError(
            f"{one!r} is not a component",
            expected="a name, a pattern such as 'OST00*', or a compiled regular expression",
        )
    return [one] if one in names else [name for name in names if fnmatch.fnmatchcase(name, one)]


def absent(names: Iterable[str], wanted: Components, where: str) -> NotFound:
    """The error for components of which none is there."""
    there = sorted(set(names), key=component_order)
    requested = [
        one.pattern if isinstance(one, re.Pattern) else str(one)
        for one in ([wanted] if isinstance(wanted, str | re.Pattern) else wanted)
    ]
    near = [name for one in requested for name in difflib.get_close_matches(one, there, 3)]
    shown = there if len(there) <= 8 else [*there[:4], "…", *there[-3:]]
    hint = f"near: {', '.join(dict.fromkeys(near))}" if near else ""
    return NotFound(
        f"no component {', '.join(requested)} in {where}",
        expected=f"{len(there)} components: {', '.join(shown)}",
        hint=hint,
    )
