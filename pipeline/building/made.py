"""What building gives back: what the receipt of a product says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import ReceiptState

ROWS = ("rows", "samples", "logs", "headers", "files")
"""Counts that say how large a product is, the first that it has; else all of its counts together.
"""


@dataclass(frozen=True)
class Made:
    """A product that was made.

    Attributes
    ----------
    counts : mapping of str to int
        How many rows of what.
    findings : Findings
        Of the stage that made it.
    state : ReceiptState
        Complete or partial.
    percent : int
        How much of the day is there when it is partial.
    more : mapping
        What else the receipt says; JSON-able.
    """

    counts: Mapping[str, int]
    findings: Findings = field(default_factory=Findings)
    state: ReceiptState = ReceiptState.COMPLETE
    percent: int = 100
    more: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The receipt's part of it."""
        events = self.findings.events()
        return {
            **self.more,
            "counts": dict(self.counts),
            "findings": [event.sentence() for event in events],
            "events": [event.as_json() for event in events],
        }

    @property
    def rows(self) -> int:
        """How large it is, in rows of its own kind."""
        return next(
            (self.counts[name] for name in ROWS if name in self.counts), sum(self.counts.values())
        )
