"""What every source of series must satisfy. A new source is done when it passes.

A test module gives a `Case`: records in a form of its own, and how they are written down as the
source has them. `Contract` then writes them in other orders, twice, damaged, and looks at what
comes out.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.findings import Findings
from archive_tools.core.grid import Grid
from archive_tools.core.vocabulary import FindingKind, Product
from pipeline.building import pieces
from pipeline.model import Samples
from pipeline.processes.limits import run_in_process
from pipeline.schemas import source_maps
from pipeline.site import SourceOptions
from pipeline.sources import registry as sources
from pipeline.sources.contract import SERIES_PRODUCTS, SeriesSource
from pipeline.transform.grid import Gridder

Result = TypeVar("Result")
PATIENCE = 300.0
"""Seconds that a query may take."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A source with data of one day.

    Attributes
    ----------
    day : Day
    records : sequence
        What was measured, in any form; at least two components over at least three rows.
    write : callable
        Writes records below a folder as the source has them, over what is there.
    options : callable
        The checked options of a source that has that folder.
    corrupt : callable
        Damages a part of what was written; returns what a message must say: a file's name, better a
        place in it.
    totals : mapping, optional
        Dataset to component to the sum of its cells, computed by hand: all datasets and components
        of the day. With it nothing can be dropped, swapped or scaled unseen.
    """

    day: Day
    records: Sequence[Any]
    write: Callable[[Path, Sequence[Any]], None]
    options: Callable[[Path], SourceOptions]
    corrupt: Callable[[Path], str]
    totals: Mapping[str, Mapping[str, float]] | None = None


def source_of(options: SourceOptions) -> SeriesSource[Any]:
    """The source that some options are of."""
    found = sources.find(options.kind)
    assert isinstance(found, SeriesSource), f"{options.kind} is not a source of series"
    return found


def queried(options: SourceOptions, query: Callable[[], Result]) -> Result:
    """What a source gives, asked as a run asks: in a process of its own where it needs one."""
    return run_in_process(PATIENCE, "a test", query) if options.needs_process else query()


def parsed(
    options: SourceOptions, day: Day, folder: Path
) -> tuple[list[Samples], Findings, dict[str, int]]:
    """What a source's fetch and parse give; raw data go into `folder`."""
    source = source_of(options)
    folder.mkdir(parents=True)
    fetched = queried(options, lambda: source.fetch(options, day, folder))
    findings = Findings()
    return list(source.parse(options, day, folder, findings)), findings, dict(fetched.counts)


def grids(
    options: SourceOptions, day: Day, samples: Sequence[Samples], findings: Findings | None = None
) -> dict[str, Grid]:
    """The day's grids of samples, by dataset."""
    gridder = Gridder(day, options.timestep, Findings() if findings is None else findings)
    metrics = {metric.dataset.name: metric for metric in source_of(options).metrics()}
    groups = itertools.groupby(samples, key=lambda s: s.dataset)
    return {
        name: gridder.whole_day(
            [part for piece in group for part in gridder.parts(piece, metrics[name])]
        )
        for name, group in groups
    }


def built(options: SourceOptions, day: Day, folder: Path) -> dict[str, Grid]:
    """The day's grids of a source."""
    return grids(options, day, parsed(options, day, folder)[0])


def assert_same(one: dict[str, Grid], other: dict[str, Grid]) -> None:
    """Equal datasets, components and cells, to the last bit."""
    assert one.keys() == other.keys()
    for name, grid in one.items():
        assert grid.columns == other[name].columns, name
        np.testing.assert_array_equal(grid.values, other[name].values, err_msg=name)


