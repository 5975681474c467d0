"""Our commands with the names of the reference's tools, side by side with it, for every log of the
Darshan project's samples.

The reference reads logs by `darshan-parser`, of which only this is replaced: what the parser would
say is taken from the report of PyDarshan, the wheel's own reader. All that follows is the
reference's own code, in an environment of its own. What differs is in a table of
docs/commands.md, which is held here.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive_tools.cli.pytokio.darshan_scoreboard import darshan_scoreboard
from archive_tools.cli.pytokio.find_darshanlogs import find_darshanlogs
from pipeline.cli.darshan_json import Choice
from pipeline.cli.darshan_logs import cache, read_all
from pipeline.cli.index_darshanlogs import main as index_darshanlogs
from tests.support import pytokio
from tests.support.paths import ROOT

pytestmark = pytest.mark.system

MODULES = ("POSIX", "STDIO", "MPI-IO", "H5F", "H5D", "PNETCDF_FILE", "PNETCDF_VAR")
MOUNTS = {"^/lus": "lus", "^/home": "homes"}
INDEX = """
import json, sys
import tokio.config
from tokio.cli.index_darshanlogs import index_darshanlogs
from tokio.connectors.darshan import Darshan
said, index, mounts = sys.argv[1:]
logs = json.load(open(said))
Darshan.darshan_parser_base = lambda log: log.update(logs[log.log_file])
tokio.config.CONFIG["mount_to_fsname"] = json.loads(mounts)
index_darshanlogs(list(logs), index)
"""
SCOREBOARD = "import sys; from tokio.cli.darshan_scoreboard import main; main(sys.argv[1:])"
FIND = "import sys; from tokio.cli.find_darshanlogs import main; main(sys.argv[1:])"

Content = dict[str, Any]


@pytest.fixture(scope="module")
def reference() -> Path:
    return pytokio.environment()


@pytest.fixture(scope="module")
def logs(real: Path) -> list[Path]:
    found = sorted((real / "darshan").rglob("*.darshan"))
    assert len(found) > 60
    return found


def said_by_the_wheel(path: Path) -> Content:
    """A log as PyDarshan reads it, in the form of the reference's connector."""
    from darshan.report import DarshanReport

    report = DarshanReport(str(path), read_all=False)
    job = report.metadata["job"]
    counters: dict[str, dict[str, dict[str, Any]]] = {}
    for module in set(MODULES) & set(report.modules):
        report.mod_read_all_records(module, dtype="dict")
        name = module.replace("-", "")
        found = counters.setdefault(name.lower(), {})
        for record in report.records[module]:
            file = report.name_records.get(record["id"], str(record["id"]))
            found.setdefault(file, {})[str(record["rank"])] = {
                counter.removeprefix(f"{name}_"): value.item()
                for counter, value in (record["counters"] | record["fcounters"]).items()
            }
    header = {
        "version": job["log_ver"],
        "exe": report.metadata["exe"].split(),
        "uid": job["uid"],
        "jobid": str(job["jobid"]),
        "start_time": job["start_time_sec"],
        "end_time": job["end_time_sec"],
        "nprocs": job["nprocs"],
        "walltime": job["run_time"],
        "metadata": [f"{key} = {value}" for key, value in job["metadata"].items()],
    }
    return {"header": header, "mounts": dict(report.mounts), "counters": counters}


@pytest.fixture(scope="module")
def said(logs: list[Path]) -> dict[str, Content]:
    """Every log, by its path."""
    return {str(path): said_by_the_wheel(path) for path in logs}


@pytest.fixture(scope="module")
def ours(logs: list[Path]) -> dict[str, Content]:
    """Every log as `cache_darshanlogs.py --base --total` prints it."""
    found = {}
    for name, content, reason in read_all(map(str, logs), Choice(frozenset({"base", "total"}))):  # type: ignore[arg-type]
        assert content is not None, name
        assert not reason, name
        found[name] = content
    return found


@pytest.fixture(scope="module")
def indexes(
    tmp_path_factory: pytest.TempPathFactory,
    reference: Path,
    real: Path,
    said: dict[str, Content],
) -> tuple[Path, Path]:
    """The reference's index of all logs, and ours."""
    folder = tmp_path_factory.mktemp("indexes")
    old, new, site = folder / "old.db", folder / "new.db", folder / "site.json"
    (folder / "said.json").write_text(json.dumps(said))
    pytokio.run(reference, INDEX, folder / "said.json", old, json.dumps(MOUNTS))
    site.write_text(json.dumps({"mount_to_fsname": MOUNTS}))
    assert index_darshanlogs([str(real / "darshan"), "-o", str(new), "--site", str(site)]) == 0
    return old, new


