"""Memory that is freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

BLOCKS = """
import sys
import numpy as np
from pipeline.processes import memory
if sys.argv[1:]:
    memory.give_back_large_blocks()
def now():
    return 4096 * int(open("/proc/self/statm").read().split()[1]) >> 20
np.empty(30 << 20, np.uint8)  # glibc keeps blocks as large as the largest that was freed
before, kept = now(), []
for _ in range(20):
    blocks = [np.ones(8 << 20, np.uint8) for _ in range(4)]
    kept.append(np.ones(1 << 17, np.uint8))
    del blocks
print(now() - before)
"""


@pytest.mark.system
def test_large_blocks_that_are_freed_go_back() -> None:
    command = [sys.executable, "-c", BLOCKS]
    left = [
        int(subprocess.run([*command, *more], capture_output=True, check=True, cwd=ROOT).stdout)
        for more in ([], ["back"])
    ]
    assert left[1] < 10, left


@pytest.mark.system
@pytest.mark.parametrize(("given", "pool"), [("", "system"), ("mimalloc", "mimalloc")])
def test_a_run_has_the_pool_of_the_c_library_unless_a_variable_says_otherwise(
    given: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    if given:
        monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", given)
    program = "from pipeline.cli.main import main; main(['status', '--site', 'none.json']); "
    program += "import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split()[-1] == pool
