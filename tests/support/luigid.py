"""A real luigid on loopback, with this project's luigi.cfg, that soon takes a worker for gone."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support.paths import ROOT
from tests.support.waiting import until

DISCONNECT = 5
"""Seconds without a word after which luigid takes a worker for gone."""
CONFIGURATION = "luigi.cfg"


def free_port() -> int:
    """A port of loopback that nothing listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start one, and wait until it answers; its files, and the luigi.cfg of its workers, are in
    the folder.
    """
    luigid = Path(sys.executable).parent / "luigid"
    state = ["--state-path", str(folder / "state.pickle"), "--logdir", str(folder)]
    text = (ROOT / CONFIGURATION).read_text()
    text = text.replace("worker_disconnect_delay = 60", f"worker_disconnect_delay = {DISCONNECT}")
    text = text.replace(
        "[core]\n", "[core]\nrpc_retry_wait = 1\n"
    )  # with the defaults a minute and more pass
    (folder / CONFIGURATION).write_text(text)
    server = subprocess.Popen(
        [luigid, "--address", "127.0.0.1", "--port", str(port), *state],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: _answers(port) or server.poll() is not None, "luigid's first answer")
    assert server.poll() is None
    return server


def environment(folder: Path) -> dict[str, str]:
    """Variables of luigid and its workers."""
    return os.environ | {"LUIGI_CONFIG_PATH": str(folder / CONFIGURATION)}


@contextlib.contextmanager
def running(folder: Path) -> Iterator[int]:
    """One for some time; its port."""
    port = free_port()
    server = start(folder, port)
    try:
        yield port
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
        return True
    except httpx.HTTPError:
        return False
