"""`tokio-archive publish`: no name of the original in any byte of the copy, all of its counters."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import archive_tools
from archive_tools import schemas
from archive_tools.cli.main import main
from archive_tools.core.errors import ArchiveError
from archive_tools.formats.index_file import open_index
from archive_tools.publishing import columns, copying, products
from archive_tools.publishing.names import Names
from archive_tools.store import files
from pipeline.cli.main import main as pipeline_main
from tests.support.paths import ROOT, SITEDAY_LOGS

DATE = "2026-11-22"
REJECTED = "carol_secretprogram_id77123456-1_11-22-28200-1_1.darshan"
OST, MDT = "fast-OST0003", "fast-MDT0000"
Capture = pytest.CaptureFixture[str]


def site_of(folder: Path) -> Path:
    """The site of siteday, with a log that cannot be read, and snapshots of Lustre."""
    shutil.copytree(SITEDAY_LOGS, folder / "darshan/2026/11/22")
    (folder / "darshan/2026/11/22" / REJECTED).write_bytes(b"\0" * 5000)
    shutil.copy(ROOT / "examples/siteday/prometheus/query_range.json.gz", folder)
    midnight = 1795305600
    (folder / "lfs.txt").write_text(
        "".join(
            f"BEGIN {midnight + 900 * row}\n"
            "UUID 1K-blocks Used Available Use% Mounted on\n"
            f"{OST}_UUID 1000 {row} 10 1% /hidden/place[OST:3]\n"
            f"1 UP osc {OST}-osc-ffff u 5 10.9.8.7@o2ib\n"
            f"2 UP mdc {MDT}-mdc-ffff u 5 10.9.8.6@o2ib\n"
            for row in range(96)
        )
        + f"{OST}_UUID : unspeakable reason\nsomething secretly wrong\n"
    )
    text = (ROOT / "examples/siteday/site.json").read_text()
    site = json.loads(text.replace('"scratch"', '"fast"').replace('"project"', '"big"'))
    site["sources"]["servers"]["answers"] = "query_range.json.gz"
    site["sources"]["darshan"]["logs"] = "darshan/%Y/%-m/%-d"
    site["sources"]["targets"] = {"kind": "lustre_snapshots", "files": "lfs.txt"}
    (folder / "site.json").write_text(json.dumps(site))
    return folder / "site.json"


@dataclass(frozen=True)
class Made:
    """An archive, and two copies of it."""

    root: Path
    out: Path
    all_hashed: Path
    key: Path


def publish(root: Path, out: Path, key: Path, *more: str) -> int:
    return main(["publish", "--archive", str(root), "--out", str(out), "--key", str(key), *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("publish")
    site = site_of(folder)
    assert pipeline_main(["nightly", "--site", str(site), "--date", DATE]) == 3
    found = Made(folder / "archive", folder / "out", folder / "all", folder / "key")
    assert publish(found.root, found.out, found.key) == 0
    assert publish(found.root, found.all_hashed, found.key, "--hash-all") == 0
    return found


def day(root: Path, name: str) -> Path:
    return root / "2026/2026-11-22" / name


def texts_of(connection: sqlite3.Connection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query) if row[0] not in (None, "", "UNKNOWN")}


def secrets(root: Path) -> set[str]:
    """Every name of the original that the copy must not have."""
    with open_index(day(root, "darshan_index.sqlite")) as connection:
        found = {
            text
            for column in ("filename", "exe", "exename", "jobid", "username", "cmdline")
            for text in texts_of(connection, f"SELECT {column} FROM headers")
        }
        found |= texts_of(connection, "SELECT mountpt FROM mounts")
        arguments = texts_of(connection, "SELECT cmdline FROM headers")
    found |= {word for line in arguments for word in line.split() if "/" in word}
    return found | {
        *("oss01", "loop0", "loop1", "siteday", "query_range", "libdarshan-util of", "lfs.txt"),
        *("carol", "secretprogram", "77123456", "user01", "user02", "unspeakable", "secretly"),
        *(
            "10.9.8.7@o2ib",
            "/hidden/place",
            "scratch",
            "project",
            str(root),
            os.uname().nodename + '"',
        ),
    }


def unpacked(path: Path) -> Iterator[bytes]:
    """All bytes of a file: as they are, and those within its compression."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="none", use_dictionary=False)
        yield sink.getvalue().to_pybytes()
        yield repr(table.to_pylist()).encode()
        yield repr(pq.read_metadata(path).to_dict()).encode()
    if path.suffix == ".hdf5":
        with h5py.File(path, "r") as file:
            for item in _items(file):
                yield repr([*item.attrs.items()]).encode()
                if isinstance(item, h5py.Dataset):
                    yield repr(item[...].tolist()[:5000]).encode()
                    yield from _chunks(item)