# What differs; docs/commands.md says why, and that this is all

DIFFERS = {
    "cache_darshanlogs.py": {"walltime", "bgq", "apmpi", "lustre"},
    "index_darshanlogs": {
        "username",
        "headers",
        "mmaps",
        "opens",
        "seeks",
        "posix_files",
        "stdio_files",
        *(f"f_{what}_{end}_timestamp" for what in ("open", "read", "write", "close")
          for end in ("start", "end")),
    },
    "darshan_scoreboard": {"per_user", "per_exe", "per_user_exe_fs", "per_fs"},
    "find_darshanlogs": {"paths"},
}  # fmt: skip


def test_the_documented_differences() -> None:
    """The table of the documents names these keys, each once, and no other."""
    text = (ROOT / "docs/commands.md").read_text().partition("## Side by side with pytokio")[2]
    found: dict[str, set[str]] = {}
    for line in text.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            tool, keys, *both = line.strip("| ").split(" | ")
            assert len(both) == 2, "what either has"
            for key in re.findall("`([^`]+)`", keys):
                assert key not in found.setdefault(tool.strip("`"), set()), key
                found[tool.strip("`")].add(key)
    assert found == DIFFERS


def test_every_counter_of_every_log(said: dict[str, Content], ours: dict[str, Content]) -> None:
    """Header, mount table, and each counter of each record of each module."""
    for name, theirs in said.items():
        found = ours[name]
        header = {key: found["header"][key] for key in theirs["header"]}
        assert header == theirs["header"], name
        more = set(found["header"]) - set(header)
        assert more == {"start_time_string", "end_time_string", "compression"}
        assert found["mounts"] == theirs["mounts"], name
        assert set(found["counters"]) - {"lustre"} == set(theirs["counters"]), name
        for module, files in theirs["counters"].items():
            records = {k: v for k, v in found["counters"][module].items() if k != "_total"}
            assert records == files, f"{module} of {name}"


ADD_UP = ("OPENS", "READS", "WRITES", "BYTES_READ", "BYTES_WRITTEN", "INDEP_OPENS", "COLL_WRITES")


def test_totals_are_the_sums(said: dict[str, Content], ours: dict[str, Content]) -> None:
    """`_total`, which the library adds up, of what adds up: by the records of the wheel."""
    checked = 0
    for name, theirs in said.items():
        for module in ("posix", "stdio", "mpiio"):
            records = [
                record
                for ranks in theirs["counters"].get(module, {}).values()
                for record in ranks.values()
            ]
            for counter in ADD_UP if records else ():
                if counter in records[0]:
                    total = ours[name]["counters"][module]["_total"][counter]
                    assert total == sum(record[counter] for record in records), (name, counter)
                    checked += 1
    assert checked > 500


