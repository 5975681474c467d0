"""`tokio-archive check`: a whole archive has no problems; each kind of damage is found, and nothing
else is blamed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import archive_tools
from archive_tools.checking import whole_archive
from archive_tools.checking.problems import Problem, guarded
from archive_tools.cli.main import main
from archive_tools.formats import row_blocks
from archive_tools.store import layout
from pipeline.cli.main import main as pipeline_main
from tests.support.lmtdb import make_lmt
from tests.support.paths import SITEDAY_LOGS

DATE = dt.date(2026, 11, 22)
EVER = dt.date.min, dt.date.max
READ = "datatargets/readbytes"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive as the pipeline made it."""
    folder = tmp_path_factory.mktemp("whole")
    make_lmt.make(folder / "lmt.db", DATE, osts=3, oss=2, mds=1)
    sources = {
        "scratch": {"kind": "lmt", "database": f"sqlite:///{folder}/lmt.db"},
        "darshan": {"kind": "darshan", "logs": str(SITEDAY_LOGS)},
    }
    (folder / "site.json").write_text(
        json.dumps({"site": "test", "archive": "archive", "sources": sources})
    )
    assert pipeline_main(["nightly", "--site", str(folder / "site.json"), "--date", str(DATE)]) == 0
    return folder / "archive"


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return shutil.copytree(whole, tmp_path / "archive")


def problems(root: Path, **options: Any) -> list[Problem]:
    """What the rules find; that bytes are not those of receipts is tested elsewhere."""
    found = whole_archive.check_archive(archive_tools.Archive(root), *EVER, **options)
    return [problem for problem in found if problem.kind != "bytes"]


def test_a_whole_archive_has_no_problems(whole: Path) -> None:
    assert problems(whole, deep=True) == []
    assert problems(whole) == []


def day(root: Path) -> Path:
    return root / f"2026/{DATE}"


def servers(root: Path) -> h5py.File:
    return h5py.File(day(root) / "scratch.hdf5", "r+")


def version(root: Path) -> None:
    with servers(root) as file:
        file.attrs["version"] = "2"


def no_version(root: Path) -> None:
    with servers(root) as file:
        del file.attrs["version"]


def end(root: Path) -> None:
    with servers(root) as file:
        file.attrs["end"] = file.attrs["end"] + 3600


def zone(root: Path) -> None:
    with servers(root) as file:
        for name, moved in (("start", 8 * 3600), ("end", 8 * 3600)):
            file.attrs[name] = file.attrs[name] + moved
        for group in ("datatargets", "mdtargets", "dataservers", "mdservers", "fullness"):
            file[f"{group}/timestamps"][...] += 8 * 3600
        file.attrs["timezone"] = "America/Los_Angeles"


def instance(root: Path) -> None:
    with servers(root) as file:
        file.attrs["instance"] = "home"


def stamp(root: Path) -> None:
    with servers(root) as file:
        file["datatargets/timestamps"][7] += 1


def stamps_of_half_the_day(root: Path) -> None:
    with servers(root) as file:
        file["mdservers/timestamps"].attrs["timestep"] = 10


def twice(root: Path) -> None:
    with servers(root) as file:
        names = file[READ].attrs["columns"]
        names[1] = names[0]
        file[READ].attrs["columns"] = names
        file["datatargets/component"][1] = names[0].decode()


def too_few(root: Path) -> None:
    with servers(root) as file:
        file["fullness/bytes"].attrs["columns"] = file["fullness/bytes"].attrs["columns"][:-1]


def scale(root: Path) -> None:
    with servers(root) as file:
        file["fullness/component"][0] = "other"


def no_scale(root: Path) -> None:
    with servers(root) as file:
        file[READ].dims[1].detach_scale(file["datatargets/component"])


def infinite(root: Path) -> None:
    with servers(root) as file:
        file["fullness/bytes"][4, 1] = np.inf


def negative(root: Path) -> None:
    with servers(root) as file:
        file[READ][4, 1] = -1.0


def negative_state(root: Path) -> None:
    with servers(root) as file:
        file["dataservers/cpuload"][4, 1] = -253.0


def impossible(root: Path) -> None:
    with servers(root) as file:
        file[READ][4, 1] = 152e12


def above_total(root: Path) -> None:
    with servers(root) as file:
        file["fullness/bytes"][4, 1] = 1.1 * file["fullness/bytestotal"][4, 1]


def above_the_site_s_limit(root: Path) -> None:
    with servers(root) as file:
        file[READ].attrs["largest"] = float(np.nanmax(file[READ][...])) / 5 / 2


def unit(root: Path) -> None:
    with servers(root) as file:
        file[READ].attrs["units"] = "KiB"


def kind(root: Path) -> None:
    with servers(root) as file:
        file[READ].attrs["kind"] = "gauge"


def unheard_of(root: Path) -> None:
    with servers(root) as file:
        file.move(READ, "datatargets/wishes")