def _items(file: h5py.File) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item))
    return found


def _chunks(item: h5py.Dataset) -> Iterator[bytes]:
    """What is in the chunks, beyond the rows that there are too."""
    if item.chunks is None:
        return
    for number in range(item.id.get_num_chunks()):
        data = zlib.decompress(
            item.id.read_direct_chunk(item.id.get_chunk_info(number).chunk_offset)[1]
        )
        yield data
        yield np.frombuffer(data, np.uint8).reshape(item.dtype.itemsize, -1).T.tobytes()


def everything(root: Path) -> bytes:
    """All bytes of an archive without raw data, and the names of its files."""
    found = [str(path.relative_to(root)).encode() for path in root.rglob("*")]
    for path in sorted(root.rglob("*")):
        if path.is_file() and "raw" not in path.relative_to(root).parts:
            found += unpacked(path)
    return b"\0\0".join(found)


def strings(root: Path) -> set[str]:
    """Every word of every text in an archive."""
    found: list[str] = []
    for path in root.rglob("*.json"):
        found.append(path.read_text())
    for path in root.rglob("*.sqlite"):
        with sqlite3.connect(path) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'"):
                for row in connection.execute(f"SELECT * FROM {table}"):
                    found += [value for value in row if isinstance(value, str)]
    for path in root.rglob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            found += [value for value in row.values() if isinstance(value, str)]
    for path in root.rglob("*.hdf5"):
        with h5py.File(path, "r") as file:
            for item in _items(file):
                if isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype):
                    found += item.asstr()[...].tolist()
    return {word for text in found for word in re.split(r"[^A-Za-z0-9_.]+", text)}


LONG = 5
"""Names that are shorter may be in compressed bytes by chance; they are looked for as words. So is
the program mpiio: names of columns begin so.
"""


def test_no_name_of_the_original_is_in_any_byte_of_the_copy(made: Made) -> None:
    names = secrets(made.root)
    assert len(names) > 300
    before, after = everything(made.root), everything(made.out)
    for name in sorted({name for name in names if len(name) >= LONG} - {"mpiio"}):
        at = after.find(name.encode())
        assert at < 0, (name, after[max(0, at - 60) : at + 60])
    words = strings(made.out)
    short = {name for name in names if len(name) < LONG}
    assert {"cat", "cp", "dd", "tar", "grep", "gzip"} - short == {"gzip"} - short
    assert not words & names, "as a word of any text"
    for name in ("user01", "9100003", "/opt/jobs/fpp", "oss01", "carol", "lfs.txt"):
        assert name.encode() in before, f"{name}: the search finds what is there"
    assert short & strings(made.root)


def test_with_hash_all_no_file_system_instance_or_target_is_named(made: Made) -> None:
    after = everything(made.all_hashed)
    for name in (OST, MDT, "fast-", "servers.", "darshan_index", "targets."):
        found = [m.start() for m in re.finditer(re.escape(name.encode()), after)]
        assert not found, (name, after[found[0] - 40 : found[0] + 40] if found else b"")
    assert not strings(made.all_hashed) & {"fast", "big"}
    assert {"fast", "big"} <= strings(made.out)


