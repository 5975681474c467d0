"""What the receipt of a file knows of the closed rows of a day that goes on."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archive_tools.core.arrays import Bool
from archive_tools.core.findings import Findings
from pipeline.building.pieces import Piece


@dataclass(frozen=True)
class Closed:
    """What is known of the closed rows of a dataset, beside their figures.

    Attributes
    ----------
    rows : int
        The rows before this one are closed.
    measured : bool (rows, columns)
        Which cells have a figure.
    moved, sampled, listed, stopped : bool (columns,)
        Components that were not zero all the time; of which there is a sample; that the source
        lists; and that had stopped at the end: if they go on, the closed rows may be others.
    samples : int
        How many there are in the closed rows.
    """

    rows: int
    measured: Bool
    moved: Bool
    sampled: Bool
    listed: Bool
    stopped: Bool
    samples: int

    @classmethod
    def none(cls, columns: int) -> Closed:
        """Of a day of which no row is closed."""
        empty = np.zeros(columns, dtype=bool)
        return cls(0, np.zeros((0, columns), dtype=bool), empty, empty, empty, empty, 0)

    def as_json(self) -> dict[str, Any]:
        """As the receipt has it."""
        bits = [self.moved, self.sampled, self.listed, self.stopped, self.measured.reshape(-1)]
        packed = np.packbits(np.concatenate(bits)).tobytes()
        return {
            "rows": self.rows,
            "columns": len(self.moved),
            "samples": self.samples,
            "bits": base64.b64encode(zlib.compress(packed)).decode(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Closed:
        """What `as_json` gave."""
        rows, columns = int(content["rows"]), int(content["columns"])
        packed = np.frombuffer(zlib.decompress(base64.b64decode(content["bits"])), np.uint8)
        bits = np.unpackbits(packed, count=(4 + rows) * columns).view(bool)
        moved, sampled, listed, stopped = bits[: 4 * columns].reshape(4, columns)
        measured = bits[4 * columns :].reshape(rows, columns)
        samples = int(content["samples"])
        return cls(rows, measured, moved, sampled, listed, stopped, samples)


def digests(fetched: Mapping[str, Any], held: Sequence[Piece]) -> list[str]:
    """A digest of the files of each piece, out of the receipt of the raw data."""
    files = fetched.get("files", {})
    prefixes = [str(piece.about.get("name", "")) for piece in held]
    return [
        hashlib.sha256(
            json.dumps(
                sorted(
                    [name[len(prefix) :].lstrip("/"), *known]
                    for name, known in files.items()
                    if name.startswith(f"{prefix}/" if prefix else "")
                )
            ).encode()
        ).hexdigest()[:16]
        for prefix in prefixes
    ]


def findings_as_json(findings: Findings) -> list[Any]:
    """Findings with all that they have, as the receipt has those of closed rows."""
    return [
        [str(one.kind), one.count, one.where, one.detail, one.amount, one.components, one.span]
        for one in findings
    ]


def findings_from_json(content: Sequence[Any]) -> Findings:
    """What `findings_as_json` gave."""
    found = Findings()
    for kind, count, where, detail, amount, components, span in content:
        found.add(
            *(kind, count, where, detail, amount),
            components=components,
            span=(span[0], span[1]) if span else None,
        )
    return found
