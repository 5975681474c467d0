"""Servers that do not answer cost their time limit once in a run: not once a day, try, instance or
worker. The servers count the waits.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.errors import Unreachable
from archive_tools.store.receipts import Receipts
from pipeline.building import silence
from pipeline.building.instance_day import InstanceDay
from pipeline.building.site_cache import load_site
from pipeline.cli.main import FAILED, main
from pipeline.sources import lmt, prometheus
from tests.support.small_days import write_lmt

pytestmark = pytest.mark.system

FIRST = dt.date(2025, 3, 1)
DAYS = 10
LAST = FIRST + dt.timedelta(days=DAYS - 1)


class Silent(http.server.ThreadingHTTPServer):
    """Takes requests; answers those that only ask what there is, where it `says`, and no others.

    Attributes
    ----------
    waits : int
        Requests that got no answer.
    """

    daemon_threads, block_on_close = True, False
    says = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.waits, self.over = 0, threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Request(http.server.BaseHTTPRequestHandler):
    server: Silent

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.server.says and b"count+by" in body:
            content = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.server.waits += 1
        self.server.over.wait()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Silent]:
    with Silent() as running:
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        yield running
        running.over.set()
        running.shutdown()


def write_sources(folder: Path, url: str, **keys: Any) -> None:
    """Three sources at one server, and the last day of a file system."""
    limits = {"url": url, "timestep": 3600, "ask_seconds": 4.0, **keys}
    (folder / "lmt").mkdir()
    write_lmt(folder / f"lmt/home_{LAST}.sqlite3", LAST)
    sources = {
        "one": {"kind": "prometheus", **limits},
        "two": {"kind": "prometheus", **limits, "url": f"{url}/other"},
        "elastic": {"kind": "collectd", "form": "elasticsearch", **limits},
        "home": {"kind": "lmt", "database": "sqlite:///lmt/home_%Y-%m-%d.sqlite3", "timestep": 600},
    }
    site = {"site": "small", "archive": "archive", "sources": sources}
    (folder / "site.json").write_text(json.dumps(site))


def backfill(folder: Path, *more: str) -> int:
    given = ["--site", str(folder / "site.json"), "--start", str(FIRST), "--stop", str(LAST)]
    return main(["backfill", *given, *more])


def states(folder: Path, instance: str) -> list[str]:
    """Of the raw data of all days."""
    dates = [FIRST + dt.timedelta(days=n) for n in range(DAYS)]
    days = Receipts(folder / "archive").days(dates)
    return [receipt.state for date in dates for receipt in days[date].of(instance, "raw")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_never_answers_is_waited_for_once_in_a_backfill(
    tmp_path: Path, server: Silent, workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sources(tmp_path, server.url)
    assert backfill(tmp_path, "--workers", workers, "--tries", "3") == FAILED
    assert server.waits == 1
    assert states(tmp_path, "home")[-1] == "complete"
    for instance in ("one", "two", "elastic"):
        assert states(tmp_path, instance) == ["failed"] * DAYS
    assert "took longer than 4 s; to do: look at the source" in capsys.readouterr().out
    assert backfill(tmp_path, "--workers", workers, "--instance", "one") == FAILED
    assert server.waits == 2, "the next run asks again"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_gives_no_data_is_waited_for_once_an_instance_in_a_backfill(
    tmp_path: Path, server: Silent, workers: str
) -> None:
    """It says what it has; so another instance of it may be given its data."""
    server.says = True
    write_sources(tmp_path, server.url, ask_seconds=60.0, fetch_seconds=4.0)
    given = ["--instance", "one,two,home", "--workers", workers, "--tries", "2"]
    assert backfill(tmp_path, *given) == FAILED
    assert server.waits == 2
    assert states(tmp_path, "home")[-1] == "complete"
    for instance in ("one", "two"):
        assert states(tmp_path, instance) == ["failed"] * DAYS


def test_a_source_is_asked_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of days sees a server that is back."""
    write_sources(tmp_path, "http://127.0.0.1:1")
    site = load_site(str(tmp_path / "site.json"))
    options = prometheus.Options(kind="prometheus", url="http://127.0.0.1:1")
    where = InstanceDay(site, "one", site.day(FIRST), options)
    other = InstanceDay(site, "two", site.day(FIRST), options)

    def ask(asked: InstanceDay, error: str = "") -> str:
        with silence.waited_for_once(asked, "ask"):
            if error:
                raise Unreachable(error)
        return "asked"

    silence.begin_run()
    with pytest.raises(Unreachable, match="first"):
        ask(where, "first")
    with pytest.raises(Unreachable, match="first"):
        ask(other)
    later = time.monotonic() + silence.SILENCE + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ask(other) == "asked"
    silence.begin_run()
    assert ask(where) == "asked"


def test_what_instances_have_in_common() -> None:
    url = "mysql://{}@host:3306/{}?socket=/x"
    first, second = (
        lmt.Options(kind="lmt", database=url.format(name, name)).shared_server for name in "ab"
    )
    assert first == second == "host:3306 socket=/x"
    assert lmt.Options(kind="lmt", database="sqlite:///a.sqlite3").shared_server == ""
    assert prometheus.Options(kind="prometheus", answers="a.json").shared_server == ""