def test_names_of_osts_are_kept_and_those_of_servers_are_not(made: Made) -> None:
    archive = archive_tools.Archive(made.out)
    used = archive.read("targets", "fullness/bytes", DATE, "2026-11-23")
    assert used.columns == (OST,)
    assert used.values[:, 0].tolist() == [1024.0 * row for row in range(96)]
    (server,) = archive.read("servers", "dataservers/cpuload", DATE, "2026-11-23").columns
    assert re.fullmatch("host-[0-9a-f]{16}", server)
    targets = archive.read("servers", "datatargets/readbytes", DATE, "2026-11-23").columns
    assert all(re.fullmatch(f"{server}:device-[0-9a-f]{{16}}", name) for name in targets)


def test_every_counter_of_the_series_is_as_it_was(made: Made) -> None:
    key = Names(bytes.fromhex(made.key.read_text()))
    seen = 0
    for instance in ("servers", "darshan", "targets"):
        old = archive_tools.open_tts(day(made.root, f"{instance}.hdf5"))
        new = archive_tools.open_tts(day(made.out, f"{instance}.hdf5"))
        rename = key.file_system if instance == "darshan" else key.component
        assert old.datasets() == new.datasets()
        for name in old.datasets():
            before, after = old.to_series(name), new.to_series(name)
            place = [after.columns.index(rename(column)) for column in before.columns]
            np.testing.assert_array_equal(before.values, after.values[:, place])
            np.testing.assert_array_equal(before.timestamps, after.timestamps)
            assert (before.unit, before.kind) == (after.unit, after.kind)
            assert old.largest(name) == new.largest(name)
            seen += 1
    assert seen > 20


def test_every_number_of_the_tables_is_as_it_was(made: Made) -> None:
    tables = 0
    with (
        open_index(day(made.root, "darshan_index.sqlite")) as old,
        open_index(day(made.out, "darshan_index.sqlite")) as new,
    ):
        for table in products.TABLES:
            known = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in known if name in columns.NUMBERS)
            query = f"SELECT {kept} FROM {table} ORDER BY rowid"
            assert old.execute(query).fetchall() == new.execute(query).fetchall()
            tables += 1
        rejected = new.execute("SELECT filename, reason FROM rejects").fetchall()
    assert tables == 6
    assert len(rejected) == 1
    assert re.fullmatch(r"log-[0-9a-f]{16}\.darshan", rejected[0][0])
    old_jobs, new_jobs = (
        pq.read_table(day(root, "darshan_jobs.parquet")) for root in (made.root, made.out)
    )
    assert old_jobs.schema.names == new_jobs.schema.names
    for name in columns.NUMBERS & set(old_jobs.schema.names):
        assert sorted(old_jobs[name].to_pylist(), key=str) == sorted(
            new_jobs[name].to_pylist(), key=str
        ), name


