"""Whose a Darshan log is, and on which file systems its files are."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from archive_tools.core.log_files import parse_name, parse_path
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.jobs import job_history, job_lookup
from archive_tools.jobs.logs import logs_in
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, main
from pipeline.sources import darshan
from pipeline.sources.darshan import libdarshan
from pipeline.transform.mounts import UNKNOWN, FileSystems, Place, Table, place_of, shown_paths
from tests.support import darshan_day, paths
from tests.support.darshan_bytes import JOB, LogBytes
from tests.support.darshan_day import Reduced
from tests.support.nights import FOREVER

Site = Callable[..., Path]
DAY = Day(dt.date(2026, 11, 22))
TOTAL = 201_326_592
"""Bytes that each log of the cases wrote."""
SVC_LAB = "svc_lab_fpp_id9100003-16902_11-22-28166-11783268800627505873_1.darshan"
IN_FOLDERS = "user01/tar/id9100008/nid000123/16935-17120861262760735137.darshan"
TWO = [f"jonathan_fpp_id{uid}-1_11-22-28166-{uid}_1.darshan" for uid in (2001, 2002)]
LINKED = "symlinked_path.darshan"


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of the cases."""
    return paths.cases("darshan")


def reduced(
    logs: Mapping[str, bytes], folder: Path, mounts: Mapping[str, str], **keys: str
) -> Reduced:
    """What a day of these logs comes to."""
    for name, content in logs.items():
        path = folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = darshan.Options(
        kind="darshan", logs=str(folder / "logs"), mount_to_fsname=dict(mounts), **keys
    )
    return darshan_day.reduced(found, folder / "raw", DAY)


def linked(cases: Path, *table: str, striped: bool = True) -> bytes:
    """The log with files below /eagle, with another mount table: type, tab, path."""
    log = LogBytes.of(cases / LINKED)
    text = b"\n".join([b"/opt/jobs/fpp", *(line.encode() for line in table)])
    modules = {name: data for name, data in log.modules.items() if striped or name != "LUSTRE"}
    return replace(log, text=text.ljust(4096 - JOB, b"\0"), modules=modules).content()


def unplaced(day: Reduced) -> list[tuple[int, str]]:
    return [
        (one.count, one.detail)
        for one in day.findings.events()
        if one.kind == FindingKind.BYTES_UNPLACED
    ]


# Where


def test_a_link_is_where_the_site_says_that_it_leads(cases: Path, tmp_path: Path) -> None:
    mounts = {"^/eagle": "eagle", "^/lus/eagle": "eagle"}
    day = reduced({"a.darshan": (cases / LINKED).read_bytes()}, tmp_path, mounts)
    assert day.by_fsname("bytes_written") == {"eagle": TOTAL}
    assert list(day.mounts["mountpt"]) == ["/eagle", "/lus/eagle"]
    (grid,) = [grid for grid in day.series if grid.dataset == "datatargets/writebytes"]
    assert (grid.columns, grid.values.sum()) == (("eagle",), TOTAL)
    assert not unplaced(day)


def test_a_striped_file_is_on_the_only_lustre(cases: Path, tmp_path: Path) -> None:
    log = linked(cases, "overlay\t/", "lustre\t/lus/eagle", "ext4\t/home")
    day = reduced({"a.darshan": log}, tmp_path, {"^/lus/eagle": "eagle"})
    assert day.by_fsname("bytes_written") == {"eagle": TOTAL}
    assert not unplaced(day)


def test_no_lustre_of_two_is_guessed(cases: Path, tmp_path: Path) -> None:
    day = reduced({"a.darshan": (cases / LINKED).read_bytes()}, tmp_path, {"^/lus": "lus"})
    assert day.by_fsname("bytes_written") == {"/": TOTAL}
    assert unplaced(day) == [(TOTAL, "paths begin with /eagle")]


def test_only_striped_files_move(cases: Path, tmp_path: Path) -> None:
    log = linked(cases, "overlay\t/", "lustre\t/lus/eagle", striped=False)
    day = reduced({"a.darshan": log}, tmp_path, {"^/lus/eagle": "eagle"})
    assert day.by_fsname("bytes_written") == {"/": TOTAL}
    assert not unplaced(day), "/ is a file system of the machine"


