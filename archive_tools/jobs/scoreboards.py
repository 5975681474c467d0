"""Who moved most bytes, by the Darshan indexes of many days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archive_tools.core.errors import BadArgument
from archive_tools.core.sums import sql_halves, sum_of_halves
from archive_tools.formats.index_file import connected
from archive_tools.jobs import index_accounts
from archive_tools.jobs.job_tables import KEY
from archive_tools.jobs.users import UID

BY = {"user": ("username", UID), "exe": ("exename",), "fs": ("fsname",)}
"""What a scoreboard can be of, and the index's columns: the name, and of a user the uid."""
OF_SCHEDULER = {
    name: f"{function}({', '.join(KEY)})" for name, function in index_accounts.FUNCTIONS.items()
}
"""What a scoreboard can be of, and be limited to, of indexes of an archive with a scheduler."""
ALL_BY = BY | {name: (expression,) for name, expression in OF_SCHEDULER.items()}
_FILTERED = {
    **{"fs": ("fsname", "mountpt"), "user": ("username",), "exe": ("exename",)},
    **{name: (expression,) for name, expression in OF_SCHEDULER.items()},
}
TABLES = "summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)"


@dataclass(frozen=True)
class Filter:
    """What a scoreboard counts.

    Attributes
    ----------
    limit, exclude : mapping of str to sequence of str
        By key of `choices.SCOREBOARD_FILTERS` and `OF_SCHEDULER`: shell patterns, of which one
        must match, or none may. An empty sequence requests nothing.
    """

    limit: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exclude: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def condition(self) -> tuple[str, list[str]]:
        """An SQL condition, and what is bound to its marks."""
        terms, bound = ["1"], []
        for reported, negation in ((self.limit, ""), (self.exclude, "NOT ")):
            for key, patterns in reported.items():
                tests = [
                    f"COALESCE({column}, '') GLOB ?" for column in _FILTERED[key] for _ in patterns
                ]
                if tests:
                    terms.append(f"{negation}({' OR '.join(tests)})")
                    bound += [*patterns] * len(_FILTERED[key])
        return " AND ".join(terms), bound


@dataclass(frozen=True)
class Score:
    """What one user, program or file system moved.

    Attributes
    ----------
    name : str
    logs : int
    read, written : int
        Bytes.
    uid : int, optional
        Of a user, where it is known.
    """

    name: str
    logs: int
    read: int
    written: int
    uid: int | None = None


def scoreboard(
    indexes: Iterable[str | Path], by: str, *, only: Filter | None = None
) -> list[Score]:
    """Who moved most bytes, over all indexes together, most first.

    Parameters
    ----------
    indexes : iterable of path
        Ours, or pytokio's own.
    by : {'user', 'exe', 'fs', 'account', 'partition'}
    only : Filter, optional
        Default: everything counts.
    """
    if by not in ALL_BY:
        raise BadArgument(f"a scoreboard of {by!r} is not known", expected=", ".join(ALL_BY))
    scores = [
        Score(name, logs, read, written, int(uid[0]) if uid and uid[0] else None)
        for (name, *uid), (logs, read, written) in totals(
            indexes, ALL_BY[by], only or Filter()
        ).items()
    ]
    return sorted(scores, key=lambda one: (-one.read - one.written, one.name, one.uid or 0))


def totals(
    indexes: Iterable[str | Path], columns: Sequence[str], only: Filter
) -> dict[tuple[str, ...], list[int]]:
    """Logs, bytes read and bytes written by the values of some columns of the index, over all
    indexes together.

    Parameters
    ----------
    columns : sequence of str
        Of headers and mounts, or expressions; the caller's own text, for it becomes part of the
        query.

    Returns
    -------
    dict of tuple of str to list of int
        The values as text; NULL is "".
    """
    condition, bound = only.condition()
    names = ", ".join(columns)
    sums = ", ".join([*sql_halves("bytes_read"), *sql_halves("bytes_written")])
    query = (
        f"SELECT {names}, COUNT(DISTINCT log_id), {sums} FROM {TABLES}"
        f" WHERE {condition} GROUP BY {names}"
    )
    found: dict[tuple[str, ...], list[int]] = {}
    for path in indexes:
        with connected(path) as connection:
            if any(expression in query for expression in OF_SCHEDULER.values()):
                index_accounts.add_functions(connection, Path(path))
            for row in connection.execute(query, bound):
                key = tuple("" if value is None else str(value) for value in row[:-5])
                total = found.setdefault(key, [0, 0, 0])
                logs, *halves = row[-5:]
                own = (logs, sum_of_halves(*halves[:2]), sum_of_halves(*halves[2:]))
                total[:] = [before + number for before, number in zip(total, own, strict=True)]
    return found