def test_what_belonged_together_still_does(made: Made) -> None:
    """Users, programs and jobs are one to one, in the index, the jobs and the HDF5 file."""
    query = "SELECT uid, username, exe, exename, jobid FROM headers ORDER BY log_id"
    with (
        open_index(day(made.root, "darshan_index.sqlite")) as old,
        open_index(day(made.out, "darshan_index.sqlite")) as new,
    ):
        before, after = old.execute(query).fetchall(), new.execute(query).fetchall()
    for number in range(5):
        pairs = {(one[number], other[number]) for one, other in zip(before, after, strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    with h5py.File(day(made.out, "darshan.hdf5")) as file:
        logs = file["darshan/logs"]
        assert {*logs["username"].asstr()[...]} == {row[1] for row in after}
        assert sorted(logs["jobid"].asstr()[...]) == sorted(row[4] for row in after)
        assert {*logs["cmdline"].asstr()[...]} == {""}
    jobs = pq.read_table(day(made.out, "darshan_jobs.parquet"))
    assert {*jobs["jobid"].to_pylist()} == {row[4] for row in after}
    assert {*jobs["uid"].to_pylist()} == {row[0] for row in after}


@pytest.mark.parametrize("which", ["out", "all_hashed"])
def test_the_copy_is_whole_and_every_reading_command_reads_it(
    made: Made, which: str, capsys: Capture, tmp_path: Path
) -> None:
    root: Path = getattr(made, which)
    archive = archive_tools.Archive(root)
    at = ["--archive", str(root)]
    assert main(["check", "--deep", *at]) == 0
    capsys.readouterr()
    assert main(["jobs", DATE, "--json", "--limit", "0", *at]) == 0
    jobs = json.loads(capsys.readouterr().out)
    assert len(jobs) == 128
    picture = tmp_path / "x.svg"
    rich = next(job for job in jobs if job.get("coverage_written"))
    darshan, servers, targets = (
        next(name for name in archive.instances() if wanted in archive.datasets(name))
        for wanted in ("mdtargets/opens", "dataservers/cpuload", "fullness/bytes")
    )
    for command in (
        ["ls"],
        ["info", servers, DATE],
        ["info", darshan, DATE],
        ["cat", targets, "fullness/bytes", DATE],
        ["summarize", servers, DATE, "--by-component"],
        ["job", rich["jobid"]],
        ["job", rich["jobid"], "--json"],
        ["umami", rich["jobid"], "--like", "exe", "--fs", rich["fsname"]],
        ["scoreboard", "--start", DATE, "--by", "user"],
        ["plot", servers, "datatargets/readbytes", f"--start={DATE}", f"--output={picture}"],
        ["job", rich["jobid"], "--fs", rich["fsname"], "--plot", str(tmp_path / "job.svg")],
    ):
        assert main([*command, *at]) == 0, command
        assert "user01" not in capsys.readouterr().out
    drawn = (tmp_path / "job.svg").read_text()
    assert len(drawn) > 10_000


def test_a_second_call_writes_nothing_and_the_same_key_gives_the_same_copy(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.out.rglob("*") if path.is_file()}
    assert publish(made.root, made.out, made.key) == 0
    assert "0 files written, 5 there already, 0 refused" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in made.out.rglob("*") if p.is_file()}
    assert publish(made.root, tmp_path / "again", made.key) == 0
    for path in before:
        again = tmp_path / "again" / path.relative_to(made.out)
        if path.suffix != ".parquet":
            assert again.read_bytes() == path.read_bytes(), path
    with open_index(day(tmp_path / "again", "darshan_index.sqlite")) as connection:
        same = texts_of(connection, "SELECT username FROM headers")
    assert publish(made.root, tmp_path / "other", tmp_path / "other-key") == 0
    with open_index(day(tmp_path / "other", "darshan_index.sqlite")) as connection:
        assert not same & texts_of(connection, "SELECT username FROM headers")


def test_a_copy_that_was_interrupted_goes_on(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended at each of its steps, before and after a file has its name."""
    out = tmp_path / "out"
    for step in (1, 2, 3, 6, 9, 99):
        count = itertools.count(1)

        def replace(source: Any, target: Any, *, ends: int = step, count: Any = count) -> None:
            if next(count) == ends:
                raise KeyboardInterrupt
            Path(source).rename(target)

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", replace)
            if publish(made.root, out, made.key) == 0:
                break
        for path in out.rglob("*.hdf5"):
            h5py.File(path).close()
    else:
        pytest.fail("never done")
    assert not [*out.rglob("*.tmp")]
    assert main(["check", "--deep", "--archive", str(out)]) == 0
    assert {p.relative_to(out) for p in out.rglob("*")} == {
        p.relative_to(made.out) for p in made.out.rglob("*")
    }


def test_what_a_killed_call_left_is_gone_after_the_next(made: Made, tmp_path: Path) -> None:
    """Names of temporary files have this host's."""
    out = tmp_path / "out"
    assert publish(made.root, out, made.key) == 0
    host = os.uname().nodename.partition(".")[0]
    for folder in (out, out / "2026/2026-11-22", out / "receipts/2026/11"):
        (folder / f".servers.hdf5.{host}.999999999.01234567.tmp").write_text("")
    assert publish(made.root, out, made.key) == 0
    assert not [*out.rglob("*.tmp")]


def copy_of(made: Made, folder: Path) -> Path:
    shutil.copytree(made.root, folder / "archive")
    return folder / "archive"


def add_attribute(root: Path) -> str:
    with h5py.File(day(root, "servers.hdf5"), "r+") as file:
        file.attrs["contact"] = "carol"
    return "servers.hdf5 is not published: it has root attributes"


def add_dataset(root: Path) -> str:
    with h5py.File(day(root, "servers.hdf5"), "r+") as file:
        file["datatargets/notes"] = "carol"
    return "servers.hdf5 is not published: it has a dataset"


def add_own_series(root: Path) -> str:
    watts = archive_tools.OwnSeries("power/watts", ("carol",), 3600, np.ones((24, 1)), "W", "gauge")
    archive_tools.write_series(root, "racks", DATE, [watts])
    return "racks.hdf5 is not published: it has a group that publish does not know: power"


def add_attribute_of_a_dataset(root: Path) -> str:
    with h5py.File(day(root, "servers.hdf5"), "r+") as file:
        file["datatargets/readbytes"].attrs["by"] = "carol"
    return "servers.hdf5 is not published: datatargets/readbytes has attributes"


def add_column_of_logs(root: Path) -> str:
    with h5py.File(day(root, "darshan.hdf5"), "r+") as file:
        file["darshan/logs/account"] = np.zeros(len(file["darshan/logs/row"]), dtype=np.int64)
    return "darshan.hdf5 is not published: table logs has columns"


def add_column(root: Path) -> str:
    with sqlite3.connect(day(root, "darshan_index.sqlite")) as connection:
        connection.execute("ALTER TABLE headers ADD COLUMN account TEXT DEFAULT 'carol'")
    return "darshan_index.sqlite is not published: table headers has columns"


def add_table(root: Path) -> str:
    with sqlite3.connect(day(root, "darshan_index.sqlite")) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    return "darshan_index.sqlite is not published: it has tables"


def text_in_a_number(root: Path) -> str:
    with sqlite3.connect(day(root, "darshan_index.sqlite")) as connection:
        connection.execute("UPDATE headers SET nprocs = 'carol' WHERE log_id = 1")
    return "darshan_index.sqlite is not published: column nprocs has a value of type str"


def add_file(root: Path) -> str:
    day(root, "carol.txt").write_text("carol")
    return "carol.txt is not published"


def damage(root: Path) -> str:
    path = day(root, "servers.hdf5")
    path.write_bytes(path.read_bytes()[:20_000])
    return "servers.hdf5"


@pytest.mark.parametrize(
    "change",
    [
        add_attribute,
        add_dataset,
        add_own_series,
        add_attribute_of_a_dataset,
        add_column_of_logs,
        add_column,
        add_table,
        text_in_a_number,
        add_file,
        damage,
    ],
)
def test_a_file_with_anything_unknown_is_refused_by_name_and_the_rest_goes_on(
    made: Made, tmp_path: Path, capsys: Capture, change: Any
) -> None:
    root, out = copy_of(made, tmp_path), tmp_path / "out"
    said = change(root)
    assert publish(root, out, made.key) == 1
    assert said in capsys.readouterr().err
    assert day(out, "targets.hdf5").is_file()
    assert not [path for path in out.rglob("*.*") if b"carol" in path.read_bytes()]
    assert main(["check", "--archive", str(out)]) == 0


def test_an_unknown_key_of_archive_json_is_refused(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    root = copy_of(made, tmp_path)
    about = json.loads((root / "archive.json").read_text())
    (root / "archive.json").write_text(json.dumps({**about, "contact": "carol"}))
    assert publish(root, tmp_path / "out", made.key) == 1
    assert "archive.json is not published: it has keys" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_column_of_the_index_has_a_rule() -> None:
    """A new column of text or number must say how it is published."""
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(schemas.index_ddl())
        for table in products.TABLES:
            for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})"):
                has_rule = name in columns.NAMES
                assert has_rule != (name in columns.NUMBERS), name
                assert has_rule or kind in ("INTEGER", "REAL"), name


def test_the_key_is_made_for_its_owner_alone_and_said_so(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    key = tmp_path / "key"
    assert publish(made.root, tmp_path / "out", key) == 0
    assert f"{key} made" in capsys.readouterr().err
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text())


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("ab" * 32, 0o640, "is not a file that only its owner may read"),
        ("ab" * 32, 0o604, "is not a file that only its owner may read"),
        ("secret", 0o600, "does not hold a key"),
        ("", 0o600, "does not hold a key"),
    ],
)
def test_a_key_that_others_may_read_or_that_is_none_is_refused(
    made: Made, tmp_path: Path, capsys: Capture, content: str, mode: int, said: str
) -> None:
    key = tmp_path / "key"
    key.write_text(content)
    key.chmod(mode)
    assert publish(made.root, tmp_path / "out", key) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_copy_is_not_made_within_the_archive_or_over_something_else(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "link").symlink_to(made.root)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("")
    for out, key, said in (
        (made.root / "out", made.key, "within each other"),
        (made.root, made.key, "within each other"),
        (made.root.parent, made.key, "within each other"),
        (tmp_path / "link/out", made.key, "within each other"),
        (tmp_path / "out", tmp_path / "out/key", "would be published"),
        (tmp_path / "full", made.key, "holds other things"),
        (made.out, tmp_path / "new-key", "was made with another key"),
        (made.all_hashed, made.key, "or with other names hashed"),
    ):
        assert publish(made.root, out, key) == 1, out
        assert said in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "full").iterdir()} == {"thesis.txt"}


