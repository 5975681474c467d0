"""What decides that archived products remain current: the same inputs give the same bytes, and what
today's archives were made with is written down here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_tools import schemas
from archive_tools.core.vocabulary import Product
from archive_tools.schemas import index_ddl
from archive_tools.store.receipts import Receipts
from pipeline.cli.main import COMPLETE, PARTIAL, main
from pipeline.sources import darshan
from pipeline.sources.lmt import table
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source, some_logs
from tests.support.paths import ROOT

Site = Callable[..., Path]
DAY = dt.date.fromisoformat(DATE)
NIGHT = ["nightly", "--date", DATE]


def test_a_day_with_nulls_rebuilt_twelve_times_is_one_file(tmp_path: Path, site: Site) -> None:
    """The thread that parses and the one that builds have findings of their own, written sorted."""
    database = lmt_db(tmp_path / "lmt.db")
    database.execute("UPDATE OST_DATA SET READ_BYTES = NULL WHERE TS_ID % 7 = 0")
    database.execute("UPDATE OST_DATA SET WRITE_BYTES = NULL WHERE TS_ID % 5 = 0")
    database.execute("UPDATE OST_DATA SET KBYTES_USED = NULL WHERE TS_ID % 3 = 0")
    database.execute("UPDATE OST_DATA SET READ_BYTES = 5 WHERE TS_ID = 150")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    assert main(NIGHT) == PARTIAL, "a third of the cells is NULL"
    path = tmp_path / f"archive/2026/{DATE}/fs.hdf5"
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest()}
    findings = set()
    for _ in range(12):
        assert main(["rebuild", "--start", DATE, "--stop", DATE, "--all"]) == COMPLETE
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
        day = Receipts(tmp_path / "archive").day(DAY)
        receipt = day.good("fs", Product.TTS)
        assert receipt
        findings.add(json.dumps(day.content(receipt)["findings"]))
    assert len(hashes) == 1
    assert len(findings) == 1
    assert len(json.loads(findings.pop())) > 4, "there is something to put in order"


def test_what_a_figure_means_makes_its_kind_stale_and_no_other(
    tmp_path: Path,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`scale = 2` in one line of lmt.toml: the days of LMT are stale, those of logs are not."""
    lmt_db(tmp_path / "lmt.db")
    some_logs(tmp_path / "logs", 3)
    sources = {
        "fs": lmt_source(tmp_path / "lmt.db"),
        "darshan": {"kind": "darshan", "logs": "logs"},
    }
    site(sources, **FOREVER)
    assert main(NIGHT) == COMPLETE
    capsys.readouterr()
    dry = ["backfill", "--start", DATE, "--stop", DATE, "--dry-run"]
    assert main(dry) == COMPLETE
    assert "0 days to do" in capsys.readouterr().out

    first, *rest = table.metrics()
    assert first.scale == 1
    changed = (dataclasses.replace(first, scale=2.0), *rest)
    monkeypatch.setattr(table, "metrics", lambda: changed)
    assert main(["status", "--start", DATE, "--stop", DATE, "--json"]) == PARTIAL
    found = json.loads(capsys.readouterr().out)[DATE]
    assert {name: state["state"] for name, state in found.items()} == {
        "fs": "stale",
        "darshan": "complete",
    }
    main(dry)
    assert "fs: tts" in capsys.readouterr().out


def test_what_an_older_parser_made_of_logs_is_stale_and_not_used(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of parser 1, which placed bytes in other minutes, are made anew from their logs."""
    some_logs(tmp_path / "logs", 3)
    site({"darshan": {"kind": "darshan", "logs": "logs"}}, **FOREVER)
    today = darshan.SOURCE.version
    monkeypatch.setattr(darshan.Darshan, "version", 1)
    assert main(NIGHT) == COMPLETE
    kept = tmp_path / f"archive/raw/2026/{DATE}/darshan.reduced"
    older = {path.stem for path in kept.iterdir()}
    assert older
    monkeypatch.setattr(darshan.Darshan, "version", today)
    assert main(["status", "--start", DATE, "--stop", DATE]) == PARTIAL
    assert main(["rebuild", "--start", DATE, "--stop", DATE]) == COMPLETE
    assert not older & {path.stem for path in kept.iterdir()}
    assert main(["status", "--start", DATE, "--stop", DATE]) == COMPLETE


def test_todays_archives_do_not_become_stale() -> None:
    """The texts that are part of fingerprints, as the first archives were made with them: whoever
    changes one makes all days stale, and says so in the CHANGELOG.
    """
    assert hashlib.sha256(schemas.jobs_query().encode()).hexdigest()[:16] == "7b7acaf262f257b7"
    assert hashlib.sha256(index_ddl().encode()).hexdigest()[:16] == "0044dbdb984b57df"


@pytest.mark.parametrize(
    ("example", "tts"),
    [
        ("siteday", {"servers": "632ff07a", "darshan": "f5180ac6"}),
        ("site", {"darshan": "bcb52089"}),
    ],
)
def test_the_keys_and_figures_of_the_examples_mean_what_they_meant(
    example: str, tts: dict[str, str], tmp_path: Path
) -> None:
    """The second half of a fingerprint is of what is made of the data, not of the data."""
    ignored = shutil.ignore_patterns("archive", "lmt", "month")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignored)
    main([*NIGHT, "--site", str(tmp_path / f"examples/{example}/site.json")])
    day = Receipts(tmp_path / f"examples/{example}/archive").day(DAY)
    for instance, half in tts.items():
        receipt = day.good(instance, Product.TTS)
        assert receipt
        assert receipt.fingerprint[8:] == half, instance
