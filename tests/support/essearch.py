"""A loopback server that answers as the scroll and point-in-time references of Elasticsearch and
OpenSearch say.

It holds documents in memory and can be told to fail: it is for what no package of a real server is
at hand for.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.sources.collectd.forms import milliseconds

EXPIRED = {
    "error": {
        "root_cause": [
            {
                "type": "search_context_missing_exception",
                "reason": "No search context found for id [7]",
            }
        ]
    },
    "status": 404,
}
Answer = tuple[int, Any]


@dataclass
class State:
    """What the server has, what it was asked, and how it shall misbehave.

    `trouble` is called with the number of the request and its path; what it returns is answered
    instead.
    """

    documents: list[dict[str, Any]]
    flavour: str = "es7"
    requested: list[tuple[str, str, Any]] = field(default_factory=list)
    trouble: Callable[[int, str], Answer | None] = lambda number, path: None
    need: str = ""
    scrolls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    points: set[str] = field(default_factory=set)

    def total(self, count: int) -> Any:
        return count if self.flavour == "es6" else {"value": count, "relation": "eq"}

    def matching(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.documents
        for clause in query["bool"]["filter"]:
            (kind, body), *_ = clause.items()
            if kind == "range":
                found = [
                    d
                    for d in found
                    if body["@timestamp"]["gte"] <= _stamp(d) < body["@timestamp"]["lt"]
                ]
            elif kind == "terms":
                ((name, values),) = body.items()
                found = [d for d in found if d["_source"].get(name) in values]
            elif kind == "prefix":
                ((name, value),) = body.items()
                found = [d for d in found if str(d["_source"].get(name)).startswith(value)]
            else:
                raise AssertionError(kind)
        return found


def _stamp(document: dict[str, Any]) -> int:
    stamp = milliseconds([document["_source"]["@timestamp"]])[0]
    assert stamp is not None
    return stamp


class _Handler(http.server.BaseHTTPRequestHandler):
    state: State

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._answer(*self._respond("POST"))

    def do_DELETE(self) -> None:
        self._answer(*self._respond("DELETE"))

    def _answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _respond(self, method: str) -> Answer:
        state, parts = self.state, urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        state.requested.append((method, self.path, body))
        if state.need and self.headers.get("Authorization") != state.need:
            return 401, {"error": "unauthorized"}
        wrong = state.trouble(len(state.requested), parts.path)
        if wrong:
            return wrong
        if parts.path != "/_search/scroll" and "pit" not in body and method == "POST":
            assert "ignore_unavailable=true" in parts.query
        if parts.path.endswith("/_count"):
            return 200, {"count": len(state.matching(body["query"]))}
        if parts.path == "/_search/scroll":
            return self._scroll(method, body)
        if parts.path.endswith(("/_pit", "/point_in_time")):
            return self._point(method, parts.path, body)
        if "pit" in body:
            return self._page_of_point(body)
        assert "scroll" in parse_qs(parts.query)
        assert body["sort"] == ["_doc"]
        number = str(len(state.scrolls) + 7)
        state.scrolls[number] = state.matching(body["query"])
        total = len(state.scrolls[number])
        return 200, self._page(number, body["size"], total)

    def _page(self, number: str, size: int, total: int) -> dict[str, Any]:
        left = self.state.scrolls[number]
        page, self.state.scrolls[number] = left[:size], left[size:]
        self.state.scrolls.setdefault(f"{number}:size", [{"size": size, "total": total}])
        return {
            "_scroll_id": number,
            "timed_out": False,
            "_shards": {"failed": 0},
            "hits": {"total": self.state.total(total), "hits": page},
        }

    def _scroll(self, method: str, body: dict[str, Any]) -> Answer:
        if method == "DELETE":
            for number in body["scroll_id"]:
                self.state.scrolls.pop(number, None)
                self.state.scrolls.pop(f"{number}:size", None)
            return 200, {"succeeded": True}
        number = body["scroll_id"]
        if number not in self.state.scrolls:
            return 404, EXPIRED
        reported = self.state.scrolls[f"{number}:size"][0]
        return 200, self._page(number, reported["size"], reported["total"])

    def _point(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        ours = path.endswith("/point_in_time") == (self.state.flavour == "opensearch")
        if not ours or self.state.flavour == "es6":
            return 400, {"error": f"no handler found for uri [{path}]"}
        key = "pit_id" if self.state.flavour == "opensearch" else "id"
        if method == "DELETE":
            reported = body[key]
            self.state.points -= set(reported if isinstance(reported, list) else [reported])
            return 200, {"succeeded": True}
        self.state.points.add(f"point{len(self.state.requested)}")
        return 200, {key: f"point{len(self.state.requested)}"}

    def _page_of_point(self, body: dict[str, Any]) -> Answer:
        if body["pit"]["id"] not in self.state.points:
            return 404, EXPIRED
        found = sorted(self.state.matching(body["query"]), key=_stamp)
        total = len(found)
        breaks_ties = self.state.flavour != "opensearch"
        sorted_hits = [
            {**hit, "sort": [_stamp(hit)] + ([number] if breaks_ties else [])}
            for number, hit in enumerate(found)
        ]
        after = body.get("search_after")
        if after:
            sorted_hits = [hit for hit in sorted_hits if hit["sort"] > after]
        answer = {"pit_id": body["pit"]["id"], "timed_out": False, "_shards": {"failed": 0}}
        return 200, answer | {
            "hits": {"total": self.state.total(total), "hits": sorted_hits[: body["size"]]}
        }


def basic(user: str, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def serving(state: State) -> Iterator[str]:
    """Serve on a free port of the loopback; gives the URL."""
    handler = type("Handler", (_Handler,), {"state": state})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hits(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Documents as a search gives them."""
    return [
        {"_index": "collectd-test", "_id": f"id{number}", "_score": 1.0, "_source": document}
        for number, document in enumerate(documents)
    ]