def test_a_day_that_is_made_anew_is_published_anew(made: Made, tmp_path: Path) -> None:
    root, out = copy_of(made, tmp_path), tmp_path / "out"
    assert publish(root, out, made.key) == 0
    (old,) = out.glob("receipts/*/*/*.targets.tts.*")
    (receipt,) = root.glob("receipts/*/*/*.targets.tts.*")
    new = re.sub(r"\.[0-9a-f]{16}\.", ".0123456789abcdef.", receipt.name)
    receipt.rename(receipt.with_name(new))
    with h5py.File(day(root, "targets.hdf5"), "r+") as file:
        file["fullness/bytes"][0] = 7.0
    assert publish(root, out, made.key) == 0
    (renewed,) = out.glob("receipts/*/*/*.targets.tts.*")
    assert renewed.name != old.name
    used = archive_tools.Archive(out).to_numpy("targets", "fullness/bytes", DATE, "2026-11-23")
    assert used[0, 0] == 7.0


def test_a_copy_that_cannot_be_written_is_an_error_not_a_refusal(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(products, "publish_index", full)
    names = Names(b"k" * 32)
    about = archive_tools.Archive(made.root).about
    first = archive_tools.Archive(made.root).days("darshan")[0]
    with pytest.raises(ArchiveError, match="cannot be written"):
        copying.publish(made.root, about, tmp_path / "out", names, first, first)


def test_a_range_without_days_is_not_there(made: Made, tmp_path: Path) -> None:
    assert publish(made.root, tmp_path / "out", made.key, "--start", "2020-01-01") == 1
