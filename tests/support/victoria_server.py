"""A VictoriaMetrics server with the samples that it is given."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from tests.support.paths import needed
from tests.support.prometheus_server import free_port
from tests.support.waiting import PATIENCE, until


def started(folder: Path, *flags: str) -> tuple[subprocess.Popen[bytes], str]:
    """An empty server, once it is ready."""
    program = shutil.which("victoria-metrics")
    if program is None:
        needed("victoria-metrics (apt install victoria-metrics)")
    assert program
    folder.mkdir(exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}"
    arguments = ["-storageDataPath=data", "-retentionPeriod=100y", f"-httpListenAddr={url[7:]}"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [program, *arguments, *flags], cwd=folder, stdout=log, stderr=log
        )
    until(
        lambda: running.poll() is not None or is_ready(url), "the server's first answer", look=0.1
    )
    if running.poll() is None:
        return running, url
    pytest.fail(f"victoria-metrics has ended: {(folder / 'log').read_text()[-2000:]}")


def fill(url: str, lines: Iterable[str]) -> None:
    """Put lines of Prometheus' text, with stamps in milliseconds, into a server."""
    content = "\n".join([*lines, ""]).encode()
    for method, path, body in (
        ("POST", "/api/v1/import/prometheus", content),
        ("GET", "/internal/force_flush", b""),
    ):
        httpx.request(method, url + path, content=body, timeout=PATIENCE).raise_for_status()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False
