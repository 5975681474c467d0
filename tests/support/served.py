"""A real `tokio-archive serve`, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

CODE = "import sys; from archive_tools.cli.main import main; sys.exit(main(sys.argv[1:]))"
TOKEN = "a-token-of-the-tests-0123456789"


@dataclass
class Served:
    """A server that answers: its address, its process, and the file of its log."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        address = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(address, params=query or None, headers=headers, timeout=120)

    def api(self, name: str, **query: Any) -> httpx.Response:
        return self.get(f"/api/v1/{name}", **query)

    def most_memory(self) -> int:
        """VmHWM, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    def sockets(self) -> int:
        """How many it has open."""
        found = 0
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found += str(entry.readlink()).startswith("socket:")
        return found

    def end(self) -> int:
        """Have it end by SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@contextlib.contextmanager
def serving(root: Path, log: Path, *options: str, **environment: str) -> Iterator[Served]:
    """A server of an archive, at any free port."""
    with open(log, "w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, "serve", "--archive", str(root), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env=os.environ | environment,
        )
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert line.endswith(" answers\n"), log.read_text()
        yield Served(line.split()[0], process, log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
