"""The reference's own reader, in an environment of its own, opens our files and gives the same
DataFrames.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.cli.pytokio.summarize_h5lmt import summarize_h5lmt
from archive_tools.cli.pytokio.summarize_job import summarize_job
from pipeline.cli.main import main
from tests.support import pytokio
from tests.support.lmtdb import make_lmt
from tests.support.paths import ROOT, SITEDAY_LOGS

pytestmark = pytest.mark.system

PROGRAM = """
import json, sys
import numpy, tokio.connectors.hdf5
path, out, *more = sys.argv[1:]
told, arrays = {}, {}
with tokio.connectors.hdf5.Hdf5(path, "r") as file:
    every = [(g + "/" + d, file[g][d]) for g in file for d in file[g]]
    names = [name for name, one in every if "columns" in getattr(one, "attrs", {})]
    names += [n for n in more if n not in names]
    for name in names:
        frame = file.to_dataframe(name)
        key = name.replace("/", ".")
        named = (frame.columns, file.get_columns(name))
        columns, got = ([str(c) for c in found] for found in named)
        told[name] = {"columns": columns, "rows": len(frame), "got": got}
        arrays[key] = frame.values
        arrays[key + ".stamps"] = file.get_timestamps(name)[:]
        arrays[key + ".missing"] = file.get_missing(name)