class Contract:
    """Tests of a source; a subclass has a fixture `case`."""

    products: tuple[Product, ...] = SERIES_PRODUCTS

    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError

    @pytest.fixture
    def source(self, case: Case, tmp_path: Path) -> Path:
        folder = tmp_path / "source"
        folder.mkdir()
        case.write(folder, case.records)
        return folder

    def test_it_gives_its_samples(self, case: Case, source: Path, tmp_path: Path) -> None:
        options = case.options(source)
        samples, findings, counts = parsed(options, case.day, tmp_path / "raw")
        known = {metric.dataset.name: metric.dataset for metric in source_of(options).metrics()}
        assert samples
        assert sum(len(piece) for piece in samples)
        for piece in samples:
            assert piece.dataset in known, "only datasets of its table"
            assert (
                source_maps.LEGAL.get(piece.reports, known[piece.dataset].kind)
                == known[piece.dataset].kind
            )
            assert (
                (piece.time >= case.day.start) & (piece.time < case.day.end + options.timestep)
            ).all(), "inside the day and its closing sample"
            assert np.isfinite(piece.value).all(), "what was not measured is not in here"
            assert not len(piece) or (
                piece.column.min() >= 0 and piece.column.max() < len(piece.names)
            )
        groups = [name for name, _ in itertools.groupby(piece.dataset for piece in samples)]
        assert len(groups) == len(set(groups)), "pieces of a dataset follow each other"
        assert not findings.total(FindingKind.UNREADABLE)
        assert counts
        assert all(isinstance(count, int) and count >= 0 for count in counts.values())
        found = grids(options, case.day, samples)
        assert any(np.isfinite(grid.values).any() for grid in found.values())
        for name, grid in found.items():
            assert not (known[name].kind == "delta" and (grid.values < 0).any()), (
                f"{name}: negative"
            )

    def test_totals_are_those_computed_by_hand(
        self, case: Case, source: Path, tmp_path: Path
    ) -> None:
        if case.totals is None:
            pytest.skip("the case has no totals")
        found = built(case.options(source), case.day, tmp_path / "raw")
        sums = {
            name: dict(zip(grid.columns, np.nansum(grid.values, axis=0), strict=True))
            for name, grid in found.items()
        }
        assert sums == {name: pytest.approx(dict(row)) for name, row in case.totals.items()}

    def test_the_same_raw_data_give_the_same_samples(
        self, case: Case, source: Path, tmp_path: Path
    ) -> None:
        options = case.options(source)
        first, _, _ = parsed(options, case.day, tmp_path / "raw")
        source.rename(tmp_path / "elsewhere")  # parse reads nothing but what was fetched
        again = list(source_of(options).parse(options, case.day, tmp_path / "raw", Findings()))
        assert len(first) == len(again)
        for one, other in zip(first, again, strict=True):
            assert (one.dataset, one.names, one.whole) == (other.dataset, other.names, other.whole)
            for key in ("time", "column", "value"):
                np.testing.assert_array_equal(getattr(one, key), getattr(other, key))

    @pytest.mark.parametrize("seed", range(3))
    def test_the_order_of_the_input_does_not_matter(
        self, case: Case, source: Path, tmp_path: Path, seed: int
    ) -> None:
        options = case.options(source)
        straight = built(options, case.day, tmp_path / "straight")
        records = list(case.records)
        random.Random(seed).shuffle(records)
        case.write(source, records)
        assert_same(straight, built(options, case.day, tmp_path / "shuffled"))

    def test_what_is_there_twice_counts_once(
        self, case: Case, source: Path, tmp_path: Path
    ) -> None:
        options = case.options(source)
        once = built(options, case.day, tmp_path / "once")
        case.write(source, [*case.records, *case.records[::2]])
        assert_same(once, built(options, case.day, tmp_path / "twice"))

    def test_another_day_has_no_data(self, case: Case, source: Path, tmp_path: Path) -> None:
        other = Day(case.day.date.replace(year=case.day.date.year + 2), case.day.timezone)
        options = case.options(source)
        (tmp_path / "raw").mkdir()
        with pytest.raises(NoData):
            queried(options, lambda: source_of(options).fetch(options, other, tmp_path / "raw"))

    def test_damage_is_named_and_costs_no_neighbour(
        self, case: Case, source: Path, tmp_path: Path
    ) -> None:
        options = case.options(source)
        whole = built(options, case.day, tmp_path / "whole")
        named = case.corrupt(source)
        samples, findings, _ = parsed(options, case.day, tmp_path / "damaged")
        assert named in " ".join(map(str, findings)), "the finding names file and place"
        damaged = grids(options, case.day, samples)
        assert set(damaged) <= set(whole)
        alike = 0
        for name, grid in damaged.items():
            place = [whole[name].columns.index(column) for column in grid.columns]
            both = ~np.isnan(grid.values) & ~np.isnan(whole[name].values[:, place])
            alike += int((grid.values == whole[name].values[:, place])[both].sum())
        assert alike, "what is not damaged is still there"

    def test_inputs_tell_whether_anything_changed(self, case: Case, source: Path) -> None:
        options = case.options(source)
        kind = source_of(options)
        before, again = (queried(options, lambda: kind.inputs(options, case.day)) for _ in range(2))
        json.dumps(before)
        assert again == before
        case.write(source, case.records[: len(case.records) // 2])
        assert queried(options, lambda: kind.inputs(options, case.day)) != before

    def test_a_fetch_says_what_it_saw_as_inputs_does(
        self, case: Case, source: Path, tmp_path: Path
    ) -> None:
        options = case.options(source)
        (tmp_path / "raw").mkdir()
        kind, day = source_of(options), case.day
        fetched = queried(options, lambda: kind.fetch(options, day, tmp_path / "raw"))
        if fetched.inputs is not None:
            assert fetched.inputs == queried(options, lambda: kind.inputs(options, day))

    def test_its_products_and_table_are_a_sources(self, case: Case, source: Path) -> None:
        kind = source_of(case.options(source))
        assert kind.products == self.products
        assert kind.version >= 1
        assert kind.metrics()
        assert all(isinstance(metric.find, kind.Selector) for metric in kind.metrics())

    @pytest.mark.parametrize("seed", range(3))
    def test_what_a_source_forgets_between_two_fetches_stays(
        self, case: Case, source: Path, tmp_path: Path, seed: int
    ) -> None:
        """Two fetches that each see some of the day give the day, whichever was the first."""
        options = case.options(source)
        whole = built(options, case.day, tmp_path / "whole")
        draw = random.Random(seed)
        seen = [draw.choice(((0,), (1,), (0, 1))) for _ in case.records]
        kind, held = source_of(options), list[Path]()
        for number in range(2):
            case.write(source, [r for r, s in zip(case.records, seen, strict=True) if number in s])
            piece = tmp_path / f"piece-{number}"
            piece.mkdir()
            queried(options, functools.partial(kind.fetch_new, options, case.day, piece, held))
            held.append(piece)
        found = pieces.samples(kind, options, case.day, held[::-1], Findings())
        assert_same(whole, grids(options, case.day, list(found)))
