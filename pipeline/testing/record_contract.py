"""What every source of records must satisfy, beside what a source of series must: its table of jobs
does not depend on the order of the input, on what is there twice, or on which fetch saw it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from archive_tools.core.day import Day
from archive_tools.formats.records_file import read_records, write_records
from pipeline.site import SourceOptions
from pipeline.sources.contract import RECORD_PRODUCTS, RecordSource
from pipeline.testing import contract


def source_of(options: SourceOptions) -> RecordSource[Any]:
    """The source of records that some options are of."""
    found = contract.source_of(options)
    assert isinstance(found, RecordSource), f"{options.kind} is not a source of records"
    return found


def table_of(options: SourceOptions, day: Day, pieces: Sequence[Path]) -> pa.Table:
    """The table of pieces, the newest first."""
    source = source_of(options)
    batches = source.records(options, day, pieces)
    tables = [
        batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        for batch in batches
    ]
    return pa.concat_tables(tables) if tables else source.schema.empty_table()


def fetched(options: SourceOptions, day: Day, folder: Path, held: Sequence[Path] = ()) -> Path:
    """A new piece."""
    folder.mkdir()
    source_of(options).fetch_new(options, day, folder, held)
    return folder


class RecordContract(contract.Contract):
    """Tests of a source of records; a subclass has a fixture `case`, in which a record is a job, or
    what a target says of one, and no record is made after the day.
    """

    products = RECORD_PRODUCTS

    @pytest.fixture
    def whole(self, case: contract.Case, source: Path, tmp_path: Path) -> pa.Table:
        options = case.options(source)
        return table_of(options, case.day, [fetched(options, case.day, tmp_path / "first")])

    def test_it_gives_its_table(
        self, case: contract.Case, source: Path, whole: pa.Table, tmp_path: Path
    ) -> None:
        kind = source_of(case.options(source))
        assert whole.schema == kind.schema
        assert "jobid" in whole.column_names
        assert whole.num_rows
        target = tmp_path / "jobs.parquet"
        counts = write_records(
            whole.to_batches(), kind.schema, target, date=str(case.day), kind=kind.kind
        )
        again = read_records(target)
        assert counts == {"rows": again.num_rows}
        assert set(again["date"].to_pylist()) == {str(case.day)}
        assert again.drop_columns("date").to_pylist() == whole.to_pylist()

    @pytest.mark.parametrize("seed", range(3))
    def test_the_table_does_not_depend_on_the_order_of_the_input(
        self, case: contract.Case, source: Path, whole: pa.Table, tmp_path: Path, seed: int
    ) -> None:
        options, records = case.options(source), list(case.records)
        random.Random(seed).shuffle(records)
        case.write(source, [*records, *records[::3]])
        again = table_of(options, case.day, [fetched(options, case.day, tmp_path / "again")])
        assert unseen(again) == unseen(whole)

    def test_damage_costs_no_other_row(
        self, case: contract.Case, source: Path, whole: pa.Table, tmp_path: Path
    ) -> None:
        options = case.options(source)
        case.corrupt(source)
        damaged = table_of(options, case.day, [fetched(options, case.day, tmp_path / "damaged")])
        rows = unseen(whole)
        alike = sum(row in rows for row in unseen(damaged))
        assert damaged.num_rows <= whole.num_rows
        assert alike >= damaged.num_rows - 1 > 0

    @pytest.mark.parametrize("seed", range(3))
    def test_a_table_is_of_all_that_any_fetch_saw(
        self, case: contract.Case, source: Path, whole: pa.Table, tmp_path: Path, seed: int
    ) -> None:
        options, draw = case.options(source), random.Random(seed)
        seen = [draw.choice(((0,), (1,), (0, 1))) for _ in case.records]
        held: list[Path] = []
        for number in range(2):
            case.write(source, [r for r, s in zip(case.records, seen, strict=True) if number in s])
            held.append(fetched(options, case.day, tmp_path / f"piece-{number}", held))
        assert unseen(table_of(options, case.day, held[::-1])) == unseen(whole)


def unseen(table: pa.Table) -> list[dict[str, Any]]:
    """The rows without when they were seen, which is when the test wrote them."""
    return [{k: v for k, v in row.items() if k != "seen"} for row in table.to_pylist()]
