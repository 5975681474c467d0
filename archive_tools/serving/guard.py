"""What every request passes: its method, its host, its token; and what every answer has: headers of
security and a line in the log of accesses.

The line has the address without its parameters, and no header: no token can be in it.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tools.core.errors import TokioError
from archive_tools.core.printable import clean
from archive_tools.serving import tokens
from archive_tools.serving.answers import Answer, problem

log = logging.getLogger("tokio.serve")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

METHODS = ("GET", "HEAD")
LONGEST_SHOWN = 300
"""Characters of an address in the log."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""What a page may load: what is in the archive, from this server. Its own policy may say less."""
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "private, no-cache",
    "vary": "authorization",
}
"""Of every answer."""
LOCAL_NAMES = ("localhost",)


@dataclass(frozen=True)
class Access:
    """Who may read.

    Attributes
    ----------
    token : str
        "" where none is needed.
    hosts : tuple of str
        Names by which clients may call the server, beside addresses of this machine itself.
    any_host : bool
        Whether any name will do: a token is needed, and clients come from elsewhere.
    """

    token: str = ""
    hosts: tuple[str, ...] = ()
    any_host: bool = False

    def knows_host(self, given: str) -> bool:
        """Whether a header ``Host`` names this server: a page of another site, whose name leads to
        this machine, cannot read the archive.
        """
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", given, re.ASCII)
        if match is None:
            return False
        name = match[1].lower().strip("[]").rstrip(".")
        if self.any_host or name in (*LOCAL_NAMES, *(one.lower() for one in self.hosts)):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def guarded(app: App, access: Access, root: Path) -> App:
    """An ASGI application, of which only who may read gets an answer."""

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun, told = time.monotonic(), {"status": 0, "bytes": 0}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                message["headers"] = [*message["headers"], *_absent(message["headers"])]
            await send(message)
            told["bytes"] += len(message.get("body", b""))

        try:
            refused = _refused(scope, access, root)
            await (_sent(refused, sending) if refused else app(scope, receive, sending))
        finally:
            _note(scope, told, time.monotonic() - begun)

    return run


def _absent(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in headers}
    return [
        (name.encode(), text.encode())
        for name, text in HEADERS.items()
        if name.encode() not in there
    ]


def _refused(scope: Message, access: Access, root: Path) -> Answer | None:
    """Why a request is not answered."""
    if scope["method"] not in METHODS:
        error = TokioError("the archive is only read", expected=" or ".join(METHODS))
        return problem(405, error, root, {"allow": ", ".join(METHODS)})
    hosts = _all(scope, b"host")
    if len(hosts) != 1 or not access.knows_host(hosts[0].decode("latin-1")):
        return problem(
            421,
            TokioError(
                "the server is not called by a name of its own",
                expected=", ".join([*LOCAL_NAMES, "127.0.0.1", "[::1]", *access.hosts]),
                hint="tokio-archive serve --allow-host NAME allows one",
            ),
            root,
        )
    given = _all(scope, b"authorization")
    if access.token and not (len(given) == 1 and tokens.is_given(given[0], access.token)):
        error = TokioError("the token is missing or wrong", hint="send it as Bearer or Basic")
        return problem(401, error, root, {"www-authenticate": 'Basic realm="archive", Bearer'})
    return None


def _all(scope: Message, name: bytes) -> list[bytes]:
    return [text for key, text in scope["headers"] if key == name]


async def _sent(answer: Answer, send: Send) -> None:
    headers = {"content-type": answer.media_type, "content-length": str(answer.size)}
    raw = [(name.encode(), text.encode()) for name, text in (headers | answer.headers).items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"".join(answer.chunks())})


def _note(scope: Message, told: MutableMapping[str, int], seconds: float) -> None:
    client = (scope.get("client") or ["-"])[0]
    address = clean(scope.get("raw_path", b"").decode("latin-1"))[:LONGEST_SHOWN]
    log.info(
        "%s %s %s %d, %d bytes, %.0f ms",
        clean(str(client)),
        clean(scope["method"])[:20],
        address,
        told["status"],
        told["bytes"],
        1000 * seconds,
    )