def chunk(root: Path) -> None:
    path = day(root) / "scratch.hdf5"
    with h5py.File(path) as file:
        found: list[Any] = []
        file[READ].id.chunk_iter(found.append)
    with path.open("r+b") as raw:
        raw.seek(found[5].byte_offset + found[5].size // 2)
        raw.write(bytes(found[5].size // 2))


def no_hdf5(root: Path) -> None:
    (day(root) / "scratch.hdf5").write_bytes(b"\x89HDF nothing")


def cut(root: Path) -> None:
    path = day(root) / "scratch.hdf5"
    os.truncate(path, path.stat().st_size // 2)


def no_axis(root: Path) -> None:
    with servers(root) as file:
        del file["mdtargets/timestamps"]


def table(root: Path) -> None:
    with h5py.File(day(root) / "darshan.hdf5", "r+") as file:
        file["darshan/logs/nprocs"].resize((3,))


def stranger(root: Path) -> None:
    with h5py.File(day(root) / "darshan.hdf5", "r+") as file:
        file["darshan/summaries/log_id"][0] = 99999


def sql(text: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        connection = sqlite3.connect(day(root) / "darshan_index.sqlite")
        connection.execute(text)
        connection.commit()
        connection.close()

    damage.__name__ = text.split()[0].lower()
    return damage


def torn_index(root: Path) -> None:
    path = day(root) / "darshan_index.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 : 3 * 4096] = bytes(2 * 4096)
    path.write_bytes(data)


def no_index(root: Path) -> None:
    (day(root) / "darshan_index.sqlite").write_text("no database")


def no_parquet(root: Path) -> None:
    path = day(root) / "darshan_jobs.parquet"
    os.truncate(path, path.stat().st_size - 9)


def other_sums(root: Path) -> None:
    path = day(root) / "darshan_jobs.parquet"
    found = pq.read_table(path)
    values = found["bytes_written"].to_pylist()
    values[next(i for i, value in enumerate(values) if value)] += 1
    pq.write_table(
        found.set_column(
            found.column_names.index("bytes_written"), "bytes_written", pa.array(values, pa.int64())
        ),
        path,
    )


def receipt(root: Path, product: str) -> Path:
    (found,) = root.glob(f"receipts/2026/11/{DATE}.{product}.*")
    return found


def gone(root: Path) -> None:
    (day(root) / "scratch.hdf5").unlink()


def no_report(root: Path) -> None:
    (day(root) / "report.html").unlink()


def unreceipted(root: Path) -> None:
    receipt(root, "darshan.index").unlink()


def torn_receipt(root: Path) -> None:
    receipt(root, "scratch.tts").write_text("{")


def failed(root: Path) -> None:
    name = f"{DATE}.scratch.tts.v1.{'0' * 16}.failed.json"
    (root / "receipts/2026/11" / name).write_text(json.dumps({"error": "the disk is full"}))


def left_over(root: Path) -> None:
    path = day(root) / ".scratch.hdf5.host.1.abcd.tmp"
    path.touch()
    os.utime(path, (0, 0))


def unknown(root: Path) -> None:
    (day(root) / "notes.txt").touch()


def no_about(root: Path) -> None:
    (root / layout.ABOUT).unlink()


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (version, {"version", "damaged"}),
        (no_version, {"version", "damaged"}),
        (end, {"bounds"}),
        (zone, {"place"}),
        (instance, {"place"}),
        (stamp, {"time stamps"}),
        (stamps_of_half_the_day, {"time stamps"}),
        (twice, {"columns", "scales", "damaged"}),
        (too_few, {"columns", "scales", "damaged"}),
        (scale, {"scales"}),
        (no_scale, {"scales"}),
        (infinite, {"infinite"}),
        (negative, {"negative"}),
        (negative_state, {"negative"}),
        (impossible, {"impossible"}),
        (above_total, {"impossible"}),
        (above_the_site_s_limit, {"impossible"}),
        (unit, {"unit"}),
        (kind, {"kind"}),
        (unheard_of, {"catalogue"}),
        (chunk, {"damaged"}),
        (no_hdf5, {"cannot be opened"}),
        (cut, {"cannot be opened"}),
        (no_axis, {"damaged"}),
        (table, {"tables"}),
        (stranger, {"tables"}),
        (sql("DELETE FROM headers WHERE log_id = 3"), {"rows"}),
        (sql("UPDATE summaries SET bytes_read = bytes_read + 1 WHERE rowid = 1"), {"sums"}),
        (sql("DROP TABLE mounts"), {"damaged"}),
        (torn_index, {"damaged"}),
        (no_index, {"damaged"}),
        (no_parquet, {"damaged"}),
        (other_sums, {"sums"}),
        (gone, {"no file"}),
        (no_report, {"no file"}),
        (unreceipted, {"no receipt"}),
        (torn_receipt, {"receipt"}),
        (failed, {"failed"}),
        (left_over, {"left over"}),
        (unknown, {"unknown file"}),
        (no_about, {"archive.json"}),
    ],
)
def test_damage_is_found(root: Path, damage: Callable[[Path], None], kinds: set[str]) -> None:
    damage(root)
    assert {problem.kind for problem in problems(root)} == kinds


def test_measured_cells_are_those_of_the_receipt(root: Path) -> None:
    with servers(root) as file:
        before = int(np.count_nonzero(~np.isnan(file[READ][...])))
        file[READ][100:103, 0] = np.nan
    assert problems(root) == []
    (problem,) = problems(root, deep=True)
    assert (problem.kind, problem.where) == ("measured", f"{day(root) / 'scratch.hdf5'}: {READ}")
    assert problem.what == f"{before - 3} measured cells; the receipt says {before}"


def test_two_ways_of_reading_are_compared(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = row_blocks.PlainBlock.load

    def other(self: row_blocks.PlainBlock, out: Any = None) -> Any:
        values = load(self, out)
        if self.dataset == f"/{READ}":
            values[0, 0] = 7.5
        return values

    monkeypatch.setattr(row_blocks.PlainBlock, "load", other)
    assert problems(whole) == []
    assert {
        (problem.kind, problem.where.rpartition(" ")[2]) for problem in problems(whole, deep=True)
    } == {("differs", READ)}


def test_a_rule_that_damage_ends_is_named_in_words(whole: Path) -> None:
    def time_axes(path: Path, file: h5py.File, expected: Any) -> Iterator[Problem]:
        raise RuntimeError("Unable to get group info")
        yield

    with servers(whole) as file:
        (problem,) = guarded(time_axes, whole, file, None)
    assert problem.what == "time axes cannot be checked: Unable to get group info"


def test_young_temporary_files_are_at_work(root: Path) -> None:
    (day(root) / ".scratch.hdf5.host.1.abcd.tmp").touch()
    assert problems(root) == []


def test_only_what_is_asked_for(root: Path) -> None:
    negative(root)
    unreceipted(root)
    assert {problem.kind for problem in problems(root, instances=["scratch"])} == {"negative"}
    archive = archive_tools.Archive(root)
    assert list(whole_archive.check_archive(archive, dt.date(2026, 11, 23), dt.date.max)) == []
    seen: list[str] = []
    list(whole_archive.check_archive(archive, DATE, DATE, progress=seen.append))
    assert seen == [f"{DATE} {name}" for name in ("_day", "darshan", "scratch")]


@pytest.mark.parametrize(
    "name", ["sample_tokiots.hdf5", "snx11025_2018-01-28.hdf5", "snx11025_2018-01-28.h5lmt"]
)
def test_older_files_keep_what_their_format_promises(real: Path, tmp_path: Path, name: str) -> None:
    path = real / "tts" / name
    assert list(whole_archive.check_file(path, deep=True)) == []
    copy = tmp_path / name
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        axis = file[
            "FSStepsGroup/FSStepsDataSet" if name.endswith("h5lmt") else "datatargets/timestamps"
        ]
        axis[3] += 2
        values = (
            file["OSTReadGroup/OSTBulkReadDataSet"]
            if name.endswith("h5lmt")
            else next(v for k, v in file["datatargets"].items() if k.startswith("read"))
        )
        values[2, 2] = -5.0
    assert {problem.kind for problem in whole_archive.check_file(copy)} == {
        "time stamps",
        "negative",
    }


def test_the_command(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["check", "--deep", "--archive", str(root)]) == 0
    assert capsys.readouterr().out == "0 problems in 1 day, 6 files\n"
    assert main(["check", "--json", "--archive", str(root), "--start", str(DATE)]) == 0
    assert json.loads(capsys.readouterr().out) == []
    (day(root) / "evil\x1b[31m[red]\n.txt").touch()
    assert main(["check", "--archive", str(root)]) == 1
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "evil\\x1b[31m[red]\\n.txt" in shown
    assert len(shown.splitlines()) == 3
    for text in ("", "--json"):
        given = [
            "check",
            "--archive",
            str(root),
            "--start",
            "2026-11-19",
            *([text] if text else []),
        ]
        assert main(given) == 1
        silent = capsys.readouterr()
        assert silent.out == ""
        assert "no day of the range is in" in silent.err
    (root.parent / "without").mkdir()
    assert main(["check", "--archive", str(root.parent / "without")]) == 1
    silent = capsys.readouterr()
    assert "1 problem in 0 days, 0 files" in silent.out
    assert "no day of the range is in" in silent.err
    negative(root)
    file = str(day(root) / "scratch.hdf5")
    assert (
        main(
            [
                "check",
                "--json",
                file,
                str(day(root) / "darshan_index.sqlite"),
                str(day(root) / "darshan_jobs.parquet"),
            ]
        )
        == 1
    )
    (reported,) = json.loads(capsys.readouterr().out)
    assert reported == {
        "kind": "negative",
        "where": f"{file}: {READ}",
        "what": "1 values are below zero",
    }
    assert main(["check", f"{file}.gone"]) == 1
    assert main(["check", "--archive", str(root), "--instance", "home"]) == 1
