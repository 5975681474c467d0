"""Records of DAOS: which container each is of, and which of them report the same bytes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

MODULES = ("DFS", "DAOS")
"""Modules whose records name a pool and a container instead of a path."""
SCHEME = "daos://"


def container(uuids: bytes) -> str:
    """``daos://POOL/CONTAINER`` of the two UUIDs of a record: it stands for a mount point."""
    return f"{SCHEME}{uuid.UUID(bytes=uuids[:16])}/{uuid.UUID(bytes=uuids[16:32])}"


def by_container(
    records: Mapping[str, npt.NDArray[Any]],
) -> tuple[dict[str, npt.NDArray[Any]], dict[int, str]]:
    """The records of `MODULES` of a log with the number of their container as id.

    libdfs does its work through libdaos: where a container has records of both modules, those of
    DAOS report the bytes of DFS again, and are left out.

    Parameters
    ----------
    records : mapping of str to structured array (records,)
        By module; others than `MODULES` are left out.

    Returns
    -------
    records : dict of str to structured array (records,)
    names : dict of int to str
        By number: `container`.
    """
    numbers: dict[bytes, int] = {}
    found: dict[str, npt.NDArray[Any]] = {}
    for module in MODULES:
        if module not in records:
            continue
        known, own = set(numbers), [bytes(one) for one in records[module]["uuids"].tolist()]
        keep = np.array([one not in known for one in own], dtype=bool)
        found[module] = records[module][keep]
        found[module]["id"] = [
            numbers.setdefault(one, len(numbers) + 1) for one in own if one not in known
        ]
    return found, {number: container(uuids) for uuids, number in numbers.items()}
