"""A server for the application: its socket, its connections, its end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from archive_tools.core.errors import ArchiveError, BadArgument
from archive_tools.core.extras import needs_extra
from archive_tools.serving.guard import App
from archive_tools.serving.limits import Limits

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 128
SEND_BUFFER = 1 << 17
"""Bytes that the system holds of an answer."""
LOOKS = 3
"""How often a connection is looked at before it is taken for one without a client."""
END_SECONDS = 10
"""How long answers under way may take once the server is told to end."""


def bound(host: str, port: int, limits: Limits) -> socket.socket:
    """A socket at an address of this machine. What clients do not take is held by the system in
    small amounts, and not for long.

    Raises
    ------
    BadArgument
        There is no such address.
    ArchiveError
        It is taken, or may not be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise BadArgument(f"{host!r} is not an address of this machine: {error}") from None
    family, kind, protocol, _, address = found[0]
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(socket.socket(family, kind, protocol))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * limits.idle))
        try:
            made.bind(address)
        except OSError as error:
            raise ArchiveError(
                f"{host} port {port} cannot be listened to: {error.strerror}",
                hint="give another --port",
            ) from error
        made.listen(BACKLOG)
        stack.pop_all()
    return made


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine can reach a socket: by its address, not by a name."""
    return ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def address_of(listening: socket.socket) -> str:
    """A socket's address, as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(app: App, listening: socket.socket, limits: Limits, ready: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT; those under way are answered before the end.

    Parameters
    ----------
    app : ASGI application
    listening : socket.socket
    limits : Limits
    ready : callable
        Called when the server answers.
    """
    with needs_extra("serve", "tokio-archive serve"):
        import uvicorn

    early: list[int] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.should_exit = self.should_exit or bool(early)
            ready()

    config = uvicorn.Config(
        app,
        http=_connections(limits.idle),
        ws="none",
        lifespan="off",
        loop="asyncio",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=max(1, int(limits.idle)),
        timeout_graceful_shutdown=END_SECONDS,
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again at its end
        signal.signal(number, lambda caught, _: early.append(caught))
    Server(config).run(sockets=[listening])


def _connections(idle: float) -> type[H11Protocol]:
    """uvicorn's connections, ended where the client neither says nor takes anything for a time: of
    a request that is not whole, and of an answer that is not fetched.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._seen: tuple[object, ...] = ()
            self._looks = 0
            self._watch()

        def _watch(self) -> None:
            waits = self.transport.get_write_buffer_size()
            if self.transport.is_closing() and not waits:
                return
            is_answering = self.cycle is not None and not self.cycle.response_complete
            state = self.cycle, is_answering, waits
            is_same = state == self._seen and (waits or not is_answering)
            self._looks, self._seen = self._looks + 1 if is_same else 0, state
            if self._looks == LOOKS:
                self.transport.abort()
                return
            self.loop.call_later(idle / LOOKS, self._watch)

    return Connection
