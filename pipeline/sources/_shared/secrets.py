"""Secrets: out of the environment or a file, never out of site.json, and never into a text.

Every secret that was read in this process is known here. `struck` replaces it by ``***`` in text
that came from outside: as it is, percent-encoded, escaped for JSON, HTML, Python or
quoted-printable, in hex, in base64 alone or with what is around it, also where these are mixed. Not
found is what was encoded twice in other ways than these, compressed or encrypted.

A secret shorter than `SHORT` characters is struck only where it is a whole word, or every text
would be stars; so give longer ones.
"""

from __future__ import annotations

import base64
import contextlib
import html.entities
import logging
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archive_tools.core import printable
from archive_tools.core.errors import SourceError, TokioError
from pipeline.processes import own_environment
from pipeline.sources._shared import rights

STARS = "***"
SHORT = 8
"""Characters from which on a secret is struck within words."""
UNMISTAKABLE = 12
"""Characters from which on a secret that is not letters alone is in no text by chance."""
HEAD = 64
"""Characters by which a longer secret is found; what follows them up to a blank goes too."""
LONGEST_SHOWN = 300
"""Characters of a text from outside that a message shows."""
LONGEST_LOOKED_AT = 1 << 13
REST = r"[^\s\"'<>,;\\]*"
BREAK = r"(?:=(?:\r?\n|(?:\\+r)?\\+n))?"
"""A soft line end of quoted-printable, as it is or escaped."""
BASE64 = r"[A-Za-z0-9+/_=-]{0,4}"
_patterns: dict[str, re.Pattern[str]] = {}
_sure: dict[str, re.Pattern[str]] = {}


def secret(env: str, file: str, what: str) -> str:
    """The secret that an environment variable or a file holds; "" where neither is named.

    Raises
    ------
    SourceError
        The variable is not set, or the file cannot be read.
    """
    found = ""
    if env:
        value = own_environment.variable(env)
        if value is None:
            raise SourceError(f"environment variable {env} is not set", hint=f"it holds {what}")
        found = value
    elif file:
        try:
            found = Path(file).read_text("utf-8").strip()
        except PermissionError:
            raise rights.may_not(f"{what}: file {file}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{what}: file {file} cannot be read: {error}") from None
    remember(found)
    return found


def remember(found: str, user: str = "") -> None:
    """Know a secret from now on, and what basic authentication makes of it with a user's name."""
    if not found:
        return
    _remember(found, by_chance=found.isalpha())
    if user:
        pair = f"{user}:{found}"
        _remember(pair)
        _remember(base64.b64encode(pair.encode("utf-8", "surrogatepass")).decode())


def _remember(found: str, *, by_chance: bool = False) -> None:
    if found not in _patterns:
        _patterns[found] = _pattern(found)
    if len(found) >= UNMISTAKABLE and not by_chance:
        _sure[found] = _patterns[found]


def forget() -> None:
    """Know none: for tests."""
    _patterns.clear()
    _sure.clear()


def struck(text: str) -> str:
    """A text without the secrets that are known, also where it breaks off within one."""
    text = _without(text, _patterns)
    for found in _patterns:
        if len(found) >= SHORT:
            text = _without_beginning_at_end(text, found)
    return text


def shown(text: str | bytes, longest: int = LONGEST_SHOWN) -> str:
    """A text from outside as a message shows it: struck, shortened, without control characters."""
    if isinstance(text, bytes):
        text = text[:LONGEST_LOOKED_AT].decode("utf-8", "replace")
    clean = printable.clean(struck(text[:LONGEST_LOOKED_AT]).strip())
    return clean if len(clean) <= longest else f"{clean[:longest]}..."


