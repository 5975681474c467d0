"""Which components are meant: names, patterns with ``*`` and ``?``, regular expressions, or a list
of these.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence

from archive_tools.core.components import component_order
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.core.quantities import counted

Components = str | re.Pattern[str] | Sequence[str | re.Pattern[str]]
"""A name, a shell pattern, a compiled regular expression for whole names, or a list of these."""
EXPECTED = "a name, a pattern such as 'OST00*', or a compiled regular expression"


def listed(wanted: Components) -> tuple[str | re.Pattern[str], ...]:
    """What is wanted, one after the other; a name or pattern alone is a list of one.

    Raises
    ------
    BadArgument
        It is none, or nothing.
    """
    if isinstance(wanted, str | re.Pattern):
        return (wanted,)
    if not isinstance(wanted, Iterable):
        raise BadArgument(f"{wanted!r} is not a component", expected=EXPECTED)
    found = tuple(wanted)
    if not found:
        raise BadArgument(
            "the list of components is empty", expected=EXPECTED, hint="leave it out to read all"
        )
    for one in found:
        if not isinstance(one, str | re.Pattern):
            raise BadArgument(f"{one!r} is not a component", expected=EXPECTED)
    return found


def unmatched(names: Iterable[str], wanted: Components) -> tuple[str | re.Pattern[str], ...]:
    """What is wanted and matches none of the names."""
    there = set(names)
    return tuple(one for one in listed(wanted) if not chosen(there, one))


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
    for one in listed(wanted):
        found.update(dict.fromkeys(_matches(there, one)))
    return list(found)


def _matches(names: Sequence[str], one: str | re.Pattern[str]) -> list[str]:
    if isinstance(one, re.Pattern):
        return [name for name in names if one.fullmatch(name)]
    return [one] if one in names else [name for name in names if fnmatch.fnmatchcase(name, one)]


def absent(names: Iterable[str], wanted: Components, where: str) -> NotFound:
    """The error for components that are not there."""
    there = sorted(set(names), key=component_order)
    requested = [
        one.pattern if isinstance(one, re.Pattern) else one or repr(one) for one in listed(wanted)
    ]
    near = [name for one in requested for name in difflib.get_close_matches(one, there, 3)]
    shown = there if len(there) <= 8 else [*there[:4], "…", *there[-3:]]
    hint = f"near: {', '.join(dict.fromkeys(near))}" if near else ""
    return NotFound(
        f"no component {', '.join(requested)} in {where}",
        expected=f"{counted(len(there), 'component')}: {', '.join(shown)}",
        hint=hint,
    )