TWO_LUSTRE = Table(frozenset({"/", "/a", "/b", "/nfs"}), frozenset({"/a", "/b"}))
ONE_LUSTRE = Table(frozenset({"/", "/a", "/nfs", "/home"}), frozenset({"/a"}))
NO_TABLE = Table(frozenset(), frozenset())
NAMES = {"^/a": "a", "^/link/x$": "x", "^/link": "link", "^/deep/.*": "deep"}


@pytest.mark.parametrize(
    ("path", "striped", "table", "place"),
    [
        ("/a/f", True, ONE_LUSTRE, Place("/a")),
        ("/nfs/f", True, ONE_LUSTRE, Place("/a")),
        ("/link/f", True, ONE_LUSTRE, Place("/a")),
        ("/link/f", False, ONE_LUSTRE, Place("/link")),
        ("/link/x/f", False, ONE_LUSTRE, Place("/link/x")),
        ("/linked/f", False, ONE_LUSTRE, Place("/")),
        ("/deep/u/v/f", False, NO_TABLE, Place("/deep/u")),
        ("/nfs/f", False, ONE_LUSTRE, Place("/nfs", "/nfs")),
        ("/home/f", False, ONE_LUSTRE, Place("/home")),
        ("/nfs/f", True, TWO_LUSTRE, Place("/nfs", "/nfs")),
        ("/other/f", True, TWO_LUSTRE, Place("/", "/other")),
        ("/other/f", False, TWO_LUSTRE, Place("/")),
        ("/link/f", True, TWO_LUSTRE, Place("/link")),
        ("/other/f", False, NO_TABLE, Place(UNKNOWN, "/other")),
        ("/tmp/f", False, NO_TABLE, Place(UNKNOWN)),
        ("<STDIN>", False, NO_TABLE, Place(UNKNOWN)),
        ("a/f", False, NO_TABLE, Place(UNKNOWN)),
    ],
)
def test_where_a_file_is(path: str, striped: bool, table: Table, place: Place) -> None:
    assert place_of(path, striped, table, FileSystems(NAMES)) == place


def test_a_site_without_names_has_no_finding(cases: Path, tmp_path: Path) -> None:
    assert place_of("/nfs/f", False, ONE_LUSTRE, FileSystems({})) == Place("/nfs")
    assert not unplaced(reduced({"a.darshan": (cases / LINKED).read_bytes()}, tmp_path, {}))


def test_paths_in_the_finding_are_few_and_printable() -> None:
    found = {f"/fs{n}": n for n in range(6)} | {"/\x1b[31m\u202e": 99, "/" + "x" * 99: 50}
    text = shown_paths(found)
    assert text == f"/\\x1b[31m\\u202e, /{'x' * 39}..., /fs5, /fs4, /fs3, and 3 more"


def test_a_log_without_mount_table(cases: Path, tmp_path: Path) -> None:
    """Its command line fills the place of the mount points, and the library does not give it."""
    day = reduced({SVC_LAB: (cases / SVC_LAB).read_bytes()}, tmp_path, {"^/scratch": "scratch"})
    assert day.by_fsname("bytes_written") == {"scratch": TOTAL}
    assert not unplaced(day)
    logs = day.logs
    assert (list(logs["username"]), list(logs["exename"])) == (["svc_lab"], ["fpp"])
    assert logs["cmdline"][0].startswith("/opt/jobs/fpp --file=/scratch/user01/in0000.dat --file=")


def test_a_mount_table_of_another_form_is_none(cases: Path, tmp_path: Path) -> None:
    log = LogBytes.of(cases / SVC_LAB)
    text = b"/bin/x\nno type and no path\n".ljust(3016, b"\0")
    (tmp_path / "a.darshan").write_bytes(replace(log, text=text).content())
    found = libdarshan.read(tmp_path / "a.darshan")
    assert (found.exe, found.mounts) == ("/bin/x", ())
    assert found.records["POSIX"].size