def test_the_command_prints_the_same(
    logs: list[Path], ours: dict[str, Content], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert cache(["--base", "--total", str(logs[0])]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(ours[str(logs[0])]))


def rows(index: Path, query: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(index)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(query)]
    finally:
        connection.close()


def test_headers_of_the_index(indexes: tuple[Path, Path]) -> None:
    """Our index also has logs that did nothing, and users of names with a process number."""
    old, new = (
        {row["filename"]: row for row in rows(index, "SELECT * FROM headers")} for index in indexes
    )
    assert set(new) - set(old) == {"empty_log.darshan"}
    assert set(old) <= set(new)
    others = set()
    for name, theirs in old.items():
        for key in set(theirs) - {"log_id"}:
            if theirs[key] != new[name][key]:
                others.add(key)
                assert (theirs[key], new[name][key]) == (None, name.partition("_")[0]), name
    assert others == {"username"}


SUMMARIES = "SELECT * FROM summaries JOIN headers USING (log_id) JOIN mounts USING (fs_id)"


def test_summaries_of_the_index(indexes: tuple[Path, Path]) -> None:
    """Bytes, calls and files by log and file system."""
    old, new = (
        {(row["filename"], row["mountpt"], row["fsname"]): row for row in rows(index, SUMMARIES)}
        for index in indexes
    )
    assert set(old) <= set(new)
    assert {mount for _, mount, _ in set(new) - set(old)} == {"UNKNOWN"}
    columns = [row["name"] for row in rows(indexes[0], "PRAGMA table_info(summaries)")]
    others = set()
    for key, theirs in old.items():
        for column in set(columns) - {"log_id", "fs_id"}:
            before, now = theirs[column], new[key][column]
            if before == now:
                continue
            others.add(column)
            if column == "mmaps":
                assert before < 0, "calls that Darshan did not count, added up"
                assert now is None
            elif column.startswith("f_"):
                assert before <= 0, "what never happened, or the least of the times and 0"
                assert now is None or (now > 0 and column.endswith("start_timestamp"))
            elif column.endswith("_files"):
                assert now < before or key[1] == "UNKNOWN"
            else:
                assert (key[1], before < now) == ("UNKNOWN", True), (key, column)
    assert others == DIFFERS["index_darshanlogs"] - {"username", "headers"}


def scoreboard(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert darshan_scoreboard([*map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


FILTERS = [
    [],
    ["--limit-fs", "/lus%"],
    ["--exclude-fs", "lus"],
    ["--limit-user", "treddy,shane"],
    ["--exclude-exe", "%python%"],
]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda one: " ".join(one) or "all")
def test_the_scoreboards_of_one_index(
    reference: Path,
    indexes: tuple[Path, Path],
    filters: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both tools on the reference's index: names, bytes and logs. The reference leaves the order of
    equal rows open, and which mount point of a file system it names; a row without a name is null.
    """
    old, _ = indexes
    shown = pytokio.run(reference, SCOREBOARD, old, "--json", *filters)
    ours = scoreboard(capsys, old, *filters)
    theirs = json.loads(shown)
    assert set(ours) == set(theirs)
    for board, found in theirs.items():
        named = sorted(row[:4] for row in found if row[3])
        mine = sorted(row[:4] for row in ours[board] if "" not in row[3].split("|"))
        assert mine == named, board
        nameless = [row for row in ours[board] if "" in row[3].split("|")]
        assert [sum(column) for column in zip(*(row[:2] for row in nameless), strict=True)] == [
            sum(column) for column in zip(*(row[:2] for row in found if not row[3]), strict=True)
        ], board


def test_the_scoreboards_of_either_index(
    reference: Path, indexes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each tool on its own index: bytes and logs by file system, and by program."""
    old, new = indexes
    theirs = json.loads(pytokio.run(reference, SCOREBOARD, old, "--json"))
    ours = scoreboard(capsys, new)
    for board in ("per_fs", "per_exe"):
        found, mine = ({row[3]: row[:3] for row in one[board]} for one in (theirs, ours))
        assert set(mine) == set(found)
        more = {name: row for name, row in mine.items() if row != found[name]}
        ((name, row),) = more.items()
        assert row[:2] == [found[name][0], found[name][1] + 5905], "of a log with a file elsewhere"
        assert board == "per_exe" or name == "UNKNOWN"


def test_what_the_reference_cannot_read(reference: Path) -> None:
    """A run time with fractions, as Darshan has it since 3.4.1."""
    program = "from tokio.connectors.darshan import parse_header; parse_header('# run time: 2.5')"
    with pytest.raises(AssertionError, match="ValueError"):
        pytokio.run(reference, program)


def test_modules_that_are_left_out(said: dict[str, Content]) -> None:
    """Of all modules of all logs, besides traces and heat maps, which no counter is."""
    from darshan.report import DarshanReport

    there = {module for name in said for module in DarshanReport(name, read_all=False).modules}
    left_out = there - {*MODULES, "LUSTRE", "DXT_POSIX", "DXT_MPIIO", "HEATMAP"}
    assert {name.lower().replace("/", "") for name in left_out} == {"bgq", "apmpi"}


SEARCHES: list[list[str]] = [[], ["-u", "snyder"], ["-u", "shane"], ["-j", "28730"]]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: " ".join(one) or "all")
def test_the_logs_that_are_found(
    reference: Path,
    logs: list[Path],
    tmp_path: Path,
    search: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All logs as those of two days, of which the second is not meant."""
    for number, log in enumerate(logs):
        folder = tmp_path / "2020/11" / ("10" if number % 5 == 0 else "9")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, folder)
    given = ["--logdir", str(tmp_path), "-s", "2020-11-09", *search]
    theirs = set(pytokio.run(reference, FIND, *given).splitlines())
    capsys.readouterr()
    assert find_darshanlogs(given) == 0
    ours = set(capsys.readouterr().out.splitlines())
    assert theirs
    assert theirs <= ours
    named = re.compile(r"[^/]*_[^/]*_id[^/]*_[^/]*-[^/]*-[^/]*-[^/]*\.darshan")
    more = {Path(path).name for path in ours - theirs}
    assert all("-j" in search or not named.fullmatch(name) for name in more), "other names"
