"""What `archive_tools` offers to analysts, on the real ten minutes of siteday."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archive_tools
from archive_tools.jobs import job_tables
from pipeline.cli.main import main
from tests.support.paths import ROOT

DAY = "2026-11-22", "2026-11-23"
WRITTEN = "datatargets/writebytes"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> archive_tools.Archive:
    folder = tmp_path_factory.mktemp("examples")
    ignored = shutil.ignore_patterns("archive")
    shutil.copytree(ROOT / "examples/siteday", folder / "siteday", ignore=ignored)
    shutil.copytree(ROOT / "examples/site", folder / "site", ignore=ignored)
    main(["nightly", "--site", str(folder / "siteday/site.json"), "--date", DAY[0]])
    return archive_tools.Archive(folder / "siteday/archive")


def test_every_name_that_is_offered_is_there() -> None:
    for name in archive_tools.__all__:
        assert getattr(archive_tools, name)
    assert set(archive_tools.__all__) <= set(dir(archive_tools))
    with pytest.raises(AttributeError, match="nothing"):
        archive_tools.nothing  # noqa: B018


def test_errors_are_what_a_caller_would_catch(archive: archive_tools.Archive) -> None:
    with pytest.raises(LookupError, match="servers"):
        archive.read("server", WRITTEN, *DAY)
    with pytest.raises(LookupError) as caught:
        archive.components("servers", "datatargets/writebites")
    assert isinstance(caught.value, archive_tools.NotFound)
    assert WRITTEN in caught.value.hint
    assert str(caught.value) == (
        f"{caught.value.what}; expected: {caught.value.expected}; to do: {caught.value.hint}"
    )
    with pytest.raises(ValueError, match="HDF5"):
        archive_tools.open_tts(ROOT / "README.md")


def test_what_there_is(archive: archive_tools.Archive) -> None:
    assert archive.instances() == ["darshan", "servers"]
    assert WRITTEN in archive.datasets("servers")
    assert archive.datasets("servers") == archive.datasets("servers", archive.days("servers")[0])
    found = archive.components("servers", WRITTEN)
    assert found == list(archive.to_dataframe("servers", WRITTEN, *DAY).columns)
    assert archive.datasets("servers", DAY[0]) == archive.datasets("servers")
    assert archive.components("servers", WRITTEN, DAY[0]) == found
    assert archive.path("servers", DAY[0]) == archive.path("servers", archive.days("servers")[0])
    with pytest.raises(archive_tools.NotFound, match="of 2026-11-23 is not in"):
        archive.open("servers", "2026-11-23")
    with pytest.raises(archive_tools.BadArgument, match="'soon' is not a time"):
        archive.open("servers", "soon")
    with pytest.raises(archive_tools.NotFound, match="lustre is not in"):
        archive.datasets("lustre")


def test_representations_say_what_is_there(archive: archive_tools.Archive) -> None:
    assert "servers: 1 day, 2026-11-22 to 2026-11-22" in repr(archive)
    series = archive.read("servers", WRITTEN, *DAY)
    assert repr(series).startswith(
        f"Series('{WRITTEN}'): bytes, delta, 17280 rows of 5 s from 2026"
    )
    with archive.open("servers", archive.days("servers")[0]) as file:
        assert f"  {WRITTEN}: bytes, 17280 rows of 5 s, " in repr(file)
    assert repr(file).endswith("closed")
    job = archive.job(9100003)
    assert repr(job).startswith("Job 9100003 of user01: fpp, 4 processes, 2026-11-22T07:49:26Z to")
    assert "earlier runs" in repr(job.history())


def test_summaries_are_those_of_the_values(archive: archive_tools.Archive) -> None:
    whole = archive.summarize("servers", *DAY, datasets=["datatargets/*bytes"])
    frame = archive.to_dataframe("servers", WRITTEN, *DAY)
    assert list(whole.index) == ["datatargets/readbytes", WRITTEN]
    row = whole.loc[WRITTEN]
    assert row["total"] == frame.sum().sum()
    assert row["unit"] == "bytes"
    assert row["peak"] == frame.sum(axis=1).max()
    assert row["peak_at"] == frame.sum(axis=1).idxmax()
    assert row["missing"] == pytest.approx(100 * frame.isna().to_numpy().mean())
    assert archive.summarize("servers", *DAY, datasets="datatargets/*bytes").equals(whole)
    with pytest.raises(archive_tools.NotFound, match=r"no dataset nope\*;"):
        archive.summarize("servers", *DAY, datasets=[WRITTEN, "nope*"])
    with pytest.raises(ValueError, match="7 is not a dataset"):
        archive.summarize("servers", *DAY, datasets=[7])  # type: ignore[list-item]
    each = archive.summarize("servers", *DAY, datasets=[WRITTEN], by_component=True)
    assert list(each.index.get_level_values("component")) == list(frame.columns)
    np.testing.assert_array_equal(each["total"], frame.sum())
    loads = archive.summarize("servers", *DAY, datasets=["dataservers/cpuload"])
    assert np.isnan(loads["total"].iloc[0])
    assert isinstance(loads["peak_at"].iloc[0], pd.Timestamp)


def test_jobs_of_a_range(archive: archive_tools.Archive) -> None:
    every = archive.jobs(*DAY)
    assert len(every["jobid"].unique()) == 104
    few = archive.jobs(*DAY, user="user01", order="written", limit=3)
    assert list(few["bytes_written"]) == sorted(few["bytes_written"], reverse=True)
    assert set(few["username"]) == {"user01"}
    assert archive.jobs(*DAY, user=["user01"], order="written", limit=3).equals(few)
    assert len(archive.jobs(*DAY, limit=0)) == len(every)
    assert set(archive.jobs(*DAY, job=9100003)["jobid"]) == {"9100003"}
    start = int(every["start_time"].min())
    early = archive.jobs(start, start + 1)
    assert 0 < len(early) < len(every)
    assert (early["start_time"] == start).all()


def test_a_job_its_history_and_pictures(archive: archive_tools.Archive) -> None:
    job = archive.job(9100095)
    assert job.file_systems["fsname"].tolist() == [row["fsname"] for row in job.record.file_systems]
    assert len(job.logs) == 1
    assert set(job_tables.KEY) <= set(job.others.columns)
    history = job.history(like=["exe"])
    assert len(history) == len(history.to_dataframe()) - 1 > 0
    assert job.history(like="exe").records == history.records
    assert history.metrics()[0].label == "Job's I/O rate"
    assert history.plot().axes
    assert job.plot().axes
    assert archive.job("9100095", *DAY).date == job.date
    with pytest.raises(LookupError, match="9100095"):
        archive.job(9100095, "2026-11-22T00:00", "2026-11-22T01:00")
    with pytest.raises(archive_tools.BadArgument, match="range is empty"):
        archive.job(9100095, *reversed(DAY))
    with pytest.raises(archive_tools.NotFound, match="nowhere"):
        job.plot("nowhere")


def test_a_request_is_an_object(archive: archive_tools.Archive) -> None:
    request = archive.request("servers", WRITTEN, *DAY, rate=True, resample="1h")
    assert isinstance(request, archive_tools.ReadRequest)
    series = archive.read(request)
    same = archive.read("servers", WRITTEN, *DAY, rate=True, resample="1h")
    assert (series.dataset, series.columns) == (same.dataset, same.columns)
    np.testing.assert_array_equal(series.values, same.values)
    with pytest.raises(archive_tools.BadArgument, match="dataset, start and end"):
        archive.read("servers")  # type: ignore[call-overload]
    with pytest.raises(archive_tools.BadArgument, match="a request says all"):
        archive.read(request, rate=True)  # type: ignore[call-overload]
    assert (request.dataset, request.stored) == ("datatargets/writerates", WRITTEN)
    assert request == archive.request("servers", WRITTEN, *DAY, rate=True, resample="1h")
    with pytest.raises(AttributeError):
        request.start = 0  # type: ignore[misc]
    with pytest.raises(archive_tools.TokioError, match="range is empty"):
        archive.request("servers", WRITTEN, *reversed(DAY))


@pytest.mark.parametrize("question", ["info", "cat", "read", "coverage"])
def test_each_file_is_opened_once(
    archive: archive_tools.Archive,
    question: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import h5py

    from archive_tools.cli.main import main as archive_main

    opened: list[str] = []
    real = h5py.File.__init__

    def counted(self: h5py.File, name: object, *rest: object, **more: object) -> None:
        if isinstance(name, str | Path):  # not a handle of a file that is open
            opened.append(str(name))
        real(self, name, *rest, **more)

    monkeypatch.setattr(h5py.File, "__init__", counted)
    if question == "info":
        assert archive_main(["info", "servers", DAY[0], "--archive", str(archive.root)]) == 0
    elif question == "cat":
        arguments = ["cat", "servers", WRITTEN, DAY[0], "--output", str(tmp_path / "x.csv")]
        assert archive_main([*arguments, "--archive", str(archive.root)]) == 0
    elif question == "read":
        archive.read("servers", WRITTEN, *DAY, resample="1h")
    else:
        archive.coverage("servers", WRITTEN, *DAY)
    assert len(opened) == 1
