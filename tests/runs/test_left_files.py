"""Which temporary files are left over, and which are being written."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from archive_tools.store import files
from tests.support.waiting import until


def left_by(pid: int, folder: Path, *, changed: float | None = None) -> Path:
    name = files.temporary_name(folder / "fs.hdf5").name.replace(f".{os.getpid()}.", f".{pid}.")
    path = folder / name
    path.write_text("half")
    if changed is not None:
        os.utime(path, (changed, changed))
    return path


def test_a_file_of_a_living_process_stays(tmp_path: Path) -> None:
    path = left_by(os.getpid(), tmp_path)
    assert files.sweep([tmp_path]) == []
    assert path.exists()


def test_a_process_that_has_ended_and_was_not_waited_for_writes_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        stat = Path(f"/proc/{ended.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "its end")
        path = left_by(ended.pid, tmp_path)
        assert files.sweep([tmp_path]) == [path]


def test_another_process_of_the_same_number_did_not_write_it(tmp_path: Path) -> None:
    path = left_by(os.getpid(), tmp_path, changed=time.time() - 10**6)
    assert files.sweep([tmp_path]) == [path]