numpy.savez(out, **arrays)
print(json.dumps(told))
"""


@pytest.fixture(scope="session")
def reader() -> Path:
    """The Python of an environment with the reference in it."""
    return pytokio.environment()


def told_by_reference(
    reader: Path, path: Path, out: Path, *names: str
) -> tuple[dict[str, Any], Any]:
    """What the reference says of each dataset of a file, and of further `names`; its arrays."""
    shown = pytokio.run(reader, PROGRAM, path, out, *names)
    return json.loads(shown), np.load(out)


@pytest.mark.parametrize("missing", ["nan", "negative_zero"])
def test_same_dataframes(reader: Path, tmp_path: Path, site, missing: str) -> None:  # type: ignore[no-untyped-def]
    import datetime as dt

    make_lmt.make(tmp_path / "lmt.db", dt.date(2026, 11, 22), osts=4, oss=2, mds=2)
    sources = {
        "fs": {"kind": "lmt", "database": f"sqlite:///{tmp_path}/lmt.db"},
        "darshan": {"kind": "darshan", "logs": str(SITEDAY_LOGS)},
    }
    site(sources, missing=missing)
    assert main(["nightly", "--date", "2026-11-22"]) == 0
    for instance in sources:
        path = tmp_path / f"archive/2026/2026-11-22/{instance}.hdf5"
        reported, arrays = told_by_reference(
            reader,
            path,
            tmp_path / f"{instance}.npz",
            "datatargets/readrates",
            "mdtargets/openrates",
        )
        with archive_tools.open_tts(path) as tts:
            assert set(tts.datasets()) <= set(reported)
            for name, facts in reported.items():
                key = name.replace("/", ".")
                ours = tts.to_dataframe(name)
                assert facts["columns"] == facts["got"] == list(ours.columns)
                np.testing.assert_array_equal(arrays[f"{key}.stamps"], tts.timestamps(name))
                np.testing.assert_array_equal(arrays[key], ours.to_numpy(), err_msg=name)
                if missing == "negative_zero":
                    np.testing.assert_array_equal(
                        arrays[f"{key}.missing"].astype(bool), tts.missing(name)
                    )


OPERATIONS = (
    "open",
    "close",
    "mknod",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "rename",
    "getxattr",
    "statfs",
    "setattr",
    "getattr",
)
AMOUNTS_AND_RATES = [
    f"datatargets/{way}{what}" for way in ("read", "write") for what in ("bytes", "rates")
]
LOADS_AND_OPERATIONS = [
    "dataservers/cpuload",
    "mdservers/cpuload",
    *(f"mdtargets/{operation}{end}" for operation in OPERATIONS for end in ("s", "rates")),
]
OLD = {
    "sample_tokiots.hdf5": AMOUNTS_AND_RATES,
    "snx11025_2018-01-28.hdf5": AMOUNTS_AND_RATES,
    "snx11025_2018-01-28.h5lmt": AMOUNTS_AND_RATES + LOADS_AND_OPERATIONS,
}


@pytest.mark.parametrize("name", OLD)
def test_old_files_as_the_reference_reads_them(
    reader: Path, real: Path, tmp_path: Path, name: str
) -> None:
    """TTS v1 with rates or with amounts, and H5LMT; fullness is in KiB there and in bytes here."""
    path = real / "tts" / name
    reported, arrays = told_by_reference(reader, path, tmp_path / "out.npz", *OLD[name])
    with archive_tools.open_tts(path) as old:
        assert set(old.datasets()) <= set(reported)
        for dataset, facts in reported.items():
            frame, key = old.to_dataframe(dataset), dataset.replace("/", ".")
            factor = 1024 if old.units(dataset) == "bytes" and dataset.startswith("fullness") else 1
            np.testing.assert_array_equal(
                arrays[f"{key}.stamps"], frame.index.as_unit("s").asi8, err_msg=dataset
            )
            np.testing.assert_array_equal(arrays[key] * factor, frame.to_numpy(), err_msg=dataset)
            np.testing.assert_array_equal(
                arrays[f"{key}.missing"].astype(bool).ravel(),
                old.missing(dataset).ravel(),
                err_msg=dataset,
            )
            if not (
                name.endswith("h5lmt") and dataset.startswith("md")
            ):  # which has no names of metadata servers and targets
                assert facts["columns"] == list(frame.columns), dataset


def test_a_range_as_the_reference_reads_it(reader: Path, real: Path, tmp_path: Path) -> None:
    """Through `Archive` with path templates, as its `hdf5_files`."""
    root = tmp_path / "archive"
    root.mkdir()
    templates = [f"{real}/tts/no_%Y-%m-%d.hdf5", f"{real}/tts/snx11025_%Y-%m-%d.hdf5"]
    archive = archive_tools.Archive(root, hdf5_files={"scratch1": templates})
    _, arrays = told_by_reference(
        reader, real / "tts/snx11025_2018-01-28.hdf5", tmp_path / "out.npz", "datatargets/readrates"
    )
    got = archive.to_dataframe(
        "scratch1", "datatargets/readbytes", "2018-01-28", "2018-01-29", rate=True
    )
    np.testing.assert_array_equal(got.to_numpy(), arrays["datatargets.readrates"])


def printed_by(reader: Path, program: str, *arguments: str) -> str:
    """What a command of the reference prints."""
    code = f"import sys, tokio.cli.{program} as it; it.main(sys.argv[1:])"
    return pytokio.run(reader, code, *arguments)


def differences(one: Any, other: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    """Where two JSON values differ by more than rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            name: values
            for key in {*one, *other}
            for name, values in differences(one.get(key), other.get(key), f"{place}/{key}").items()
        }
    same = one == other or (
        isinstance(one, float | int)
        and isinstance(other, float | int)
        and bool(np.isclose(one, other, rtol=1e-12, atol=0))
    )
    return {} if same else {place: (one, other)}