def struck_in(content: Any) -> Any:
    """JSON without the secrets that cannot be in it by chance: the last net below what is
    archived, where a word that happens to be a password must remain.
    """
    if isinstance(content, str):
        return _without(content, _sure)
    if isinstance(content, dict):
        return {struck_in(key): struck_in(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [struck_in(value) for value in content]
    return content


def is_repeated_in(content: bytes) -> bool:
    """Whether an answer holds what was sent to authenticate, or a secret that cannot be in it by
    chance: it is looked for as it is, quoted, and in base64, quickly, for answers are large.
    """
    return any(form in content for found in _sure for form in _plain_forms(found))


@contextlib.contextmanager
def struck_errors() -> Iterator[None]:
    """Errors of the block have no secrets: neither they nor those that they were raised from."""
    try:
        yield
    except Exception as error:
        if not _patterns:
            raise
        whole = "".join(traceback.format_exception(error))
        if struck(whole) == whole:
            raise
        raise _struck_error(error) from None


class StruckFilter(logging.Filter):
    """Strikes the secrets out of log lines and their tracebacks; for handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _patterns:
            record.msg, record.args = struck(record.getMessage()), ()
            if record.exc_info:
                lines = traceback.format_exception(*record.exc_info)
                record.exc_text, record.exc_info = struck("".join(lines).rstrip()), None
        return True


def _without(text: str, patterns: dict[str, re.Pattern[str]]) -> str:
    for found in sorted(patterns, key=len, reverse=True):
        text = patterns[found].sub(STARS, text)
    return text


def _without_beginning_at_end(text: str, found: str) -> str:
    """A text that breaks off within a secret, without the part of it."""
    for size in range(min(len(found), len(text)), SHORT - 1, -1):
        if text.endswith(found[:size]):
            return text[:-size] + STARS
    return text


def _struck_error(error: Exception) -> Exception:
    if not isinstance(error, TokioError):
        return SourceError(f"{type(error).__name__}: {struck(str(error))}")
    error.args = tuple(struck(str(one)) for one in error.args)
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, struck(value))
    error.__notes__ = []
    error.__cause__ = error.__context__ = None
    return error


# Forms of a secret


def _pattern(found: str) -> re.Pattern[str]:
    raw, rest = found.encode("utf-8", "surrogatepass"), REST if len(found) > HEAD else ""
    itself = BREAK.join(_one_of(c) for c in found[:HEAD]) + rest
    in_hex = f"(?i:{raw[:HEAD].hex()})" + (r"[0-9a-fA-F]*" if rest else "")
    in_base64 = [_joined(text) + (rest or BASE64) for text in _base64_forms(raw)]
    if len(found) >= SHORT:
        return re.compile("|".join([itself, in_hex, *in_base64]))
    whole = "|".join([itself, in_hex, _joined(base64.b64encode(raw).decode())])
    return re.compile(rf"(?<![A-Za-z0-9])(?:{whole})(?![A-Za-z0-9])")


def _base64_forms(raw: bytes) -> list[str]:
    """What base64 makes of bytes in the middle of others, by where they begin: without the
    characters that others are in too.
    """
    found = []
    for before, dropped in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        whole = (before + len(raw)) * 8 // 6
        found.append(text[dropped:whole][:HEAD])
    return found


def _joined(text: str) -> str:
    return "".join(_one_of(c) for c in text)


def _one_of(c: str) -> str:
    """A character, in any way in which it may be written."""
    raw = c.encode("utf-8", "surrogatepass")
    units = c.encode("utf-16-be", "surrogatepass")
    in_units = [units[n : n + 2].hex() for n in range(0, len(units), 2)]
    forms = [
        re.escape(c),
        "".join(rf"(?:%(?:25)*|=|\\+x)(?i:{byte:02x})" for byte in raw),
        "".join(rf"\\+u(?i:{unit})" for unit in in_units),
        rf"&#(?:0*{ord(c)}|[xX]0*(?i:{ord(c):x}));",
    ]
    if not c.isalnum():
        forms.append(rf"\\+{re.escape(c)}")
    if name := html.entities.codepoint2name.get(ord(c), {"'": "apos"}.get(c)):
        forms.append(f"&{name};")
    forms += {" ": [r"\+"], "+": ["-"], "/": ["_"]}.get(c, [])
    return f"(?:{'|'.join(forms)})"


def _plain_forms(found: str) -> set[bytes]:
    raw = found.encode("utf-8", "surrogatepass")
    in_json = found.translate({ord(c): f"\\{c}" for c in '"\\'}).encode("utf-8", "surrogatepass")
    return {raw, in_json, *(text.encode() for text in _base64_forms(raw))}
