"""The reference's own reader, in an environment of its own, opens our files and gives the same DataFrames."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

import archive_tools
from pipeline.command import main
from tests.conftest import ROOT, SITEDAY_LOGS, needed
from tests.lmtdb import make_lmt

REQUIREMENT = "pytokio==0.13.0"
FOLDER = ROOT / ".venv-pytokio"
PROGRAM = """
import json, sys
import numpy, tokio.connectors.hdf5
path, out = sys.argv[1:]
told, arrays = {}, {}
with tokio.connectors.hdf5.Hdf5(path, "r") as file:
    names = [g + "/" + d for g in file for d in file[g] if "columns" in getattr(file[g][d], "attrs", {})]
    names += [n for n in ("datatargets/readrates", "mdtargets/openrates") if n not in names]
    for name in names:
        frame = file.to_dataframe(name)
        key = name.replace("/", ".")
        told[name] = {"columns": [str(c) for c in frame.columns], "rows": len(frame), "got": [str(c) for c in file.get_columns(name)]}
        arrays[key] = frame.values
        arrays[key + ".stamps"] = file.get_timestamps(name)[:]
        arrays[key + ".missing"] = file.get_missing(name)
numpy.savez(out, **arrays)
print(json.dumps(told))
"""


@pytest.fixture(scope="session")
def reader() -> Path:
    """The Python of an environment with the reference in it."""
    python = FOLDER / "bin/python"
    if not (FOLDER / "ready").exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        install = subprocess.run([python, "-m", "pip", "install", "-q", REQUIREMENT], capture_output=True, text=True, check=False)
        if install.returncode:
            needed(f"{REQUIREMENT} from PyPI: {install.stderr[-300:]}")
        (FOLDER / "ready").touch()
    return python


@pytest.mark.parametrize("missing", ["nan", "negative_zero"])
def test_same_dataframes(reader: Path, tmp_path: Path, site, missing: str) -> None:  # type: ignore[no-untyped-def]
    import datetime as dt

    make_lmt.make(tmp_path / "lmt.db", dt.date(2026, 11, 22), osts=4, oss=2, mds=2)
    sources = {"fs": {"kind": "lmt", "database": f"sqlite:///{tmp_path}/lmt.db"}, "darshan": {"kind": "darshan", "logs": str(SITEDAY_LOGS)}}
    site(sources, missing=missing)
    assert main(["nightly", "--date", "2026-11-22"]) == 0
    for instance in sources:
        path = tmp_path / f"archive/2026/2026-11-22/{instance}.hdf5"
        out = tmp_path / f"{instance}.npz"
        run = subprocess.run([reader, "-W", "ignore", "-c", PROGRAM, path, out], capture_output=True, text=True, check=False, env=os.environ | {"TZ": "UTC"})
        assert run.returncode == 0, run.stderr
        told, arrays = json.loads(run.stdout), np.load(out)
        with archive_tools.open_tts(path) as tts:
            assert set(tts.datasets()) <= set(told)
            for name, facts in told.items():
                key = name.replace("/", ".")
                ours = tts.to_dataframe(name)
                assert facts["columns"] == facts["got"] == list(ours.columns)
                np.testing.assert_array_equal(arrays[f"{key}.stamps"], tts.timestamps(name))
                np.testing.assert_array_equal(arrays[key], ours.to_numpy(), err_msg=name)
                if missing == "negative_zero":
                    np.testing.assert_array_equal(arrays[f"{key}.missing"].astype(bool), tts.missing(name))
