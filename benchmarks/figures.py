"""What the benchmarks measured: `record` notes a figure, and the module prints the table.

A benchmark calls ``record("status", 0.8, "s")``: key of a row of `BOUNDS`, figure, unit. Figures go
to the file that the environment names as BENCH_FIGURES; where it names none, as in plain tests,
only the row and the unit are checked.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.bounds import BOUNDS, Bound

Figures = dict[str, dict[str, Any]]


def record(row: str, figure: float, unit: str, limit: str = "") -> None:
    """Note what a row of the table comes to; a later figure of the same row replaces it.

    Parameters
    ----------
    row : str
        Key of a row of `BOUNDS`.
    figure : float
    unit : str
        That of the row.
    limit : str
        The physical limit, in words with its figure: such as "one reading 3.2 s".
    """
    assert unit == BOUNDS[row].unit, f"{row} is in {BOUNDS[row].unit}, not {unit}"
    if named := os.environ.get("BENCH_FIGURES"):
        path = Path(named)
        path.parent.mkdir(parents=True, exist_ok=True)
        figures = read(path) | {row: {"figure": figure, "unit": unit, "limit": limit}}
        path.write_text(json.dumps(figures, indent=1) + "\n")


def read(path: Path) -> Figures:
    """The figures of a file; none if there is no such file."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def verdict(bound: Bound, figure: float | None) -> str:
    """What a figure means, in words."""
    if figure is None:
        return "not measured"
    if bound.reached(figure, bound.aim):
        return "met, the aim too"
    if bound.reached(figure, bound.bound):
        return "met, the aim is not"
    return f"MISSED: {'at least' if bound.more_is_better else 'at most'} {bound.bound:g} is wanted"


def table(figures: Figures, before: Figures | None = None) -> str:
    """All rows of `BOUNDS` with what was reached; with the figures of an earlier run beside it, if
    there are some.
    """
    head = ["work", "unit", "bound", "aim", *(["before"] if before else []), "reached"]
    lines = [[*head, "", "limit"]]
    for row, bound in BOUNDS.items():
        found = [one.get(row, {}) for one in ([before] if before else []) + [figures]]
        figure = found[-1].get("figure")
        lines.append(
            [
                bound.work,
                bound.unit,
                f"{bound.bound:g}",
                f"{bound.aim:g}",
                *(shown(one.get("figure")) for one in found),
                verdict(bound, figure),
                found[-1].get("limit", ""),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    verdicts = [line[-2] for line in lines[1:]]
    missed = sum(one.startswith("MISSED") for one in verdicts)
    absent = verdicts.count("not measured")
    met = len(verdicts) - missed - absent
    return "\n".join([*rows, f"{met} met, {missed} missed, {absent} not measured"])


def shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3g}"


if __name__ == "__main__":
    reached, *earlier = map(Path, sys.argv[1:])
    print(table(read(reached), *(json.loads(path.read_text()) for path in earlier)))
