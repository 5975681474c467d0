"""Whose a log is where its file, the uid in it and its name say different things."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.errors import SourceError
from archive_tools.core.findings import events_of
from archive_tools.core.log_files import parse_name
from archive_tools.core.vocabulary import FindingKind, Product
from archive_tools.formats import darshan_tables
from archive_tools.store.receipts import Receipts
from pipeline.building import reductions
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, main
from pipeline.model import MOST_NAMED, Remark
from pipeline.sources.darshan.accounts import Accounts, Claim
from tests.support.darshan_source import options
from tests.support.nights import DATE, FOREVER
from tests.support.paths import SITEDAY_LOGS

Site = Callable[..., Path]
DAY = dt.date.fromisoformat(DATE)
LOG = next(log for log in sorted(SITEDAY_LOGS.iterdir()) if log.name.startswith("user01_"))
UID = 1001
"""In the log."""
USERS = {1001: "user01", 1002: "mallory"}
COLLECTORS = frozenset({0})


def claim(named: str, uid: int, file_uid: int) -> Claim:
    name = f"{named}_app_id7_11-22-28166-1_1.darshan"
    return Claim(parse_name(name), "app", uid, file_uid)


@pytest.mark.parametrize(
    ("claimed", "users", "user", "kinds"),
    [
        (claim("user01", 1001, 1001), USERS, "user01", []),
        (claim("user01", 1001, 0), USERS, "user01", []),
        (claim("user01", 1001, 1001), {}, "user01", []),
        (claim("user01", 1001, 1002), USERS, "mallory", [FindingKind.OWNER_DIFFERS]),
        (claim("user01", 1001, 1002), {}, "", [FindingKind.OWNER_DIFFERS]),
        (claim("user01", 1002, 1002), USERS, "mallory", [FindingKind.NAME_DIFFERS]),
        (claim("user01", 1002, 0), USERS, "mallory", [FindingKind.NAME_DIFFERS]),
        (
            claim("root", 1001, 1002),
            USERS,
            "mallory",
            [FindingKind.OWNER_DIFFERS, FindingKind.NAME_DIFFERS],
        ),
        (claim("1001", 1001, 1001), USERS, "user01", []),
        (Claim(None, "app", 1001, 1001), USERS, "user01", []),
    ],
)
def test_nobody_goes_by_the_name_of_another(
    claimed: Claim, users: dict[int, str], user: str, kinds: list[FindingKind]
) -> None:
    accounts = Accounts(users, COLLECTORS)
    assert accounts.user(claimed) == user
    assert [kind for kind, _ in accounts.doubts(claimed)] == kinds


def test_owners_of_copies_say_nothing() -> None:
    accounts = Accounts()
    assert accounts.user(claim("user01", 1001, 1002)) == "user01"
    assert not list(accounts.doubts(claim("user01", 1001, 1002)))


def test_a_remark_does_not_depend_on_how_logs_are_divided() -> None:
    names = [f"log{n}" for n in range(20)]
    whole = Remark.of(names)
    assert whole == Remark.of(names[7:]) | Remark.of(names[:7])
    assert (whole.logs, len(whole.some)) == (20, MOST_NAMED)


def night(site: Site, **keys: Any) -> None:
    site({"darshan": {"kind": "darshan", "logs": "logs", **keys}}, **FOREVER)
    assert main(["nightly", "--date", DATE]) == COMPLETE


def findings(root: Path) -> dict[str, tuple[int, str]]:
    day = Receipts(root / "archive").day(DAY)
    receipt = day.good("darshan", Product.TTS)
    assert receipt
    return {event.kind: (event.count, event.detail) for event in events_of(day.content(receipt))}


def logs_of(folder: Path, *owners: int) -> None:
    if os.geteuid():
        pytest.skip("only root gives files to others")
    folder.mkdir()
    for n, owner in enumerate(owners):
        copy = Path(shutil.copy(LOG, folder / LOG.name.replace("_1.darshan", f"_{n}.darshan")))
        os.chown(copy, owner, owner)


def test_the_owner_of_a_logs_file_is_kept_and_compared(tmp_path: Path, site: Site) -> None:
    logs_of(tmp_path / "logs", UID, 0, 4242)
    night(site)
    table = darshan_tables.read_table(tmp_path / f"archive/2026/{DATE}/darshan.hdf5", "logs")
    assert sorted(table["file_uid"].tolist()) == [0, UID, 4242]
    count, detail = findings(tmp_path)[FindingKind.OWNER_DIFFERS]
    assert count == 1
    assert f"file of uid 4242, log of uid {UID}" in detail
    with sqlite3.connect(tmp_path / f"archive/2026/{DATE}/darshan_index.sqlite") as index:
        query = "SELECT file_uid, username FROM headers ORDER BY file_uid"
        rows = index.execute(query).fetchall()
    assert rows == [(0, "user01"), (UID, "user01"), (4242, None)]


def test_collectors_of_logs_are_whom_the_site_says(tmp_path: Path, site: Site) -> None:
    logs_of(tmp_path / "logs", 4242, 0)
    night(site, log_owners=["root", 4242])
    assert FindingKind.OWNER_DIFFERS not in findings(tmp_path)


def test_the_owner_of_the_folder_is_a_collector(tmp_path: Path, site: Site) -> None:
    logs_of(tmp_path / "logs", 4242)
    os.chown(tmp_path / "logs", 4242, 4242)
    night(site)
    assert FindingKind.OWNER_DIFFERS not in findings(tmp_path)


def test_a_collector_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match="log_owners: there is no account 'no-such-account'"):
        options("logs", log_owners=["no-such-account"]).collectors([])


def test_what_was_kept_of_logs_before_their_owners_were_goes_on(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of earlier versions lack the column; a late log stands beside them."""
    logs_of(tmp_path / "logs", UID)
    real = reductions._part

    def earlier(summary: Any) -> Any:
        part = real(summary)
        del part.tables["logs"]["file_uid"]
        return part

    monkeypatch.setattr(reductions, "_part", earlier)
    night(site)
    monkeypatch.undo()
    late = tmp_path / "logs" / LOG.name.replace("_1.darshan", "_7.darshan")
    shutil.copy(LOG, late)
    os.chown(late, UID, UID)
    monkeypatch.setenv("TOKIO_SITE", str(tmp_path / "site.json"))
    current().answers.forget()
    night(site)
    path = tmp_path / f"archive/2026/{DATE}/darshan.hdf5"
    assert darshan_tables.read_table(path, "logs")["file_uid"].tolist() == [-1, UID]
