"""Reading all documents that match a query, from servers of Elasticsearch 6 to OpenSearch 2.

By scroll, which all of them have, or by a point in time (Elasticsearch 7.10, OpenSearch 2.4 and
later). A page is held at a time. An answer that is not whole - shards that failed, a search that
was cut short, a scroll that expired, fewer documents than were announced - raises `Incomplete`: the
reader starts its stretch of time anew.

Sources: the references of the search, scroll and point-in-time interfaces of both projects.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from archive_tools.core.errors import SourceError
from pipeline.sources._shared import secrets
from pipeline.sources._shared.http_client import HttpError, Server
from pipeline.sources._shared.source_files import Problem

KEEP = "5m"
"""How long a server keeps a search open between two pages."""
MISSING_INDICES = "ignore_unavailable=true&allow_no_indices=true"
"""An index of a day without documents is not there: no error, but no documents."""


class Incomplete(SourceError):
    """A search did not give all that it should."""


class _Place(msgspec.Struct):
    """The place of a hit in a search."""

    number: str | None = msgspec.field(name="_id", default=None)
    sort: list[Any] = msgspec.field(default_factory=list)


@functools.cache
def _answer_of(hit: Any) -> Any:
    """The type of a page of hits."""
    hits = msgspec.defstruct("Hits", [("hits", list[hit]), ("total", Any, None)])
    shards = msgspec.defstruct("Shards", [("failed", int, 0), ("failures", Any, None)])
    return msgspec.defstruct(
        "Answer",
        [
            ("hits", hits),
            ("timed_out", bool, False),
            ("shards", shards | None, msgspec.field(name="_shards", default=None)),
            ("scroll", str | None, msgspec.field(name="_scroll_id", default=None)),
            ("pit", str | None, msgspec.field(name="pit_id", default=None)),
        ],
    )


class Search:
    """A query against an index or a pattern of indices.

    Parameters
    ----------
    server : Server
    index : str
        Name or pattern; several by commas.
    hit : type
        The msgspec type of a hit, with `number` (its id) and `sort`.
    fields : list of str
        Fields of the documents that are wanted.
    size : int
        Documents a page.
    problem : callable
        Called for documents whose fields are not of the type that they should be.
    """

    def __init__(
        self, server: Server, index: str, hit: Any, fields: list[str], size: int, problem: Problem
    ) -> None:
        self._server, self._index, self._size = server, quote(index, safe=",*"), size
        self._fields = fields
        self._hit, self._problem = hit, problem
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(_answer_of(hit)).decode

    def count(self, query: Mapping[str, Any]) -> int:
        """How many documents match."""
        answer = self._server.json(
            "POST", f"/{self._index}/_count?{MISSING_INDICES}", body={"query": query}
        )
        count = answer.get("count") if isinstance(answer, dict) else None
        if not isinstance(count, int):
            hint = "is the key url that of an Elasticsearch or OpenSearch server?"
            raise SourceError(
                f"{self._server.url}: the answer of _count is none",
                got=secrets.shown(str(answer), 200),
                hint=hint,
            )
        return count

    def pages(self, query: Mapping[str, Any], paging: str) -> Iterator[list[Any]]:
        """Pages of hits, in any order, each document once.

        Raises
        ------
        Incomplete
            Not all documents were given.
        SourceError
            The server cannot be queried, or refuses.
        """
        found, total = 0, None
        for answer in self._scrolled(query) if paging == "scroll" else self._point_in_time(query):
            total = _total(answer) if total is None else total
            found += len(answer.hits.hits)
            yield answer.hits.hits
        if total is not None and found != total:
            raise Incomplete(f"{self._server.url}: a search gave {found} of {total} documents")

    def _search(self, path: str, request: Mapping[str, Any]) -> Any:
        what = f"{self._server.url}{path.partition('?')[0]}"
        try:
            answer = self._decoded(self._server.ask("POST", path, body=request))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Incomplete(f"{what}: the answer is not a page of hits: {error}") from None
        except HttpError as error:
            if error.status == 404 and (
                "search_context_missing" in error.body or "No search context found" in error.body
            ):
                raise Incomplete(
                    f"{what}: the search expired on the server",
                    got=secrets.shown(error.body, 200),
                ) from None
            raise
        if answer.timed_out or (answer.shards and answer.shards.failed):
            reported = (
                secrets.shown(msgspec.json.encode(answer.shards.failures)) if answer.shards else ""
            )
            raise Incomplete(f"{what}: the search was cut short, or shards failed", got=reported)
        return answer

    def _decoded(self, content: bytes) -> Any:
        """An answer; a hit that is not as it should be is left empty."""
        try:
            return self._decode(content)
        except msgspec.ValidationError:
            answer = msgspec.json.decode(content, type=_answer_of(msgspec.Raw))
            answer.hits.hits = [self._one(hit) for hit in answer.hits.hits]
            return answer

    def _one(self, raw: msgspec.Raw) -> Any:
        try:
            return msgspec.json.decode(raw, type=self._hit)
        except msgspec.ValidationError as error:
            self._problem(self._server.url, f"a document is not as it should be: {error}")
            place = msgspec.json.decode(raw, type=_Place)
            return self._hit(number=place.number, sort=place.sort)

    def _request(self, query: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "query": query,
            "size": self._size,
            "_source": self._fields,
            "track_total_hits": True,
        }

    def _scrolled(self, query: Mapping[str, Any]) -> Iterator[Any]:
        answer = self._search(
            f"/{self._index}/_search?{MISSING_INDICES}&scroll={KEEP}",
            self._request(query) | {"sort": ["_doc"]},
        )
        scroll = answer.scroll
        try:
            while answer.hits.hits:
                yield answer
                if not scroll:
                    raise Incomplete(f"{self._server.url}: an answer has no _scroll_id")
                answer = self._search("/_search/scroll", {"scroll": KEEP, "scroll_id": scroll})
                scroll = answer.scroll or scroll
        finally:
            if scroll:
                self._forget("/_search/scroll", {"scroll_id": [scroll]})

    def _point_in_time(self, query: Mapping[str, Any]) -> Iterator[Any]:
        point, path, name = self._opened()
        request = self._request(query) | {"sort": [{"@timestamp": {"order": "asc"}}]}
        after: list[Any] | None = None
        seen: set[str | None] = set()
        try:
            while True:
                answer = self._search(
                    "/_search",
                    request
                    | {"pit": {"id": point, "keep_alive": KEEP}}
                    | ({"search_after": after} if after else {}),
                )
                point = answer.pit or point
                last = answer.hits.hits[-1].sort if answer.hits.hits else []
                whole = len(answer.hits.hits) < self._size
                answer.hits.hits = [hit for hit in answer.hits.hits if hit.number not in seen]
                if not answer.hits.hits:
                    if whole:
                        return
                    raise SourceError(
                        f"{self._server.url}: more than {self._size} documents have one stamp",
                        hint='set paging to "scroll", or page_size higher',
                    )
                if not last or not isinstance(last[0], int | float):
                    raise Incomplete(f"{self._server.url}: hits have no sort values")
                if len(last) > 1:  # the server breaks ties itself
                    after = last
                # the next page begins with this page's last stamp: its documents are known by their
                # ids
                else:
                    again = {hit.number for hit in answer.hits.hits if hit.sort == last}
                    after, seen = [last[0] - 1], again | (seen if after == [last[0] - 1] else set())
                yield answer
                if whole:
                    return
        finally:
            self._forget(path, {name: [point]} if name == "pit_id" else {name: point})

    def _opened(self) -> tuple[str, str, str]:
        """A point in time: its id, and the path and key by which it is closed."""
        for path, key, closing, name in (
            (f"/{self._index}/_pit", "id", "/_pit", "id"),
            (f"/{self._index}/_search/point_in_time", "pit_id", "/_search/point_in_time", "pit_id"),
        ):
            try:
                answer = self._server.json("POST", f"{path}?{MISSING_INDICES}&keep_alive={KEEP}")
            except HttpError as error:
                if error.status in (400, 404, 405) and name == "id":
                    continue
                raise
            if isinstance(answer, dict) and isinstance(answer.get(key), str):
                return answer[key], closing, name
        raise SourceError(
            f"{self._server.url} opens no point in time", hint='set paging to "scroll"'
        )

    def _forget(self, path: str, body: Mapping[str, Any]) -> None:
        """Inform the server that a search is over; it would find out itself."""
        with contextlib.suppress(SourceError):
            self._server.ask("DELETE", path, body=body)


def _total(answer: Any) -> int | None:
    """Documents that match: a number up to Elasticsearch 6, later a value and its relation."""
    total = answer.hits.total
    if isinstance(total, dict):
        return (
            total["value"]
            if total.get("relation") == "eq" and isinstance(total.get("value"), int)
            else None
        )
    return total if isinstance(total, int) else None
