"""`write_series`: a site's own series in an archive, and how they are read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools import OwnSeries, write_series
from archive_tools.cli.main import main
from archive_tools.core.errors import ArchiveError, BadArgument, Busy
from archive_tools.core.vocabulary import Product
from archive_tools.store import files, lock, status
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import main as pipeline_main

ZONE = "America/Los_Angeles"
DAY = "2026-11-01"
"""A day of 25 hours."""
ROWS = 25 * 12


def power(values: Any = None, **keys: Any) -> OwnSeries:
    if values is None:
        values = np.arange(2.0 * ROWS).reshape(ROWS, 2)
    said = {"unit": "W", "kind": "gauge", "doc": "Power of a rack", **keys}
    return OwnSeries("power/watts", ("rack10", "rack2"), 300, values, **said)


def energy(**keys: Any) -> OwnSeries:
    said = {"unit": "J", "kind": "delta", **keys}
    return OwnSeries("power/joules", ("rack2",), 300, np.ones((ROWS, 1)), **said)


def write(root: Path, *series: OwnSeries, **keys: Any) -> Path:
    return write_series(root, "racks", DAY, series or (power(), energy()), timezone=ZONE, **keys)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "archive", site="here")
    archive = archive_tools.Archive(tmp_path / "archive")
    assert archive.instances() == ["racks"]
    assert archive.timezone == ZONE
    found = archive.read("racks", "power/watts", DAY, "2026-11-02")
    assert (found.unit, found.kind, found.columns) == ("W", "gauge", ("rack2", "rack10"))
    assert found.values[:, 1].tolist() == list(np.arange(0.0, 2 * ROWS, 2))
    assert archive.read("racks", "power/joules", DAY, "2026-11-02").kind == "delta"


def test_rows_are_joined_as_the_series_say(tmp_path: Path) -> None:
    """An amount adds up, a state is averaged, and a reducer of its own counts."""
    peak = OwnSeries(
        "power/peaks", ("a",), 300, np.arange(1.0 * ROWS)[:, None], "W", "gauge", "max"
    )
    write(tmp_path, power(), energy(), peak)
    archive = archive_tools.Archive(tmp_path)
    hours = [
        archive.read("racks", name, DAY, "2026-11-02", resample="1h").values[:, 0].tolist()
        for name in ("power/joules", "power/watts", "power/peaks")
    ]
    assert hours[0] == [12.0] * 25
    assert hours[1][0] == np.mean(np.arange(1.0, 24.0, 2))
    assert hours[2] == [12.0 * hour + 11 for hour in range(25)]


def test_check_finds_nothing_and_commands_show_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    at = ["--archive", str(tmp_path)]
    assert main(["check", "--deep", *at]) == 0
    assert main(["summarize", "racks", DAY, "--json", *at]) == 0
    shown = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert "300.0" in json.dumps(shown), "the sum of joules"
    assert main(["info", "racks", DAY, *at]) == 0
    assert main(["cat", "racks", "power/watts", DAY, *at]) == 0


def test_check_still_reports_datasets_that_nobody_described(tmp_path: Path) -> None:
    import h5py

    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["power/watts"].attrs["catalogue"]
        file["power/joules"].attrs["kind"] = "nonsense"
    found = {one.where for one in _problems(path)}
    assert found == {f"{path}: power/watts", f"{path}: power/joules"}


def _problems(path: Path) -> list[Any]:
    from archive_tools.checking.whole_archive import check_file

    return list(check_file(path))


@pytest.mark.parametrize(("gaps", "state"), [(2, "complete"), (4, "partial"), (ROWS, "partial")])
def test_a_day_with_gaps_is_partial(tmp_path: Path, gaps: int, state: str) -> None:
    values = np.ones((ROWS, 2))
    values[:gaps] = np.nan
    path = write(tmp_path, power(values))
    (date,) = archive_tools.Archive(tmp_path).days("racks")
    receipts = Receipts(tmp_path).day(date)
    receipt = receipts.good("racks", Product.TTS)
    assert receipt
    assert receipt.state == state
    found = status.states(tmp_path, [date], {"racks": [Product.TTS]})
    assert found[date]["racks"].word == state, "it has no raw data to be stale against"
    content = receipts.content(receipt)
    assert content["bytes"] == path.stat().st_size
    assert content["quality"]["power/watts"] == {"measured": 2 * (ROWS - gaps), "missing": 2 * gaps}


def test_the_same_series_are_the_same_bytes_and_others_replace_them(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.read_bytes()
    names = [one.name for one in (tmp_path / "receipts").rglob("*.json")]
    write(tmp_path)
    assert path.read_bytes() == before
    assert [one.name for one in (tmp_path / "receipts").rglob("*.json")] == names
    write(tmp_path, power(np.zeros((ROWS, 2))))
    after = [one.name for one in (tmp_path / "receipts").rglob("*.json")]
    assert len(after) == 1
    assert after != names


def test_a_dataset_of_the_catalogue_is_what_the_catalogue_says(tmp_path: Path) -> None:
    load = OwnSeries("dataservers/cpuload", ("a",), 300, np.ones((ROWS, 1)))
    write(tmp_path, load)
    archive = archive_tools.Archive(tmp_path)
    assert archive.read("racks", "dataservers/cpuload", DAY, "2026-11-02").unit == "%"
    wrong = OwnSeries("dataservers/cpuload", ("a",), 300, np.ones((ROWS, 1)), unit="shares")
    with pytest.raises(BadArgument, match="unit is the catalogue's; expected: %; got: shares"):
        write(tmp_path, wrong)


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (power(unit=""), "is not described"),
        (power(kind="counter"), "is not described"),
        (power(time="median"), "is not described"),
        (power(np.ones((ROWS - 12, 2))), "expected: 300 rows of 300 s, 2 columns"),
        (power(np.full((ROWS, 2), np.inf)), "a value is infinite"),
        (OwnSeries("a/b", ("x",), 300, -np.ones((ROWS, 1)), "J", "delta"), "below zero"),
        (OwnSeries("a/b", ("x", "x"), 300, np.ones((ROWS, 2)), "J", "delta"), "not unique"),
        (OwnSeries("a/b", ("x\x1b",), 300, np.ones((ROWS, 1)), "J", "delta"), "printable"),
        (OwnSeries("a/b", ("x",), 7, np.ones((ROWS, 1)), "J", "delta"), "does not divide an hour"),
        (OwnSeries("../b", ("x",), 300, np.ones((ROWS, 1)), "J", "delta"), "name of a dataset"),
        (OwnSeries("darshan/b", ("x",), 300, np.ones((ROWS, 1)), "J", "delta"), "name of a data"),
        (OwnSeries("a/timestamps", ("x",), 300, np.ones((ROWS, 1)), "J", "delta"), "name of a"),
        (OwnSeries("datatargets/readrates", ("x",), 300, np.ones((ROWS, 1))), "not of a rate"),
    ],
)
def test_what_is_not_a_series_of_the_day_is_refused_and_nothing_written(
    tmp_path: Path, series: OwnSeries, said: str
) -> None:
    with pytest.raises(BadArgument, match=said):
        write(tmp_path / "archive", series)
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"instance": "../x"}, "cannot be the name of an instance"),
        ({"instance": "x_index"}, "cannot be the name of an instance"),
        ({"date": "2026-13-01"}, "is not a date"),
        ({"timezone": "Mars"}, "is not a time zone"),
        ({"timezone": ""}, "is not a time zone"),
        ({"series": []}, "each dataset once"),
        ({"series": [power(), power()]}, "each dataset once"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    given = {"instance": "racks", "date": DAY, "series": [power()], "timezone": ZONE, **keys}
    with pytest.raises(BadArgument, match=said):
        write_series(tmp_path / "archive", **given)


def test_the_zone_of_an_archive_is_its_own(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(BadArgument, match="another time zone"):
        write_series(tmp_path, "racks", DAY, [power()], timezone="UTC")
    write_series(tmp_path, "racks", DAY, [power()])


def test_an_instance_of_the_pipeline_is_not_written_over(tmp_path: Path) -> None:
    text = "BEGIN 1793520000\nUUID 1K-blocks Used Available Use% Mounted on\n"
    (tmp_path / "x.txt").write_text(f"{text}fs-OST0000_UUID 10 1 9 1% /fs[OST:0]\n")
    site = {"site": "x", "archive": "archive", "timezone": ZONE}
    sources = {"racks": {"kind": "lustre_snapshots", "files": "x.txt"}}
    (tmp_path / "site.json").write_text(json.dumps({**site, "sources": sources}))
    given = ["nightly", "--site", str(tmp_path / "site.json"), "--date", DAY]
    assert pipeline_main(given) == 3
    with pytest.raises(BadArgument, match="is made by the pipeline"):
        write(tmp_path / "archive")
    write_series(tmp_path / "archive", "own", DAY, [power()])
    assert pipeline_main(given) == 3, "a nightly run goes on beside it"
    archive = archive_tools.Archive(tmp_path / "archive")
    assert archive.instances() == ["own", "racks"]
    assert main(["check", "--archive", str(tmp_path / "archive")]) == 0


def test_a_day_that_another_run_holds_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path)
    date = archive_tools.Archive(tmp_path).days("racks")[0]
    monkeypatch.setattr(lock.holding.__wrapped__, "__kwdefaults__", {"patience": 0.0})
    with lock.holding(tmp_path, [date]), pytest.raises(Busy):
        write(tmp_path)
    assert path.is_file()


def test_a_disk_that_is_full_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path)
    before = path.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(ArchiveError, match="No space left"):
        write(tmp_path, power(np.zeros((ROWS, 2))))
    assert path.read_bytes() == before
    assert not [*tmp_path.rglob("*.tmp")]
