"""What a person may want to know about a day: counted, never fatal.

Stages add what they find, dataset by dataset. What people read are events: the same thing of the
same components at the same time is one sentence, however many datasets it is in. A sentence and a
receipt's object are made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive_tools.core.components import component_order
from archive_tools.core.day import Day
from archive_tools.core.time_texts import local_text

Span = tuple[int, int]
"""Epoch seconds: the first, and the first after it."""

FEW_DATASETS, FEW_COMPONENTS = 3, 5
"""How many names a sentence has."""
MOST_COMPONENTS = 100
"""How many names of components a receipt has."""


@dataclass(frozen=True)
class Finding:
    """What one stage found in one place.

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
    components : tuple of str
        Whose they are, where that is known; in `component_order`.
    span : (int, int) or None
        When they were, where that is known.
    """

    kind: str
    count: int
    where: str = ""
    detail: str = ""
    amount: float = 0.0
    components: tuple[str, ...] = ()
    span: Span | None = None

    def __str__(self) -> str:
        return Event.of([self]).sentence()


@dataclass(frozen=True)
class Event:
    """The findings that are one event.

    Attributes
    ----------
    kind : str
    count : int
        Of all places together.
    datasets : tuple of str
        Datasets, tables or files; sorted, none where it is of no one.
    components : tuple of str
    span : (int, int) or None
    detail : str
        May hold ``{amount}``.
    amounts : mapping of str to float
        Place to what the counted things come to there, where it is not 0: amounts of several
        datasets have no sum.
    more_components : int
        How many there are beside those that are named.
    """

    kind: str
    count: int
    datasets: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    span: Span | None = None
    detail: str = ""
    amounts: Mapping[str, float] = field(default_factory=dict)
    more_components: int = 0

    @classmethod
    def of(cls, found: Sequence[Finding]) -> Event:
        """The event that some findings are, one a place, which differ in place and count alone."""
        first = found[0]
        return cls(
            first.kind,
            sum(item.count for item in found),
            tuple(sorted(item.where for item in found if item.where)),
            first.components,
            first.span,
            first.detail,
            {
                item.where: item.amount
                for item in sorted(found, key=lambda item: item.where)
                if item.amount
            },
        )

    def sentence(self, timezone: str = "UTC") -> str:
        """``resets: 2 in datatargets/readbytes, of OST1, OST2, from 2026-11-22T08:00:00Z to ...``.

        Parameters
        ----------
        timezone : str
            Whose clock gives the times.
        """
        return self._said(span_text(self.span, timezone) if self.span else "")

    def words(self, day: Day) -> str:
        """The sentence for people who read of a day: ``resets: 2 in datatargets/readbytes, of
        OST1, OST2, 08:00 to 08:05``.

        Raises
        ------
        ValueError, OverflowError, OSError
            It has a time that no calendar has.
        """
        return self._said(clock_span(self.span, day) if self.span else "")

    def _said(self, when: str) -> str:
        named = place(self.components, when, more=self.more_components)
        detail = self.detail.replace("{amount}", self._amount())
        where = ", ".join(filter(None, [self._in_datasets(), named]))
        return (
            f"{self.kind}: {self.count:,}"
            + (f" {where}" if where else "")
            + (f" ({detail})" if detail else "")
        )

    def _in_datasets(self) -> str:
        if len(self.datasets) < 2:
            return f"in {self.datasets[0]}" if self.datasets else ""
        return f"in {len(self.datasets)} datasets: {shortened(self.datasets, FEW_DATASETS)}"

    def _amount(self) -> str:
        """The amount; of several datasets the least and the largest."""
        amounts = sorted(self.amounts.values()) or [0.0]
        if len(self.datasets) < 2:
            return f"{amounts[0]:g}"
        return f"from {amounts[0]:g} to {amounts[-1]:g} a dataset"

    def as_json(self) -> dict[str, Any]:
        """As receipts have it: what is not known is left out."""
        total = len(self.components) + self.more_components
        content: dict[str, Any] = {
            "kind": str(self.kind),
            "count": self.count,
            "datasets": list(self.datasets),
            "components": list(self.components[:MOST_COMPONENTS]),
            "components_count": total if total > MOST_COMPONENTS else 0,
            "detail": self.detail,
            "amounts": dict(self.amounts),
        }
        known = {key: value for key, value in content.items() if value not in ("", 0, [], {})}
        return known | ({"from": self.span[0], "to": self.span[1]} if self.span else {})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Event:
        """The event of a receipt's object.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is not one.
        """
        components = tuple(map(str, content.get("components", ())))
        total = int(content.get("components_count", 0)) or len(components)
        return cls(
            str(content["kind"]),
            int(content["count"]),
            tuple(map(str, content.get("datasets", ()))),
            components,
            (int(content["from"]), int(content["to"])) if "from" in content else None,
            str(content.get("detail", "")),
            {str(name): float(amount) for name, amount in content.get("amounts", {}).items()},
            total - len(components),
        )


def events_of(content: Mapping[str, Any]) -> list[Event]:
    """The events of a receipt; none where it has none, or none that can be read."""
    try:
        return [Event.from_json(event) for event in content.get("events", ())]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return []


class _Key(NamedTuple):
    """What makes findings the same one."""

    kind: str
    where: str
    detail: str
    span: tuple[int, ...]
    components: tuple[str, ...]


class Findings:
    """The findings of one stage of one product, made by one thread; zero counts are not kept.

    What comes out does not depend on the order in which it was added, so that the same day gives
    the same text: iteration is sorted, and amounts are added up in the order of their size.
    """

    def __init__(self) -> None:
        self._items: dict[_Key, tuple[int, list[float]]] = {}

    def add(
        self,
        kind: str,
        count: int,
        where: str = "",
        detail: str = "",
        amount: float = 0.0,
        *,
        components: Iterable[str] = (),
        span: Span | None = None,
    ) -> None:
        """Count something; what differs in count and amount alone is one finding.

        Parameters
        ----------
        kind : str
        count : int
        where : str
            Dataset, table or file.
        detail : str
            May hold ``{amount}``.
        amount : float
            What the counted things come to.
        components : iterable of str
            Whose they are, where that is known.
        span : (int, int), optional
            Epoch seconds in which they were: the first, and the first after it.
        """
        if count:
            names = sorted({_text(name) for name in components}, key=component_order)
            when = (int(span[0]), int(span[1])) if span else ()
            key = _Key(_text(kind), _text(where), _text(detail), when, tuple(names))
            self._put(key, int(count), [amount] if amount else [])

    def _put(self, key: _Key, count: int, amounts: list[float]) -> None:
        before, others = self._items.get(key, (0, []))
        self._items[key] = before + count, others + amounts

    def total(self, kind: str) -> int:
        """Sum of the counts of a kind."""
        return sum(count for key, (count, _) in self._items.items() if key.kind == kind)

    def merge(self, other: Findings) -> None:
        """Add the findings of another stage."""
        for key, (count, amounts) in other._items.items():
            self._put(key, count, amounts)

    def events(self) -> list[Event]:
        """What people read, sorted: components that one place has at the same time are together,
        then places of which components and time are the same.
        """
        together: dict[_Key, Findings] = {}
        for key, (count, amounts) in self._items.items():
            alike = key._replace(components=())
            together.setdefault(alike, Findings())._put(key, count, amounts)
        events: dict[_Key, list[Finding]] = {}
        for alike, those in sorted(together.items()):
            found = those._as_one()
            known = bool(found.components or found.span)
            same = alike._replace(components=found.components, where="" if known else found.where)
            events.setdefault(same, []).append(found)
        made = [Event.of(found) for found in events.values()]
        return sorted(made, key=lambda one: (one.kind, one.datasets, one.detail, one.span or ()))

    def _as_one(self) -> Finding:
        """Findings that differ in components alone, as one."""
        key = min(self._items)
        names = {name for one in self._items for name in one.components}
        merged = key._replace(components=tuple(sorted(names, key=component_order)))
        count = sum(count for count, _ in self._items.values())
        return _finding(merged, count, [one for _, some in self._items.values() for one in some])

    def sentences(self) -> list[str]:
        """The events as receipts, files and messages have them."""
        return [event.sentence() for event in self.events()]

    def counts_at(self, where: str) -> dict[str, int]:
        """Counts by kind of one place."""
        found: dict[str, int] = {}
        for item in self:
            if item.where == where:
                found[item.kind] = found.get(item.kind, 0) + item.count
        return found

    def __iter__(self) -> Iterator[Finding]:
        return (_finding(key, *kept) for key, kept in sorted(self._items.items()))

    def __len__(self) -> int:
        return len(self._items)


def _finding(key: _Key, count: int, amounts: Iterable[float]) -> Finding:
    first, *after = key.span or (0, 0)
    span = (first, after[0]) if key.span else None
    return Finding(
        key.kind, count, key.where, key.detail, sum(sorted(amounts)), key.components, span
    )


def _text(name: str) -> str:
    """A name as text: names of files may be none."""
    return name.encode("utf-8", "backslashreplace").decode()


def place(components: Sequence[str], when: str = "", *, more: int = 0) -> str:
    """Whose and when: ``of OST1, OST2, from 2026-11-22T08:00:00Z to 2026-11-22T08:00:05Z``.

    Parameters
    ----------
    components : sequence of str
        The first few are named.
    when : str
        As `span_text` or `clock_span` have it.
    more : int
        Components that are not in `components`.
    """
    whose = f"of {shortened(components, FEW_COMPONENTS, more=more)}" if components else ""
    return ", ".join(filter(None, [whose, when]))


def span_text(span: Span, timezone: str = "UTC") -> str:
    """``from 2026-11-22T08:00:00Z to 2026-11-22T08:00:05Z``, or ``at`` a single second."""
    first, last = (local_text(second, timezone) for second in span)
    return f"at {first}" if span[1] <= span[0] else f"from {first} to {last}"


def clock_span(span: Span, day: Day) -> str:
    """``08:00 to 08:05``, or ``at 08:00`` for a single second, by the clock of the day's site."""
    if span[1] <= span[0]:
        return f"at {day.clock(span[0])}"
    return f"{day.clock(span[0])} to {day.clock(span[1], is_end=True)}"


def shortened(names: Sequence[str], limit: int = 5, *, more: int = 0) -> str:
    """The first of many names; `more` are not in `names`."""
    rest = max(0, len(names) - limit) + more
    return ", ".join(names[:limit]) + (f", and {rest} more" if rest else "")
