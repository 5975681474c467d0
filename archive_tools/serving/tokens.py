"""The token without which a server for others answers nothing."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path

from archive_tools.core.errors import BadArgument
from archive_tools.core.private_files import check_private

ENVIRONMENT = "TOKIO_SERVE_TOKEN"
SHORTEST, LONGEST = 16, 1024
_HINT = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


def read_token(path: Path | None) -> str:
    """The token in a file, else that of the environment; "" where there is neither.

    Raises
    ------
    BadArgument
        Others may read the file, or what it holds is not a token.
    """
    if path is None:
        text = os.environ.get(ENVIRONMENT, "")
        return _checked(text, f"${ENVIRONMENT}") if text else ""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadArgument(f"the token {path} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        check_private(
            handle, f"the token {path}", "chmod 600; if others have read it, take a new token"
        )
        return _checked(file.read(LONGEST + 2).decode("ascii", "replace"), str(path))


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not SHORTEST <= len(token) <= LONGEST or not all("!" <= one <= "~" for one in token):
        raise BadArgument(
            f"{where} does not hold a token",
            expected=f"{SHORTEST} to {LONGEST} printable ASCII characters without spaces",
            got=f"{len(token)} characters",
            hint=_HINT,
        )
    return token


def is_given(authorization: bytes, token: str) -> bool:
    """Whether a header ``Authorization`` has the token: as Bearer, or as Basic's password, whatever
    the user. It takes as long for a wrong one as for the right one.
    """
    scheme, _, given = authorization.partition(b" ")
    given = given.strip()
    if scheme.lower() == b"basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            given = b""
    elif scheme.lower() != b"bearer":
        given = b""
    return hmac.compare_digest(given, token.encode())
