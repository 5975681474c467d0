"""A hostile HTTP server: it gives back all that it was sent, in every way in which it can be
written. The first folder of the path says where.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from urllib.parse import quote

from tests.support.secret_text import forms


class _Echo(http.server.BaseHTTPRequestHandler):
    def _given(self) -> list[str]:
        """The credentials, decoded where they are encoded; and the whole request."""
        kind, _, rest = self.headers.get("Authorization", "").partition(" ")
        known = [rest]
        if kind == "Basic":
            pair = base64.b64decode(rest).decode()
            known += [pair, pair.partition(":")[2]]
        size = int(self.headers.get("Content-Length") or 0)
        whole = f"{self.path}\n{self.headers}\n{self.rfile.read(size).decode()}"
        return [form for text in (*known, whole) for form in forms(text)]

    def _answer(self) -> None:
        given = self._given()
        mode = self.path.split("/")[1]
        body = "\n".join(given)
        line = quote(given[-1], safe="/+='\"") if mode != "line" else given[0]
        if mode == "garbage":
            self.wfile.write(f"HTTP/1.1 {given[0]} \x1b[2J\r\n\r\n".encode())
            return
        if mode == "answer":
            body = json.dumps({"status": "success", "count": 1, "said": given})
        if mode == "label":
            result = [{"metric": {"instance": form}, "values": [[1, "1"]]} for form in given]
            data = {"resultType": "matrix", "result": result}
            body = json.dumps({"status": "success", "count": 1, "data": data, "version": data})
        if mode == "error":
            body = json.dumps({"status": "error", "errorType": "x\x1b[31m", "error": body})
        status = {"redirect": 302, "answer": 200, "label": 200, "error": 200, "broken": 500}
        self.send_response(status.get(mode, 403), line[:2000].replace("\n", " "))
        self.send_header("X-Echo", line[:2000].replace("\n", " "))
        if mode == "redirect":
            self.send_header("Location", f"http://elsewhere/?{line[:2000]}")
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


MODES = ("body", "line", "redirect", "answer", "label", "error", "broken")


@contextlib.contextmanager
def echoing() -> Iterator[str]:
    """The server's URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
