"""What every source of logs must satisfy. A new source is done when it passes.

A test module gives a `LogCase`: names of logs, and how these are written down as the source has
them. `LogContract` then writes them late, in another order, damaged, or not at all, and looks at
what the readers make of them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.vocabulary import Product, RejectReason
from pipeline.model import LogBatch
from pipeline.site import SourceOptions
from pipeline.sources import registry as sources
from pipeline.sources.contract import Fetched, LogSource


@dataclasses.dataclass(frozen=True)
class LogCase:
    """A source with logs of one day.

    Attributes
    ----------
    day : Day
    names : sequence of str
        Names of logs, as the archive shows them; at least three.
    write : callable
        Writes the logs of these names below a folder, in this order; those that are there stay.
    remove : callable
        Removes the log of a name.
    damage : callable
        Damages the log of a name.
    options : callable
        The checked options of a source that has that folder.
    """

    day: Day
    names: Sequence[str]
    write: Callable[[Path, Sequence[str]], None]
    remove: Callable[[Path, str], None]
    damage: Callable[[Path, str], None]
    options: Callable[[Path], SourceOptions]


def source_of(options: SourceOptions) -> LogSource[Any]:
    """The source that some options are of."""
    found = sources.find(options.kind)
    assert isinstance(found, LogSource), f"{options.kind} is not a source of logs"
    return found


def fetched(options: SourceOptions, day: Day, folder: Path) -> Fetched:
    """What a source's fetch gives; raw data go into `folder`."""
    folder.mkdir(parents=True)
    return source_of(options).fetch(options, day, folder)


def as_it_is(batch: LogBatch) -> LogBatch:
    """The batch itself: what the readers hand over is what they read."""
    return batch


def batches(options: SourceOptions, day: Day, folder: Path) -> list[LogBatch]:
    """What the readers read of the logs that a fetch listed in `folder`."""
    source = source_of(options)
    jobs = source.jobs(options, day, folder, as_it_is)
    return [batch for job in jobs for batch in source.run(job)]


def rows(found: Sequence[LogBatch]) -> dict[str, dict[str, Any]]:
    """The row of the table of logs, by file name."""
    table: dict[str, dict[str, Any]] = {}
    for batch in found:
        for place, name in enumerate(batch.logs["filename"].tolist()):
            assert name not in table, f"{name} is read twice"
            table[name] = {column: values[place] for column, values in batch.logs.items()}
    return table


def rejects(found: Sequence[LogBatch]) -> dict[str, str]:
    """The reason of each file that is rejected, by file name."""
    return {
        name: reason
        for batch in found
        for name, reason in zip(
            batch.rejects["filename"].tolist(), batch.rejects["reason"].tolist(), strict=True
        )
    }


def assert_same(one: Sequence[LogBatch], other: Sequence[LogBatch]) -> None:
    """Equal batches, to the last bit."""
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_equal(dataclasses.asdict(first), dataclasses.asdict(second))


class LogContract:
    """Tests of a source of logs; a subclass has a fixture `case`."""

    @pytest.fixture
    def case(self) -> LogCase:
        raise NotImplementedError

    @pytest.fixture
    def folder(self, case: LogCase, tmp_path: Path) -> Path:
        """Where the logs are."""
        folder = tmp_path / "source"
        folder.mkdir()
        case.write(folder, case.names)
        return folder

    def test_its_products_and_table_are_a_sources(self, case: LogCase, folder: Path) -> None:
        kind = source_of(case.options(folder))
        assert kind.products == (Product.TTS, Product.INDEX, Product.JOBS)
        assert kind.version >= 1
        assert kind.reader
        assert kind.metrics()
        assert all(isinstance(metric.find, kind.Selector) for metric in kind.metrics())

    def test_every_file_is_indexed_or_rejected_with_a_reason(
        self, case: LogCase, folder: Path, tmp_path: Path
    ) -> None:
        options = case.options(folder)
        assert fetched(options, case.day, tmp_path / "whole").counts == {"files": len(case.names)}
        found = batches(options, case.day, tmp_path / "whole")
        assert set(rows(found)) == set(case.names)
        assert not rejects(found)
        case.damage(folder, case.names[0])
        fetched(options, case.day, tmp_path / "damaged")
        found = batches(options, case.day, tmp_path / "damaged")
        assert set(rows(found)) == set(case.names[1:])
        assert set(rejects(found)) == {case.names[0]}
        assert RejectReason.read(rejects(found)[case.names[0]]) is not None, "the reason is known"

    def test_damage_costs_that_log_only(self, case: LogCase, folder: Path, tmp_path: Path) -> None:
        options = case.options(folder)
        fetched(options, case.day, tmp_path / "whole")
        whole = rows(batches(options, case.day, tmp_path / "whole"))
        damaged_name = case.names[len(case.names) // 2]
        case.damage(folder, damaged_name)
        fetched(options, case.day, tmp_path / "damaged")
        found = rows(batches(options, case.day, tmp_path / "damaged"))
        del whole[damaged_name]
        np.testing.assert_equal(found, whole)

    def test_the_same_manifest_gives_the_same_batches(
        self, case: LogCase, folder: Path, tmp_path: Path
    ) -> None:
        options = case.options(folder)
        fetched(options, case.day, tmp_path / "raw")
        first = batches(options, case.day, tmp_path / "raw")
        assert_same(first, batches(options, case.day, tmp_path / "raw"))

    def test_the_order_of_the_files_does_not_matter(
        self, case: LogCase, folder: Path, tmp_path: Path
    ) -> None:
        options = case.options(folder)
        fetched(options, case.day, tmp_path / "straight")
        straight = batches(options, case.day, tmp_path / "straight")
        for name in case.names:
            case.remove(folder, name)
        case.write(folder, list(reversed(case.names)))
        fetched(options, case.day, tmp_path / "reversed")
        assert_same(straight, batches(options, case.day, tmp_path / "reversed"))

    def test_a_late_log_is_seen(self, case: LogCase, folder: Path, tmp_path: Path) -> None:
        options = case.options(folder)
        kind = source_of(options)
        case.remove(folder, case.names[-1])
        early = kind.inputs(options, case.day)
        json.dumps(early)
        assert kind.inputs(options, case.day) == early
        case.write(folder, case.names[-1:])
        late = kind.inputs(options, case.day)
        assert late != early
        seen = fetched(options, case.day, tmp_path / "raw").inputs
        assert seen in (None, late), "a fetch says what it saw as inputs does"
        assert case.names[-1] in rows(batches(options, case.day, tmp_path / "raw"))

    def test_another_day_has_no_data(self, case: LogCase, folder: Path, tmp_path: Path) -> None:
        other = Day(case.day.date.replace(year=case.day.date.year + 2), case.day.timezone)
        options = case.options(folder)
        with pytest.raises(NoData):
            fetched(options, other, tmp_path / "raw")
        json.dumps(source_of(options).inputs(options, other))
