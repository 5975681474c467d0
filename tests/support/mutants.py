"""Damaged logs: truncations, bit flips, zeroed regions, huge length fields; the same seed gives the
same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

KINDS = ("cut", "flip", "zero", "huge")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One mutant of a log."""
    body = bytearray(data)
    kind = chance.choice(KINDS)
    if kind == "cut":
        del body[chance.randrange(1, len(body)) :]
    elif kind == "flip":
        for _ in range(chance.choice([1, 4, 32])):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    elif kind == "zero":
        at = chance.randrange(len(body))
        size = min(chance.randrange(1, max(2, len(body) // 4)), len(body) - at)
        body[at : at + size] = bytes(size)
    else:
        at = chance.randrange(0, max(1, min(len(body) - 8, 1024))) & ~7
        body[at : at + 8] = chance.choice([2**63 - 1, 2**32 - 1, 2**40]).to_bytes(8, "little")
    return bytes(body)


def write_mutants(folder: Path, originals: Sequence[Path], count: int, seed: int = 7) -> list[str]:
    """Write mutants of random originals; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    names = [f"mutant{n:05d}.darshan" for n in range(count)]
    for name in names:
        (folder / name).write_bytes(mutated(chance.choice(originals).read_bytes(), chance))
    return names
