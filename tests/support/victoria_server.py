"""A VictoriaMetrics server with the samples that it is given."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx

from tests.support.paths import needed
from tests.support.prometheus_server import free_port, running
from tests.support.waiting import PATIENCE


def started(folder: Path, *flags: str) -> tuple[subprocess.Popen[bytes], str]:
    """An empty server, once it is ready."""
    program = shutil.which("victoria-metrics")
    if program is None:
        needed("victoria-metrics (apt install victoria-metrics)")
    assert program
    folder.mkdir(exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}"
    arguments = ["-storageDataPath=data", "-retentionPeriod=100y", f"-httpListenAddr={url[7:]}"]
    return running([program, *arguments, *flags], folder, f"{url}/health"), url


def fill(url: str, lines: Iterable[str]) -> None:
    """Put lines of Prometheus' text, with stamps in milliseconds, into a server."""
    content = "\n".join([*lines, ""]).encode()
    for method, path, body in (
        ("POST", "/api/v1/import/prometheus", content),
        ("GET", "/internal/force_flush", b""),
    ):
        httpx.request(method, url + path, content=body, timeout=PATIENCE).raise_for_status()
