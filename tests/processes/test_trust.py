"""Whom a reader still trusts after the library complained, refused a log, or damaged its memory."""

from __future__ import annotations

import functools
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archive_tools.core.errors import SourceError
from pipeline.processes import isolated
from pipeline.processes.suspects import Suspects
from pipeline.sources.darshan import libdarshan, log_checks
from pipeline.sources.darshan import source as darshan
from pipeline.sources.darshan.log_batches import BatchReader, Listed
from pipeline.sources.darshan.log_header import header_of
from pipeline.sources.darshan.modules import heat_maps
from pipeline.transform.darshan import Reduction
from tests.support import paths
from tests.support.darshan_bytes import opened
from tests.support.darshan_day import Reduced, merged, reduced
from tests.support.darshan_source import MOUNTS, options
from tests.support.isolated_readers import DAY
from tests.support.paths import SITEDAY_LOGS

GOOD = sorted(SITEDAY_LOGS.iterdir())
SHUFFLES = int(os.environ.get("TOKIO_SHUFFLES", "2"))
SEED = int(os.environ.get("TOKIO_SEED", "7"))


def sums(day: Reduced) -> dict[str, list[float]]:
    """All figures of each log, by its name without the number before it."""
    found: dict[str, list[float]] = {}
    names = day.logs["filename"].tolist()
    columns = [c for n, c in sorted(day.summaries.items()) if n not in ("log_id", "fs_id")]
    for row, log in enumerate(day.summaries["log_id"].tolist()):
        figures = [float(column[row]) for column in columns]
        found.setdefault(names[log].partition("-")[2], []).extend(np.nan_to_num(figures, nan=-9.0))
    return {name: sorted(figures) for name, figures in found.items()}


class Unchecked(BatchReader):
    """Gives the library what our own checks would keep from it."""

    def add(self, file: Listed, name: str) -> None:
        log_checks.check_module = lambda *args: None
        super().add(file, name)


def day_of(folder: Path, files: list[Path], *, is_checked: bool = True) -> Reduced:
    logs = folder / "logs"
    logs.mkdir(parents=True)
    for number, file in enumerate(files):
        shutil.copy2(file, logs / f"{number:04d}-{file.name}")
    if is_checked:
        return reduced(options(logs), folder / "raw", DAY)
    darshan.SOURCE.fetch(options(logs), DAY, folder)
    how = Reduction(DAY, 60, MOUNTS, darshan.metrics())
    make = functools.partial(Unchecked, DAY.start, DAY.end)
    jobs = darshan.SOURCE.jobs(options(logs), DAY, folder, how)
    parts = [part for job in jobs for part in isolated.run(replace(job, new_batch=make))]
    return merged(parts, options(logs), DAY)


@pytest.mark.system
@pytest.mark.parametrize(("copies", "is_checked"), [(1, False), (20, False), (20, True)])
@pytest.mark.parametrize("seed", range(SEED, SEED + SHUFFLES))
def test_logs_that_damage_the_memory_cost_no_other_in_any_order(
    copies: int, is_checked: bool, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    poison = paths.cases("darshan") / "poison.darshan"
    files = [*GOOD, *[poison] * copies]
    random.Random(seed).shuffle(files)
    day = day_of(tmp_path / "mixed", files, is_checked=is_checked)
    assert len(day.logs["filename"]) == len(GOOD) + copies, "none is lost, none is there twice"
    assert not day.rejects["filename"].tolist()
    damaged = dict(
        zip(day.logs["filename"].tolist(), day.logs["unreadable_modules"].tolist(), strict=True)
    )
    assert {n.partition("-")[2] for n, modules in damaged.items() if modules} == {poison.name}
    expected = sums(day_of(tmp_path / "alone", GOOD))
    found = sums(day)
    del found[poison.name]
    assert found == expected


def listed(folder: Path, count: int) -> list[tuple[Listed, str]]:
    files = []
    for number in range(count):
        (folder / f"{number}").touch()
        files.append((Listed(os.fsencode(folder), b"%d" % number, 0, 0, True), f"{number}"))
    return files


def test_logs_of_an_owner_who_did_harm_share_no_process_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = Suspects(listed(tmp_path, 9))
    owners = [1, 1, 2, 2, 3, 3, 2, 1, 1]
    monkeypatch.setattr(suspects, "owner", owners.__getitem__)
    assert suspects.stop(0) == 9, "before any complaint they may"
    suspects.distrust(2)
    stops = {at: suspects.stop(at) for at in range(9)}
    assert stops == {0: 2, 1: 2, 2: 4, 3: 4, 4: 6, 5: 6, 6: 7, 7: 9, 8: 9}


def test_a_suspicious_log_has_a_process_of_its_own(tmp_path: Path) -> None:
    suspects = Suspects(listed(tmp_path, 6))
    suspects.confirm(3)
    assert [suspects.stop(at) for at in (0, 2, 3, 4)] == [3, 3, 4, 6]
    suspects.blame(3, 3, 16, "libdarshan-util aborts")
    suspects.blame(3, 3, 16, "libdarshan-util aborts")
    assert [suspects.stop(at) for at in (0, 3, 4)] == [3, 4, 6], "also when it is rejected"


@pytest.mark.skipif(os.geteuid() != 0, reason="files of two owners need root")
def test_the_owner_of_a_link_is_who_made_it(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.chown(tmp_path / "link", 4711, 4711, follow_symlinks=False)
    files = [(Listed(os.fsencode(tmp_path), name, 0, 0, True), "") for name in (b"log", b"link")]
    suspects = Suspects([*files, (Listed(os.fsencode(tmp_path), b"gone", 0, 0, True), "")])
    assert [suspects.owner(n) for n in range(3)] == [0, 4711, -1]


def test_a_heat_map_of_more_bins_than_are_there_does_not_reach_the_library() -> None:
    poison = paths.cases("darshan") / "poison.darshan"
    header = header_of(poison)
    assert header is not None
    with pytest.raises(SourceError, match=r"HEATMAP has fewer than the [-,0-9]+ bins"):
        heat_maps(log_checks.checked_module(opened(poison), header, "HEATMAP"), header.order, {})
    log = libdarshan.read(poison)
    assert (log.unreadable, log.is_trusted) == (("HEATMAP",), True)
