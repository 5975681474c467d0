"""A Prometheus server on a copy of the real database."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx
import pytest

from tests.support.paths import ROOT, needed
from tests.support.waiting import until

DATA = ROOT / "examples/siteday/prometheus"
SAVED = str(DATA / "query_range.json.gz")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(folder: Path, *flags: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server on what `filled` wrote into the folder, else on a copy of the data, once it is
    ready.
    """
    program = shutil.which("prometheus")
    if program is None:
        needed("prometheus (apt install prometheus)")
    assert program
    folder.mkdir(exist_ok=True)
    if not (folder / "tsdb").exists():
        with tarfile.open(DATA / "tsdb.tar.gz") as tar:
            tar.extractall(folder, filter="data")
    (folder / "empty.yml").touch()
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        "--config.file=empty.yml",
        "--storage.tsdb.path=tsdb",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url[7:]}",
    ]
    return running([program, *arguments, *flags], folder, f"{url}/-/ready"), url


def running(command: Sequence[str], folder: Path, ready: str) -> subprocess.Popen[bytes]:
    """A server in a folder, once it answers a URL."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    until(
        lambda: server.poll() is not None or is_ready(ready), "the server's first answer", look=0.1
    )
    if server.poll() is not None:
        pytest.fail(f"{command[0]} has ended: {(folder / 'log').read_text()[-2000:]}")
    return server


def filled(folder: Path, lines: Iterable[str]) -> None:
    """Write the database of a server from lines of OpenMetrics text with stamps."""
    program = shutil.which("promtool")
    if program is None:
        needed("promtool (apt install prometheus)")
    assert program
    folder.mkdir(exist_ok=True)
    (folder / "metrics.txt").write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run(
        [program, "tsdb", "create-blocks-from", "openmetrics", "metrics.txt", "tsdb"],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
