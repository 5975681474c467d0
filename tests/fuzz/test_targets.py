"""Every reader of outside bytes, over the corpus, the mended faults, and some mutants: what the
reader documents, or a result.

TOKIO_FUZZ_MUTANTS says how many mutants a target is given, TOKIO_SEED which. `make fuzz` searches
with coverage.
"""

from __future__ import annotations

import os

import pytest

from tests.fuzz import replay
from tests.fuzz.known import is_known
from tests.fuzz.target import LARGEST, Hang, Target, fault_of
from tests.fuzz.targets import CORPUS, FAULTS, TARGETS, inputs

SEED = int(os.environ.get("TOKIO_SEED", "7"))
MUTANTS = {"darshan": 60, "prometheus": 20, "collectd": 10, "lmt": 10}
"""Mutants of the targets whose names begin so, where an input takes long."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_a_fault(name: str) -> None:
    target = TARGETS[name]
    known = [*inputs(CORPUS, name), *inputs(FAULTS, name)]
    assert known, "a target has seeds: python -m tests.fuzz.make_corpus"
    few = MUTANTS.get(name.partition("_")[0], 100)
    count = int(os.environ.get("TOKIO_FUZZ_MUTANTS", few))
    some = [(path.name, path.read_bytes()) for path in known]
    some += replay.mutants(target, inputs(CORPUS, name), count, SEED)
    found = [one for one in replay.faults_of(target, some) if not is_known(name, one[1])]
    assert not found, "\n".join(f"{where}: {kind}\n{trace}" for (where, _), kind, trace in found)


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for name in TARGETS for path in inputs(CORPUS, name)]
    assert sum(sizes) < 2**20
    assert max(sizes) <= LARGEST


# That a fault would be seen


def raising(error: BaseException) -> Target:
    def read(data: bytes) -> None:
        raise error

    return Target(read, list)


def test_an_undocumented_exception_is_a_fault_and_a_documented_one_is_not() -> None:
    assert isinstance(fault_of(raising(ValueError("x")), b""), ValueError)
    documented = Target(raising(OSError("x")).read, list, documented=(OSError,))
    assert fault_of(documented, b"") is None


def test_a_hang_is_a_fault() -> None:
    assert isinstance(fault_of(raising(Hang("x")), b""), Hang)


def test_a_crash_and_too_much_memory_are_faults_and_cost_no_other_input() -> None:
    def read(data: bytes) -> None:
        if data == b"die":
            os.abort()
        if data == b"grow":
            bytearray(2**40)

    found = replay.faults_of(
        Target(read, list), [("a", b""), ("b", b"die"), ("c", b"grow"), ("d", b"")]
    )
    assert [
        (where, kind.partition(":")[0].partition(" <")[0]) for (where, _), kind, _ in found
    ] == [
        ("b", "the process died"),
        ("c", "MemoryError"),
    ]
