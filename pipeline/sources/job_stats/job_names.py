"""Job ids as Lustre's ``jobid_name`` makes them, taken apart: ``%j``, ``%e.%u``, ``%e:%u:%h``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

CODES = {
    "j": r"(?P<jobid>[0-9]+(?:[._][0-9]+)?(?:\[[0-9]*\])?(?:\.[A-Za-z][A-Za-z0-9-]*)?)",
    "e": r"(?P<exe>.+?)",
    "u": r"(?P<uid>[0-9]{1,10})",
    "g": r"(?P<gid>[0-9]{1,10})",
    "h": r"(?P<host>[A-Za-z0-9._-]*)",
    "H": r"(?P<host>[A-Za-z0-9_-]*)",
    "p": r"(?P<pid>[0-9]{1,10})",
    "%": "%",
}
"""What each code stands for. A name is cut after 31 characters by old versions: a host may be cut.
"""
_CODE = re.compile(r"%(.?)")


class JobName(NamedTuple):
    """The parts of a job id; None is what its template does not have."""

    jobid: str | None = None
    uid: int | None = None
    gid: int | None = None
    exe: str | None = None
    host: str | None = None


def compiled(template: str) -> re.Pattern[str]:
    """What reads the ids that a template makes.

    Raises
    ------
    ValueError
        It has a code that is not known, the same twice, or none.
    """
    expression, at, codes = "", 0, list[str]()
    for match in _CODE.finditer(template):
        if match[1] not in CODES:
            raise ValueError(f"{match[0]} is not known in {template!r}: %{', %'.join(CODES)}")
        codes.append(match[1])
        expression += re.escape(template[at : match.start()]) + CODES[match[1]]
        at = match.end()
    named = [code.lower() for code in codes if code != "%"]
    if not named or len(set(named)) != len(named):
        raise ValueError(f"{template!r} must have some of %j %e %u %g %h %H %p, each once")
    return re.compile(expression + re.escape(template[at:]))


def parsed(name: str, templates: Sequence[re.Pattern[str]]) -> JobName | None:
    """The parts of an id by the first template that explains it; None where none does."""
    for template in templates:
        if match := template.fullmatch(name):
            found = match.groupdict()
            return JobName(
                found.get("jobid"),
                int(found["uid"]) if "uid" in found else None,
                int(found["gid"]) if "gid" in found else None,
                found.get("exe"),
                found.get("host") or None,
            )
    return None