def test_a_command_line_in_two_characters_of_bytes(cases: Path, tmp_path: Path) -> None:
    log = LogBytes.of(cases / SVC_LAB)
    (tmp_path / "a.darshan").write_bytes(
        replace(log, text=b"/x\xff\xc3".ljust(3016, b"y")).content()
    )
    assert libdarshan.read(tmp_path / "a.darshan").exe == "/x\\xff\\xc3" + "y" * 3012


# Whose


@pytest.mark.parametrize(
    ("path", "program", "account", "user", "job"),
    [
        (f"/logs/{IN_FOLDERS}", "", "", "user01", "9100008"),
        (f"/logs/{IN_FOLDERS}", "other", "", "user01", "9100008"),
        ("/l/svc_lab/my_app/id7/n/1-2_3.darshan", "", "", "svc_lab", "7"),
        ("/l/jonathan/a/id7/n/1-2.darshan", "", "jonathansmith", "jonathansmith", "7"),
        ("/l/svc_lab_fpp_id7-1_11-22-3-4_1.darshan", "fpp", "", "svc_lab", "7"),
        ("/l/svc_lab_fpp_id7-1_11-22-3-4_1.darshan", "", "", "", "7"),
        ("/l/svc_lab_fpp_id7-1_11-22-3-4_1.darshan", "", "svc_lab", "svc_lab", "7"),
        ("/l/svc_lab_fpp_id7-1_11-22-3-4_1.darshan", "", "someone", "", "7"),
        ("/l/svc_labo_fpp_id7_11-22-3-4_1.darshan", "", "svc_laboratory", "svc_laboratory", "7"),
        ("/l/jonathan_fpp_id7_11-22-3-4_1.darshan", "fpp", "jonathansmith", "jonathansmith", "7"),
        ("/l/jonathan_fpp_id7_11-22-3-4_1.darshan", "", "mary", "jonathan", "7"),
        ("/l/1001_fpp_id7_11-22-3-4_1.darshan", "fpp", "", "1001", "7"),
    ],
)
def test_user_and_job_of_a_path(path: str, program: str, account: str, user: str, job: str) -> None:
    name = parse_path(path)
    assert name
    assert (name.user(program, account), name.job) == (user, job)


def test_other_paths_have_no_user() -> None:
    assert parse_path("/l/user01/tar/9100008/nid/1-2.darshan") is None
    assert parse_path("/l/user01/tar/id9100008/nid/notes.darshan") is None


