"""Gives inputs to their targets, in a child: what is a fault, and of what the child died.

    python -m tests.fuzz.replay tests/fuzz/open/receipts/* tests/fuzz/faults/*/*

The folder that an input is in names its target. Each input's fault is printed with its traceback;
the exit code is 1 if there is any.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.fuzz.target import HANG_SECONDS, LARGEST, MEMORY, Target, fault_of, signature
from tests.fuzz.targets import TARGETS

Input = tuple[str, bytes]


def mutants(target: Target, originals: Iterable[Path], count: int, seed: int) -> Iterator[Input]:
    """Mutants of random originals; the same seed gives the same."""
    chance = random.Random(seed)
    some = [data for path in originals if 1 < len(data := path.read_bytes()) <= LARGEST]
    for number in range(count):
        yield f"mutant {number} of seed {seed}", target.mutated(chance.choice(some), chance)


def faults_of(target: Target, inputs: Iterable[Input]) -> list[tuple[Input, str, str]]:
    """Inputs with their faults, as a signature and a traceback.

    All are given to one child, which may not use more than `MEMORY`; one of which it dies is a
    fault, and the others go to a new child.
    """
    waiting, found = list(inputs), []
    while waiting:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _work(target, waiting, writer)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            done = pipe.read().split("\0")[:-1]
        _, status = os.waitpid(child, 0)
        found += [
            (one, *text.split("\1")) for one, text in zip(waiting, done, strict=False) if text
        ]
        waiting = waiting[len(done) :]
        if waiting:
            found.append((waiting.pop(0), f"the process died: status {status}", ""))
    return found  # type: ignore[return-value]


def _work(target: Target, inputs: Iterable[Input], writer: int) -> None:
    """The child: one line for each input, empty where it has no fault."""
    code = 1
    faulthandler.disable()  # pytest's would print a crash that is looked for
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for _, data in inputs:
            # a library that never returns: a signal's handler does not run
            end = int(time.process_time()) + 2 * HANG_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))
            error = fault_of(target, data)
            text = ""
            if error is not None:
                text = f"{signature(error)}\1{''.join(traceback.format_exception(error))}"
            os.write(writer, text.encode("utf-8", "backslashreplace") + b"\0")
        code = 0
    finally:
        os._exit(code)


def main(names: list[str]) -> int:
    """Print the faults of files."""
    faulty = 0
    for name in names:
        path = Path(name)
        one = str(path), path.read_bytes()
        for (where, _), kind, trace in faults_of(TARGETS[path.parent.name], [one]):
            faulty += 1
            print(f"{where}: {kind}\n{trace}")
    print(f"{len(names)} inputs, {faulty} faults")
    return int(faulty > 0)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        raise SystemExit(main(sys.argv[1:]))
