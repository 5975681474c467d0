"""How much memory processes had at most.

What the kernel reports of a process (``ru_maxrss``) begins with what the process that started it
had: of one that a test process of a gigabyte starts, a gigabyte, whatever it does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def own_peak() -> int:
    """The most memory that this process had since it is this program, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def peak_of(command: Sequence[str], folder: Path) -> tuple[subprocess.CompletedProcess[bytes], int]:
    """Run a command in a folder; what it printed, and bytes of the largest of its processes that
    ended before it.
    """
    told = subprocess.run(
        [sys.executable, "-c", Path(__file__).read_text(), *command],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    out, _, peak = told.stdout.rpartition(b"\n")
    return subprocess.CompletedProcess(command, told.returncode, out, told.stderr), int(peak)


if __name__ == "__main__":
    run = subprocess.run(sys.argv[1:], check=False)
    sys.stdout.write(f"\n{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}")
    sys.stdout.flush()
    raise SystemExit(run.returncode)
