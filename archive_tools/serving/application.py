"""The ASGI application: addresses to operations and pages, errors to problem documents."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.core.errors import BadArgument, FormatError, InputChanged, NotFound, TokioError
from archive_tools.core.extras import needs_extra
from archive_tools.public import Archive
from archive_tools.serving import openapi, operations, pages
from archive_tools.serving.answers import Answer, json_answer, problem
from archive_tools.serving.guard import Access, App, guarded
from archive_tools.serving.limits import Deadline, Limits, TooBusy, TooLarge
from archive_tools.serving.workers import Workers

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("tokio.serve")

STATUS: tuple[tuple[type[TokioError], int], ...] = (
    (TooLarge, 413),
    (TooBusy, 503),
    (InputChanged, 503),
    (BadArgument, 400),
    (NotFound, 404),
    (FormatError, 409),
)
"""What is answered to whom nothing can be given, the first that is right; 409: a file is
damaged.
"""
RETRY = {"retry-after": "5"}


def application(root: Path, access: Access, limits: Limits) -> App:
    """The archive in a folder as an ASGI application.

    Raises
    ------
    MissingPackage
        Starlette is not installed.
    """
    with needs_extra("serve", "tokio-archive serve"):
        from starlette.applications import Starlette
        from starlette.routing import Route

    answering = _Answering(root, limits)
    routes = [
        *(
            Route(operations.PREFIX + one.path, functools.partial(answering.operation, one))
            for one in operations.OPERATIONS
        ),
        Route(openapi.PATH, answering.openapi),
        Route("/{path:path}", answering.page),
    ]
    return guarded(Starlette(routes=routes), access, root)


class _Answering:
    """Answers requests; pages have threads of their own, so that no series delays them."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits
        self._reading, self._pages = Workers(limits), Workers(limits)

    async def operation(self, operation: operations.Operation, request: Request) -> Response:
        known = request.headers.get("if-none-match", "")

        def work(deadline: Deadline) -> Answer:
            query = operation.query.parse(request.scope["query_string"])
            archive = Archive(self._root)
            wanted = operations.Request(archive, query, self._limits, deadline)
            return operations.answered(operation, wanted, known)

        return await self._response(request, self._reading, work)

    async def openapi(self, request: Request) -> Response:
        return await self._response(
            request, self._pages, lambda deadline: json_answer(openapi.document(), deadline)
        )

    async def page(self, request: Request) -> Response:
        path = pages.path_of(request.scope["raw_path"].decode("latin-1"))

        def work(_: Deadline) -> Answer:
            if path is None:
                raise NotFound(
                    "there is nothing at this address",
                    expected=f"a page, or one of those in {openapi.PATH}",
                )
            return pages.page(self._root, path)

        return await self._response(request, self._pages, work)

    async def _response(
        self, request: Request, workers: Workers, work: Callable[[Deadline], Answer]
    ) -> Response:
        try:
            answer = await workers.run(work)
        except TokioError as error:
            status = next((code for kind, code in STATUS if isinstance(error, kind)), 503)
            answer = problem(status, error, self._root, RETRY if status == 503 else None)
        except OSError as error:
            log.error("%s: %s", type(error).__name__, error)
            answer = problem(503, TokioError("a file cannot be read now"), self._root, RETRY)
        known = request.headers.get("if-none-match", "")
        if answer.status == 200 and operations.is_known(answer.etag, known):
            answer.file.close()
            answer = operations.unchanged(answer.etag)
        return _sent(answer, request.method)


def _sent(answer: Answer, method: str) -> Response:
    from starlette.responses import Response, StreamingResponse

    headers = dict(answer.headers)
    if answer.etag:
        headers["etag"] = answer.etag
    if answer.status != 304:
        headers |= {"content-length": str(answer.size), "content-type": answer.media_type}
    if method == "HEAD" or answer.status == 304:
        answer.file.close()
        return Response(status_code=answer.status, headers=headers)
    return StreamingResponse(answer.chunks(), answer.status, headers)
