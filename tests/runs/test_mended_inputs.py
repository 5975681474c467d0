"""Files that were damaged and are mended, files of the next day, and a host that begins then."""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archive_tools.core.day import Day
from archive_tools.core.findings import Findings
from archive_tools.core.vocabulary import FindingKind
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, PARTIAL, main
from pipeline.sources import collectd
from tests.support.nights import DATE, FOREVER
from tests.support.prometheus_day import labels, matrix

pytestmark = pytest.mark.system

Site = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
DAY = Day(dt.date.fromisoformat(DATE))
NEXT = str(DAY.date + dt.timedelta(days=1))
STEP = 300
ROWS = 86400 // STEP


def text_of(seconds: Sequence[int], *bad: tuple[int, str]) -> str:
    """A file of the csv plugin: a counter that grows by 1000 a row; `bad` lines are put in."""
    lines = [f"{DAY.start + second}.000,{second * 10},{second * 20}" for second in seconds]
    for place, line in bad:
        lines.insert(place, line)
    return "\n".join(["epoch,read,write", *lines, ""])


WHOLE = [n * STEP for n in range(ROWS)]


def csv(folder: Path, text: str, host: str = "h1", date: str = DATE) -> Path:
    path = folder / host / "disk-sda" / f"disk_octets-{date}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def collectd_keys(folder: Path) -> dict[str, object]:
    files = f"{folder}/*/*/*-%Y-%m-%d"
    return {"kind": "collectd", "form": "csv", "files": files, "timestep": STEP}


def night() -> int:
    current().answers.forget()
    return main(["nightly", "--date", DATE])


@pytest.mark.parametrize("place", [20, 200])
@pytest.mark.parametrize("mended", ["removed", "corrected"])
def test_a_csv_file_that_is_mended(tmp_path: Path, site: Site, place: int, mended: str) -> None:
    """Near the file's beginning and after what is kept of it; shorter than it was, and not."""
    site({"fs": collectd_keys(tmp_path / "csv")}, **FOREVER)
    for host in ("h1", "h2"):
        csv(tmp_path / "csv", text_of(WHOLE), host)
        csv(tmp_path / "csv", text_of([86400]), host, NEXT)
    bad = text_of(WHOLE, (place, "17952"))
    right = text_of(WHOLE)
    if mended == "corrected":
        lines = right.split("\n")
        lines[place] = lines[place].replace(",", ";")
        bad = "\n".join(lines)
    csv(tmp_path / "csv", bad)
    assert night() == PARTIAL
    csv(tmp_path / "csv", right)
    assert night() == COMPLETE


def test_what_is_still_wrong_of_a_csv_file_counts_once(tmp_path: Path) -> None:
    options = collectd.Options.model_validate(collectd_keys(tmp_path / "csv") | {"timezone": "UTC"})
    others = csv(tmp_path / "csv", text_of(WHOLE, (7, "x")), "h2")
    pieces: list[Path] = []
    for bad in ([(9, "17952"), (99, "17952")], [(9, "17952")], []):
        csv(tmp_path / "csv", text_of(WHOLE, *bad))
        pieces.insert(0, tmp_path / f"piece{len(pieces)}")
        pieces[0].mkdir()
        collectd.SOURCE.fetch_new(options, DAY, pieces[0], pieces[1:])
        findings = Findings()
        assert list(collectd.SOURCE.parse_pieces(options, DAY, pieces, findings))
        wrong = [one for one in findings if one.kind == FindingKind.UNREADABLE]
        assert sum(one.count for one in wrong) == 1 + len(bad)
        assert str(others) in str(wrong)


def test_a_member_of_a_tarball_that_is_mended(tmp_path: Path, site: Site) -> None:
    packed = tmp_path / f"csv-{DATE}.tar.gz"
    site({"fs": collectd_keys(tmp_path) | {"files": f"{tmp_path}/csv-%Y-%m-%d.tar.gz"}}, **FOREVER)
    for text, code in ((text_of(WHOLE, (9, "17952")), PARTIAL), (text_of(WHOLE), COMPLETE)):
        with tarfile.open(packed, "w:gz") as tar:
            member = tarfile.TarInfo(f"h1/disk-sda/disk_octets-{DATE}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        closing = csv(tmp_path / "next", text_of([86400]), date=NEXT)
        with tarfile.open(tmp_path / f"csv-{NEXT}.tar.gz", "w:gz") as tar:
            tar.add(closing, f"h1/disk-sda/disk_octets-{NEXT}")
        assert night() == code


def test_a_saved_answer_that_is_mended(tmp_path: Path, site: Site) -> None:
    folder = tmp_path / "prom"
    folder.mkdir()
    keys = {"kind": "prometheus", "answers": f"{folder}/*", "timestep": STEP}
    site({"fs": keys | {"devices": "sd.*"}}, **FOREVER)
    stamps = [*WHOLE, 86400]
    for name in ("node_disk_read_bytes_total", "node_disk_written_bytes_total"):
        values = [(DAY.start + second, str(second * 10)) for second in stamps]
        text = json.dumps(matrix((labels(name, device="sda"), values)))
        (folder / f"{name}.json").write_text(text)
    whole = json.loads(text)
    broken = json.loads(text)
    broken["data"]["result"][0]["values"][5][1] = "1.x"
    (folder / f"{name}.json").write_text(json.dumps(broken))
    assert night() == PARTIAL
    (folder / f"{name}.json").write_text(json.dumps(whole))
    assert night() == COMPLETE
    (folder / f"{name}.json").write_text(json.dumps(broken) + " ")
    assert night() == PARTIAL, "the newest copy counts"


def test_damage_in_the_next_day_s_file_is_not_of_the_day(tmp_path: Path, site: Site) -> None:
    site({"fs": collectd_keys(tmp_path / "csv")}, **FOREVER)
    csv(tmp_path / "csv", text_of(WHOLE))
    csv(tmp_path / "csv", text_of([86400, 86700], (2, "17952")), date=NEXT)
    assert night() == COMPLETE


def test_a_closing_sample_that_cannot_be_read_is_a_missing_row(
    tmp_path: Path, site: Site, capsys: Capture
) -> None:
    keys = collectd_keys(tmp_path / "csv") | {"complete_percent": 100}
    site({"fs": keys}, **FOREVER)
    csv(tmp_path / "csv", text_of(WHOLE))
    csv(tmp_path / "csv", text_of([86700], (0, "17952")), date=NEXT)
    assert night() == PARTIAL
    said = capsys.readouterr().out
    assert "nothing measured since 23:55" in said
    assert "could not be read" not in said


def test_a_host_that_begins_at_the_end_of_the_day_is_not_expected(
    tmp_path: Path, site: Site
) -> None:
    site({"fs": collectd_keys(tmp_path / "csv")}, **FOREVER)
    csv(tmp_path / "csv", text_of(WHOLE))
    csv(tmp_path / "csv", text_of([86400]), date=NEXT)
    csv(tmp_path / "csv", text_of([86400, 86700]), "h3", NEXT)
    assert night() == COMPLETE
