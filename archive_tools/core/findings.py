"""What a person may want to know about a day: counted, never fatal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that a person may want to know about a day: counted, never fatal.

    Attributes
    ----------
    kind : str
    count : int
    where : str
        Dataset, table or file.
    detail : str
        May hold ``{amount}``.
    amount : float
        What the counted things come to.
    """

    kind: str
    count: int
    where: str = ""
    detail: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        detail = self.detail.replace("{amount}", f"{self.amount:g}")
        return (
            f"{self.kind}: {self.count}"
            + (f" in {self.where}" if self.where else "")
            + (f" ({detail})" if detail else "")
        )


class Findings:
    """The findings of one stage of one product, made by one thread; zero counts are not kept.

    Iteration is sorted by kind, place and detail, so that the same day gives the same text.
    """

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str], Finding] = {}

    def add(
        self, kind: str, count: int, where: str = "", detail: str = "", amount: float = 0.0
    ) -> None:
        """Count something; the same kind, place and detail is one finding."""
        if count:
            kind, where, detail = (
                text.encode("utf-8", "backslashreplace").decode() for text in (kind, where, detail)
            )  # names of files may be no text
            key = (kind, where, detail)
            before = self._items.get(key, Finding(kind, 0, where, detail))
            self._items[key] = Finding(
                kind, before.count + int(count), where, detail, before.amount + amount
            )

    def total(self, kind: str) -> int:
        """Sum of the counts of a kind."""
        return sum(item.count for item in self if item.kind == kind)

    def merge(self, other: Findings) -> None:
        """Add the findings of another stage."""
        for item in other:
            self.add(item.kind, item.count, item.where, item.detail, item.amount)

    def sentences(self) -> list[str]:
        """As receipts, files and reports have them, sorted."""
        return [str(item) for item in self]

    def counts_at(self, where: str) -> dict[str, int]:
        """Counts by kind of one place."""
        found: dict[str, int] = {}
        for item in self:
            if item.where == where:
                found[item.kind] = found.get(item.kind, 0) + item.count
        return found

    def __iter__(self) -> Iterator[Finding]:
        return iter(item for _, item in sorted(self._items.items()))

    def __len__(self) -> int:
        return len(self._items)


def shortened(names: Sequence[str], limit: int = 5) -> str:
    """The first of many names, for the detail of a finding."""
    return ", ".join(names[:limit]) + (
        f", and {len(names) - limit} more" if len(names) > limit else ""
    )