def test_logs_of_a_user_without_an_index(tmp_path: Path) -> None:
    for name in (IN_FOLDERS, "user02/tar/id1/n/1-2.darshan", TWO[0]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(**of: str) -> list[str]:
        return [
            str(path.relative_to(tmp_path)) for path in logs_in([f"{tmp_path}"], DAY.date, {}, **of)
        ]

    assert found(user="user01") == [IN_FOLDERS]
    assert found(job="9100008") == [IN_FOLDERS]
    assert found(user="jonathansmith") == [TWO[0]]
    assert parse_name(TWO[0]).is_of("jonathan")  # type: ignore[union-attr]


def test_a_log_in_folders_of_user_and_program(cases: Path, tmp_path: Path) -> None:
    log = (cases / Path(IN_FOLDERS).name).read_bytes()
    day = reduced({IN_FOLDERS: log}, tmp_path, {"^/scratch": "scratch"})
    logs = day.logs
    found = [logs[name][0] for name in ("username", "jobid", "exename", "folder", "filename")]
    assert found == ["user01", "9100008", "tar", *os.path.split(IN_FOLDERS)]


PASSWD = """# comment
root:x:0:0::/root:/bin/sh
jonathansmith:x:2001:100:J. Smith:/home/js:/bin/bash
second:x:2001:100::/:/bin/sh
jonathanmiller:x:2002:100:::
+::::::
not a line
"""


def test_users_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(PASSWD)
    options = darshan.Options(kind="darshan", logs="logs", passwd=str(tmp_path / "passwd"))
    assert options.names_by_uid() == {0: "root", 2001: "jonathansmith", 2002: "jonathanmiller"}
    plain = options.model_copy(update={"passwd": ""})
    assert not plain.names_by_uid()
    assert options.made_of() != plain.made_of()
    moved = options.model_copy(update={"passwd": "/elsewhere"})
    assert moved.made_of() == options.made_of(), "only that there is one counts"
    with pytest.raises(SourceError, match=r"passwd: /elsewhere.* cannot be read"):
        moved.names_by_uid()


@pytest.mark.parametrize(
    ("passwd", "users"),
    [(False, ["jonathan", "jonathan"]), (True, ["jonathansmith", "jonathanmiller"])],
)
def test_two_users_whose_names_are_cut_alike(
    passwd: bool, users: list[str], cases: Path, tmp_path: Path, site: Site
) -> None:
    """Both as one job, as a site that counts jobs anew would have them."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "passwd").write_text(PASSWD)
    for name in TWO:
        log = LogBytes.of(cases / name)
        job = log.job[:48] + (7).to_bytes(8, "little") + log.job[56:]
        (tmp_path / "logs" / name).write_bytes(replace(log, job=job).content())
    keys = {"passwd": "passwd"} if passwd else {}
    mounts = {"^/scratch": "scratch"}
    site({"darshan": {"kind": "darshan", "logs": "logs"} | keys}, mount_to_fsname=mounts, **FOREVER)
    assert main(["nightly", "--date", f"{DAY}"]) == COMPLETE
    folder = tmp_path / f"archive/2026/{DAY}"
    rows = pq.read_table(folder / "darshan_jobs.parquet").to_pylist()
    found = [(row["jobid"], row["uid"], row["username"], row["bytes_written"]) for row in rows]
    assert sorted(found) == [("7", 2001, users[0], TOTAL), ("7", 2002, users[1], TOTAL)]
    with sqlite3.connect(folder / "darshan_index.sqlite") as index:
        query = "SELECT uid, username FROM headers ORDER BY uid"
        assert index.execute(query).fetchall() == [(2001, users[0]), (2002, users[1])]
    jobs = job_lookup.find_job(tmp_path / "archive", "7")
    assert sorted((job.uid, len(job.logs), len(job.others)) for job in jobs) == [
        (2001, 1, 1),
        (2002, 1, 1),
    ]


def test_a_user_that_is_not_known(cases: Path, tmp_path: Path, site: Site) -> None:
    """NULL in the index and the table of jobs, and the job is found all the same."""
    (tmp_path / "logs").mkdir()
    shutil.copy(cases / TWO[0], tmp_path / "logs/copy.darshan")
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    assert main(["nightly", "--date", f"{DAY}"]) == COMPLETE
    folder = tmp_path / f"archive/2026/{DAY}"
    with sqlite3.connect(folder / "darshan_index.sqlite") as index:
        for table in ("headers", "job_servers"):
            assert {row[0] for row in index.execute(f"SELECT username FROM {table}")} == {None}
    rows = pq.read_table(folder / "darshan_jobs.parquet").to_pylist()
    assert {(row["jobid"], row["username"]) for row in rows} == {("2001", None)}
    (job,) = job_lookup.find_job(tmp_path / "archive", "2001")
    assert (job.username, len(job.logs), len(job.others)) == ("", 1, 0)
    later = job.on_file_system() | {"jobid": "x", "start_time": job.start_time + 1}
    runs = job_history.history(tmp_path / "archive", later, DAY.date, DAY.date)
    assert [run["jobid"] for run in runs] == ["2001", "x"]
    other = later | {"uid": 2002}
    assert len(job_history.history(tmp_path / "archive", other, DAY.date, DAY.date)) == 1


def test_a_late_log_leaves_the_finding(cases: Path, tmp_path: Path, site: Site) -> None:
    """What is kept of the logs that were read before says it again."""
    (tmp_path / "logs").mkdir()
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, mount_to_fsname={"^/x": "x"}, **FOREVER)
    for name in (LINKED, TWO[0]):
        shutil.copy(cases / name, tmp_path / "logs")
        assert main(["nightly", "--date", f"{DAY}"]) == COMPLETE
    receipts = Receipts(tmp_path / "archive").day(DAY.date)
    receipt = receipts.good("darshan", Product.TTS)
    assert receipt
    found = receipts.content(receipt)["findings"]
    expected = f"{FindingKind.BYTES_UNPLACED}: {2 * TOTAL:,} (paths begin with /eagle, /scratch)"
    assert expected in found