def test_summarize_h5lmt_gives_the_references_numbers(
    reader: Path, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a file without missing cells, every key of every bin; what differs is in the documents."""
    path = str(real / "tts/snx11025_2018-01-28.hdf5")
    arguments = [path, "--bins", "12", "--json", "--summary"]
    reference = json.loads(printed_by(reader, "summarize_h5lmt", *arguments))
    assert summarize_h5lmt(arguments) == 0
    ours = json.loads(capsys.readouterr().out)
    assert len(reference["bins"]) == 12
    found = differences(reference, ours)
    fixed = {f"/summary/ave_tibs_{way}_per_dt" for way in ("read", "write")}
    assert set(found) == fixed
    assert all(old == pytest.approx(1024 * new) for old, new in found.values())


def test_every_command_of_the_reference_is_on_the_page(reader: Path) -> None:
    page = (ROOT / "docs/from_pytokio.md").read_text()
    programs = {
        path.name for path in pytokio.FOLDER.glob("lib/python*/site-packages/tokio/cli/*_*.py")
    }
    programs -= {"__init__.py"}
    assert len(programs) > 20
    assert {name for name in programs if f"`{name}`" not in page} == set()


KEYS = """
import inspect, json, re
import pandas
import tokio.cli.summarize_job as it
import tokio.tools.lfsstatus as lfs
log = {
    "header": {"exe": ["x"]},
    "mounts": {"/": "ext4"},
    "counters": {
        "posix": {
            "_perf": {
                "total_bytes": 1, "agg_perf_by_slowest": 1,
                "slowest_rank_io_time_unique_files": 1, "time_by_slowest_shared_files": 1,
            },
            "/x": {"0": dict.fromkeys(it.USEFUL_DARSHAN_COUNTERS, 1)},
        }
    },
}
source = inspect.getsource(it)
index = pandas.DatetimeIndex(["2018-01-28 00:00:00", "2018-01-28 00:00:05"])
frame = pandas.DataFrame({"a": [1.0, 2.0]}, index=index)
keys = {"_jobid", "_datetime_start", "_datetime_end", "_file_system"}
keys |= {"darshan_" + key for key in it.summarize_darshan(log)}
for way in ("read", "written"):
    keys |= {"fs_" + key for key in it.summarize_byterate_df(frame, way)}
for server in ("oss", "mds"):
    keys |= {"fs_" + key for key in it.summarize_cpu_df(frame, server)}
for name in re.findall(r"'dataset': '/mdtargets/\\w+',.*?'summary_key': '(\\w+)'", source, re.S):
    keys |= {"fs_" + key for key in it.summarize_mds_ops_df(frame, name)}
keys |= {"fs_" + key for key in it.summarize_missing_df(frame)}
target = {"used_kib": 1, "total_kib": 2, "target_index": 0}
ost = {"ost_next_timestamp", "ost_actual_timestamp", "ost_requested_timestamp"}
ost |= set(lfs._summarize_fullness({"OST0000": target}))
ost |= set(lfs._summarize_failover({"abnormal_ips": {}, "mode": 1}))
ost = {"fshealth_" + key for key in ost} | set(re.findall("fshealth_\\w+_(?:secs|pct)", source))
rest = set(re.findall(r"results\\['(jobsdb_\\w+)'\\]", source))
print(json.dumps([sorted(keys), sorted(ost), sorted(rest)]))
"""
"""Has the reference's own functions say which keys they give."""


def test_summarize_job_has_the_keys_of_the_reference(
    reader: Path, tmp_path: Path, site: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of its record; of the others, those that the table of keys does not name."""
    run = subprocess.run(
        [reader, "-W", "ignore", "-c", KEYS], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    keys, ost, rest = (set(found) for found in json.loads(run.stdout))
    assert len(keys) == 159
    page = (ROOT / "docs/commands.md").read_text().partition("### Keys of `summarize_job`")[2]
    never = page.partition("\n\n| never there")[2].partition("\n\n")[0]
    absent = set(re.findall(r"`(\w+)`", never))
    site({"darshan": {"kind": "darshan", "logs": str(SITEDAY_LOGS)}})
    assert main(["nightly", "--date", "2026-11-22"]) == 0
    capsys.readouterr()
    log = next(SITEDAY_LOGS.glob("*_fpp_id9100003*.darshan"))
    archive = str(tmp_path / "archive")
    assert summarize_job([str(log), "--json", "--archive", archive]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert keys <= record.keys()
    assert (ost | rest) - record.keys() == {key for key in absent if key in ost | rest}
    assert not absent & record.keys()
