"""Damaged logs: truncations, bit flips, zeroed regions, huge length fields, and logs put together
anew with other lengths, versions, compression, mount tables and names; the same seed gives the
same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.darshan_bytes import BZIP2, PLAIN, ZLIB, LogBytes

KINDS = ("cut", "flip", "zero", "huge")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One mutant of a log."""
    return _damaged(data, chance.choice(KINDS), chance)


def _damaged(data: bytes, kind: str, chance: random.Random) -> bytes:
    body = bytearray(data)
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


STRUCTURES = ("length", "version", "compression", "mounts", "names", "module", "raw")


def _restructured(log: LogBytes, chance: random.Random) -> tuple[str, bytes]:
    """The kind, and one mutant of a log's structure: its regions are valid streams, their content
    is not.
    """
    module = chance.choice(sorted(log.modules))
    noise = chance.randbytes(chance.choice([1, 8, 512]))
    kind = chance.choice(STRUCTURES)
    return kind, _with_other(kind, log, module, noise, chance)


def _with_other(
    kind: str, log: LogBytes, module: str, noise: bytes, chance: random.Random
) -> bytes:
    records = log.modules[module]
    if kind == "length":
        size = chance.randrange(len(records) + 1) if chance.random() < 0.7 else 0
        other = records[:size] if chance.random() < 0.6 else records + noise
        return replace(log, modules={**log.modules, module: other}).content()
    if kind == "version":
        return log.with_version(
            module, chance.choice([0, 1, 2, 3, 4, 7, 2**31, 2**32 - 1])
        ).content()
    if kind == "compression":
        return replace(log, compression=chance.choice([ZLIB, BZIP2, PLAIN])).content()
    if kind == "mounts":
        text = chance.choice([b"", noise, b"x\n" * 300, log.text + b"\nlustre\t/" + b"a" * 900])
        return replace(log, text=text[: len(log.text)] if chance.random() < 0.5 else text).content()
    if kind == "names":
        names = chance.choice([b"", noise, log.names[: len(log.names) // 2], log.names * 2])
        return replace(log, names=names).content()
    if kind == "module":
        other = bytearray(records)
        for _ in range(chance.choice([1, 8, 64])):
            at = chance.randrange(max(1, len(other) - 7)) & ~7
            number = chance.choice([0, -1, 2**63 - 1, -(2**63), 2**32, 2**40, 10**6])
            other[at : at + 8] = number.to_bytes(8, "little", signed=True)
        return replace(log, modules={**log.modules, module: bytes(other)}).content()
    return replace(log, raw={**log.raw, module: noise}).content()


def one_of(original: Path, chance: random.Random) -> tuple[str, bytes]:
    """The kind, and a mutant of a log: of its bytes, or of its structure where it can be taken
    apart.
    """
    if chance.random() < 0.5:
        try:
            return _restructured(LogBytes.of(original), chance)
        except Exception:  # an older format, or another byte order
            pass
    kind = chance.choice(KINDS)
    return kind, _damaged(original.read_bytes(), kind, chance)


def write_mutants(
    folder: Path, originals: Sequence[Path], count: int, seed: int = 7
) -> dict[str, str]:
    """Write mutants of random originals; returns the kind of each by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    kinds = {}
    for name in (f"mutant{n:05d}.darshan" for n in range(count)):
        kinds[name], content = one_of(chance.choice(originals), chance)
        (folder / name).write_bytes(content)
    return kinds
