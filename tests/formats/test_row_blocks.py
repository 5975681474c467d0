"""Chunks read directly give what h5py gives; a damaged or replaced file is an error that names
it.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_tools import open_tts
from archive_tools.core.day import Day
from archive_tools.core.errors import FormatError, InputChanged, NotFound
from archive_tools.core.grid import Grid
from archive_tools.formats import row_blocks
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.schemas import catalogue

DAY = Day(dt.date(2026, 11, 22))
NAME = "datatargets/readbytes"

layouts = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 40),
        "columns": st.integers(1, 7),
        "chunks": st.one_of(st.none(), st.tuples(st.integers(1, 40), st.integers(1, 7))),
        "compression": st.sampled_from([None, "gzip", "lzf"]),
        "shuffle": st.booleans(),
        "seed": st.integers(0, 99),
    }
)


def foreign(path: Path, layout: dict[str, Any]) -> None:
    """A version 1 file of any layout, with cells of all kinds and chunks that were never
    written.
    """
    shape = layout["rows"], layout["columns"]
    chunks = layout["chunks"] and tuple(
        min(pair) for pair in zip(layout["chunks"], shape, strict=True)
    )
    filters = {"compression": layout["compression"], "shuffle": layout["shuffle"]} if chunks else {}
    random = np.random.default_rng(layout["seed"])
    values = random.choice([0.0, -0.0, np.nan, 1.5, 2.0**60], shape)
    with h5py.File(path, "w") as file:
        file.attrs.update({"version": "1", "start": DAY.start, "end": DAY.end})
        file["datatargets/timestamps"] = DAY.start + 10 * np.arange(shape[0])
        item = file.create_dataset(
            NAME, shape=shape, dtype="f8", chunks=chunks, fillvalue=-0.0, **filters
        )
        item[: (shape[0] + 1) // 2] = values[: (shape[0] + 1) // 2]
        item.attrs["columns"] = np.array([f"c{n}".encode() for n in range(shape[1])])
        item.attrs["units"] = "bytes"


@settings(deadline=None, max_examples=80)
@given(layout=layouts, data=st.data())
def test_direct_equals_h5py(
    tmp_path_factory: pytest.TempPathFactory, layout: dict[str, Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("layout") / "a.hdf5"
    foreign(path, layout)
    first = data.draw(st.integers(0, layout["rows"]))
    last = data.draw(st.integers(first, layout["rows"]))
    names = [f"c{n}" for n in range(layout["columns"])]
    wanted = data.draw(
        st.one_of(
            st.none(),
            st.permutations(names).flatmap(
                lambda all_: st.integers(1, len(all_)).map(lambda n: all_[:n])
            ),
        )
    )
    name = data.draw(st.sampled_from([NAME, "datatargets/readrates"]))
    with open_tts(path) as direct, open_tts(path, direct=False) as plain:
        one, other = (
            file.to_numpy(name, first, last, components=wanted) for file in (direct, plain)
        )
        with h5py.File(path) as file:
            stored = file[NAME][first:last][:, [names.index(n) for n in wanted or names]]
    expected = np.where((stored == 0) & np.signbit(stored), np.nan, stored) / (
        10 if name != NAME and layout["rows"] > 1 else 1
    )
    if layout["rows"] > 1:
        np.testing.assert_array_equal(one, expected)
    np.testing.assert_array_equal(one, other)


def test_both_ways_are_taken(tmp_path: Path) -> None:
    foreign(
        tmp_path / "a.hdf5",
        {
            "rows": 9,
            "columns": 3,
            "chunks": (4, 2),
            "compression": "gzip",
            "shuffle": True,
            "seed": 1,
        },
    )
    foreign(
        tmp_path / "b.hdf5",
        {
            "rows": 9,
            "columns": 3,
            "chunks": (4, 2),
            "compression": "lzf",
            "shuffle": True,
            "seed": 1,
        },
    )
    with (
        open_tts(tmp_path / "a.hdf5") as one,
        open_tts(tmp_path / "a.hdf5", direct=False) as reference,
        open_tts(tmp_path / "b.hdf5") as other,
    ):
        kinds = [{type(part) for part in file.row_blocks(NAME)} for file in (one, reference, other)]
    assert kinds == [{row_blocks.ChunkBlock}, {row_blocks.PlainBlock}, {row_blocks.PlainBlock}]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "day.hdf5"
    values = np.random.default_rng(1).integers(0, 2**40, (8640, 5)).astype(float)
    with TtsWriter(path, DAY) as writer:
        writer.write(
            Grid(NAME, tuple("abcde"), DAY.start, 10, values),
            catalogue()[NAME],
            source="t",
            updated=0,
        )
    return path


@pytest.mark.parametrize("direct", [True, False])
def test_a_damaged_chunk_is_named(written: Path, direct: bool) -> None:
    with h5py.File(written) as file:
        found: list[Any] = []
        file[NAME].id.chunk_iter(found.append)
    with written.open("r+b") as file:
        file.seek(found[7].byte_offset + found[7].size // 2)
        file.write(b"\xff" * 64)
    with open_tts(written, direct=direct) as tts:
        assert np.isfinite(tts.to_numpy(NAME, 0, 360)).all()
        with pytest.raises(FormatError, match=r"day\.hdf5.*readbytes"):
            tts.to_numpy(NAME)


@pytest.mark.parametrize("direct", [True, False])
def test_parts_of_a_replaced_file_are_of_the_old_one_or_refused(
    written: Path, direct: bool
) -> None:
    with open_tts(written, direct=direct) as tts:
        loads = tts.row_blocks(NAME, whole_chunks=1)
        expected = tts.to_numpy(NAME)
    assert len(loads) == 24
    np.testing.assert_array_equal(np.concatenate([part.load() for part in loads]), expected)
    copy = written.with_name("copy")
    copy.write_bytes(written.read_bytes())
    os.replace(copy, written)
    later = loads[0].unheld()
    with pytest.raises(InputChanged, match="replaced"):
        later.load()
    written.unlink()
    with pytest.raises(InputChanged, match="removed"):
        later.load()
    np.testing.assert_array_equal(np.concatenate([part.load() for part in loads]), expected)


def test_components_that_are_not_there(written: Path) -> None:
    with (
        open_tts(written) as tts,
        pytest.raises(NotFound, match="no component x; expected: a, b, c, d, e"),
    ):
        tts.to_numpy(NAME, components=["a", "x"])
