"""Findings of a day as a person reads them: what happened at one time is one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archive_tools.core.day import Day
from archive_tools.core.findings import Event, Span, clock_span, events_of, place, shortened
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.reporting.day_figures import Problem
from archive_tools.store.receipts import DayReceipts

ORDER: tuple[str, ...] = (
    FindingKind.UNREADABLE,
    FindingKind.NOT_MEASURED,
    FindingKind.RESETS,
    FindingKind.IMPOSSIBLE,
    FindingKind.LOGS_REJECTED,
    FindingKind.IDLE_AMONG_BUSY,
    FindingKind.GROWTH_ACROSS_GAPS,
)
"""Kinds that a sentence begins with, the weightiest first; then all others."""
FOLLOW = frozenset({FindingKind.GROWTH_ACROSS_GAPS, FindingKind.EMPTY_ROWS})
"""Kinds that only say what follows from a gap."""


MADE_OF: Mapping[str, str] = {
    Product.RAW: "raw data",
    Product.INDEX: "index of logs",
    Product.JOBS: "table of jobs",
}
"""What findings are of; those of series need no word."""


def problems_of(receipts: DayReceipts, instance: str, day: Day) -> list[Problem]:
    """What the receipts of an instance say, grouped by time, earliest first; what has no time
    follows.

    Parameters
    ----------
    receipts : DayReceipts
    instance : str
    day : Day
        Whose clock gives the times.
    """
    dated: list[tuple[Event, str]] = []
    alike: dict[tuple[str, str], list[tuple[Event, str]]] = {}
    undated: list[Problem] = []
    for receipt in receipts.all:
        if receipt.instance != instance or receipt.product in (Product.REPORT, Product.FIGURES):
            continue
        content = receipts.content(receipt)
        events, sentences = _events(content, day)
        of = f"{MADE_OF[receipt.product]}: " if receipt.product in MADE_OF else ""
        for event, sentence in events:
            text = f"{of}{sentence}"
            if event.span is None:
                alike.setdefault((receipt.product, event.kind), []).append((event, text))
            else:
                dated.append((event, text))
        said = [*sentences, *(str(content[key]) for key in ("error", "reason") if key in content)]
        undated += [Problem(text, [], [text]) for text in (f"{of}{one}" for one in said)]
    groups = [_problem(group, day) for group in _together(dated)]
    undated = [*(_undated(group) for group in alike.values()), *undated]
    return [*groups, *_without_followers(undated, groups)]


def _undated(group: Sequence[tuple[Event, str]]) -> Problem:
    """Events of one kind without a time."""
    details = [text for _, text in group]
    kind = group[0][0].kind
    if len(group) == 1:
        return Problem(details[0], [kind], details)
    datasets = sorted({name for event, _ in group for name in event.datasets})
    where = f" in {shortened(datasets, 3)}" if datasets else ""
    return Problem(f"{kind}: {len(group)} findings{where}", [kind], details)


def _events(content: Mapping[str, Any], day: Day) -> tuple[list[tuple[Event, str]], list[str]]:
    """Events with their sentences; where there are none, the sentences of older receipts."""
    try:
        found = [(event, event.words(day)) for event in events_of(content)]
    except (ValueError, OverflowError, OSError):  # times that no calendar has
        found = []
    return found, [] if found else [str(one) for one in content.get("findings", [])]


def _together(dated: Iterable[tuple[Event, str]]) -> list[list[tuple[Event, str]]]:
    """Events of about the same time, each group in the order of its weight."""
    groups: list[list[tuple[Event, str]]] = []
    for event, text in sorted(dated, key=lambda one: (one[0].span or (0, 0), one[1])):
        same = (group for group in groups if _is_same(_span(group), event.span or (0, 0)))
        group = next(same, None)
        if group is None:
            groups.append(group := [])
        group.append((event, text))
    return [sorted(group, key=lambda one: (_weight(one[0].kind), one[1])) for group in groups]


def _span(group: Sequence[tuple[Event, str]]) -> Span:
    """That of the first event, which begins first."""
    return group[0][0].span or (0, 0)


def _is_same(one: Span, other: Span) -> bool:
    """Whether two times are nearly the same: they differ by less than a tenth, or by a minute."""
    slack = max(60.0, 0.1 * (one[1] - one[0]))
    return abs(one[0] - other[0]) <= slack and abs(one[1] - other[1]) <= slack


def _weight(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _problem(group: Sequence[tuple[Event, str]], day: Day) -> Problem:
    events = [event for event, _ in group]
    span = min(_spans(events))[0], max(last for _, last in _spans(events))
    details = [text for _, text in group]
    kinds = list(dict.fromkeys(event.kind for event in events))
    if len(group) == 1:
        return Problem(details[0], kinds, details, *span)
    first = events[0]
    alike = [event for event in events if event.kind == first.kind]
    names = tuple(dict.fromkeys(name for event in alike for name in event.components))
    datasets = {name for event in alike for name in event.datasets}
    when = clock_span(span, day)
    where = place(names, when, more=max(event.more_components for event in alike))
    count = sum(event.count for event in alike)
    sentence = f"{first.kind}: {count:,} in {len(datasets)} datasets, {where}"
    if others := kinds[1:]:
        sentence += f"; with {', '.join(others)}"
    return Problem(sentence, kinds, details, *span)


def _spans(events: Iterable[Event]) -> list[Span]:
    return [event.span for event in events if event.span]


def _without_followers(undated: list[Problem], groups: list[Problem]) -> list[Problem]:
    """Without findings that a gap explains which is already said."""
    gap = any(FindingKind.NOT_MEASURED in problem.kinds for problem in groups)
    return [one for one in undated if not (gap and one.kinds and FOLLOW.issuperset(one.kinds))]
