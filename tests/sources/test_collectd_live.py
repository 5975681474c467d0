"""collectd's documents over HTTP: paging, expiry, failures, credentials; and a real collectd."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archive_tools
from archive_tools.core.day import Day
from archive_tools.core.errors import SourceError
from archive_tools.core.vocabulary import FindingKind
from pipeline.cli.main import main
from pipeline.sources import collectd
from pipeline.sources._shared import http_client
from pipeline.testing.contract import Case, Contract, assert_same, built, parsed
from tests.support.collectd_day import DAY, as_document, disk, options, records
from tests.support.essearch import Answer, State, basic, hits, serving
from tests.support.paths import needed
from tests.support.waiting import PATIENCE, until

DOCUMENTS = [as_document(record) for record in records()]
BUSY: Answer = (503, {"error": "no"})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "LONGEST_PAUSE", 0.0)


def live(url: str, **keys: Any) -> collectd.Options:
    return options(
        [], "elasticsearch", url=url, index="collectd-%Y.%m.%d", **{"page_size": 17} | keys
    )


def expected(tmp_path: Path) -> Any:
    (tmp_path / "dump.json").write_text("\n".join(map(json.dumps, DOCUMENTS)))
    return built(options(tmp_path / "dump.json", "elasticsearch"), DAY, tmp_path / "of-dump")


class TestContract(Contract):
    @pytest.fixture
    def case(self, request: pytest.FixtureRequest) -> Any:
        state = State([])

        def write(folder: Path, some: Any) -> None:
            state.documents = hits([as_document(record) for record in some])

        def corrupt(folder: Path) -> str:
            del state.documents[5]["_source"]["hostname"]
            return "a document lacks @timestamp, hostname"

        with serving(state) as url:
            yield Case(DAY, records(), write, lambda folder: live(url, page_size=50), corrupt)


@pytest.mark.parametrize(
    ("flavour", "paging"),
    [
        ("es6", "scroll"),
        ("es7", "scroll"),
        ("es7", "pit"),
        ("opensearch", "scroll"),
        ("opensearch", "pit"),
    ],
)
@pytest.mark.parametrize("size", [50, 61, 10_000])
def test_every_document_once(tmp_path: Path, flavour: str, paging: str, size: int) -> None:
    state = State(hits(DOCUMENTS), flavour)
    with serving(state) as url:
        found = built(live(url, paging=paging, page_size=size), DAY, tmp_path / "raw")
    assert_same(found, expected(tmp_path))
    assert not state.points, "closed"
    assert not state.scrolls


def test_more_documents_of_one_stamp_than_a_page_holds(tmp_path: Path) -> None:
    state = State(hits(DOCUMENTS), "opensearch")
    with (
        serving(state) as url,
        pytest.raises(SourceError, match=r"documents have one stamp.*scroll"),
    ):
        built(live(url, paging="pit", page_size=3), DAY, tmp_path / "raw")


def test_only_what_is_wanted_is_asked_for(tmp_path: Path) -> None:
    state = State(hits(DOCUMENTS))
    with serving(state) as url:
        found = built(live(url, query={"prefix": {"hostname": "oss"}}), DAY, tmp_path / "raw")
    assert {column.partition(":")[0] for column in found["datatargets/readbytes"].columns} == {
        "oss1",
        "oss2",
    }
    method, path, body = state.requested[0]
    assert (method, path.partition("?")[0]) == (
        "POST",
        "/collectd-2026.11.22,collectd-2026.11.23/_search",
    )
    assert body["_source"][:2] == ["@timestamp", "hostname"]
    assert {"terms": {"plugin": ["cpu", "disk", "interface", "memory"]}} in body["query"]["bool"][
        "filter"
    ]


def test_the_indices_of_all_utc_dates_of_a_local_day() -> None:
    state = State(hits(DOCUMENTS))
    with serving(state) as url:
        collectd.SOURCE.inputs(live(url), Day(DAY.date, "America/Los_Angeles"))
        collectd.SOURCE.inputs(live(url), Day(DAY.date, "Asia/Tokyo"))
    assert [path.partition("/_count")[0] for _, path, _ in state.requested] == [
        "/collectd-2026.11.22,collectd-2026.11.23",
        "/collectd-2026.11.21,collectd-2026.11.22",
    ]


def once(*answers: tuple[str, Answer]) -> Any:
    """Trouble with the first requests of a path, one after the other."""
    left = list(answers)

    def trouble(number: int, path: str) -> Answer | None:
        if left and path == left[0][0]:
            return left.pop(0)[1]
        return None

    return trouble


SCROLL = "/_search/scroll"
EXPIRED: Answer = (
    404,
    {
        "error": {
            "root_cause": [
                {
                    "type": "search_context_missing_exception",
                    "reason": "No search context found for id [1]",
                }
            ]
        }
    },
)
FAILED: Answer = (
    200,
    {
        "_scroll_id": "7",
        "_shards": {"failed": 1, "failures": [{"reason": "node left"}]},
        "hits": {"total": 1, "hits": []},
    },
)
EMPTY: Answer = (
    200,
    {"_scroll_id": "7", "_shards": {"failed": 0}, "hits": {"total": 1, "hits": []}},
)


@pytest.mark.parametrize(
    "trouble",
    [
        once((SCROLL, BUSY)),
        once((SCROLL, (429, b""))),
        once((SCROLL, EXPIRED)),
        once((SCROLL, EXPIRED), (SCROLL, EXPIRED)),
        once((SCROLL, FAILED)),
        once((SCROLL, EMPTY)),
        once((SCROLL, (200, b'{"hits": {"hits": [{"_source"'))),
        once(("/collectd-2026.11.22,collectd-2026.11.23/_search", (502, b"<html>bad gateway"))),
    ],
    ids=["busy", "too-many", "expired", "expired-twice", "shard", "short", "cut", "gateway"],
)
def test_a_search_that_fails_on_the_way_is_made_again(tmp_path: Path, trouble: Any) -> None:
    state = State(hits(DOCUMENTS), trouble=trouble)
    with serving(state) as url:
        found = built(live(url), DAY, tmp_path / "raw")
    assert_same(found, expected(tmp_path))


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (EXPIRED, "expired on the server"),
        (FAILED, "shards failed.*node left"),
        (EMPTY, r"gave 17 of \d+ documents"),
        ((500, {"error": "boom"}), "was refused; got: 500 .*boom"),
        ((200, b"<html>"), "not a page of hits"),
        (BUSY, "was refused; got: 503"),
    ],
)
def test_a_search_that_never_comes_to_an_end_is_an_error(
    tmp_path: Path, answer: Answer, match: str
) -> None:
    state = State(hits(DOCUMENTS), trouble=lambda number, path: answer if path == SCROLL else None)
    with serving(state) as url, pytest.raises(SourceError, match=match):
        built(live(url), DAY, tmp_path / "raw")
    assert len(state.requested) < 40


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_PASSWORD", "s3cret")
    (tmp_path / "token").write_text("t0ken\n")
    state = State(hits(DOCUMENTS), need=basic("me", "s3cret"))
    with serving(state) as url:
        assert built(live(url, user="me", password_env="ES_PASSWORD"), DAY, tmp_path / "raw1")
        with pytest.raises(SourceError, match=r"401.*check user and password_env") as raised:
            built(live(url, token_file=str(tmp_path / "token")), DAY, tmp_path / "raw2")
        assert "t0ken" not in str(raised.value)
        state.need = "Bearer t0ken"
        assert built(live(url, token_file=str(tmp_path / "token")), DAY, tmp_path / "raw3")
        (tmp_path / "token").write_text("two\nlines")
        with pytest.raises(SourceError, match="is not a token") as raised:
            built(live(url, token_file=str(tmp_path / "token")), DAY, tmp_path / "raw4")
        assert "two" not in str(raised.value)
        with pytest.raises(SourceError, match="NOT_SET is not set"):
            built(live(url, token_env="NOT_SET"), DAY, tmp_path / "raw5")


def test_a_document_whose_fields_are_of_another_type_costs_itself(tmp_path: Path) -> None:
    for flavour, paging in (("es7", "scroll"), ("es7", "pit"), ("opensearch", "pit")):
        state = State(hits([json.loads(json.dumps(document)) for document in DOCUMENTS]), flavour)
        state.documents[5]["_source"]["plugin_instance"] = True
        state.documents[60]["_source"]["read"] = "NaN"
        with serving(state) as url:
            _, findings, counts = parsed(
                live(url, page_size=100, paging=paging), DAY, tmp_path / f"{flavour}{paging}"
            )
        assert findings.total(FindingKind.UNREADABLE) == counts["unreadable"] == 2
        assert "plugin_instance" in str(next(iter(findings)))
        assert sum(counts.values()) - 2 == len([d for d in DOCUMENTS if d["plugin"] != "load"]) - 2


@pytest.mark.parametrize("answer", [(200, b"[" * 100_000), (200, b"\xff")])
def test_an_answer_that_is_no_json(answer: Answer) -> None:
    state = State([], trouble=lambda number, path: answer)
    with serving(state) as url, pytest.raises(SourceError, match="is not JSON"):
        collectd.SOURCE.inputs(live(url), DAY)


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(SourceError, match=r"said nothing for 0\.2 s; .*timeout_seconds"),
    ):
        collectd.SOURCE.inputs(
            live(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_seconds=0.2), DAY
        )


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"failed 5 times: .*refused.*check the key url"):
        collectd.SOURCE.inputs(live("http://127.0.0.1:9"), DAY)


def test_another_server_listens() -> None:
    state = State([], trouble=lambda number, path: (200, {"cluster": "of another kind"}))
    with (
        serving(state) as url,
        pytest.raises(SourceError, match="is the key url that of an Elasticsearch"),
    ):
        collectd.SOURCE.inputs(live(url), DAY)


def test_an_answer_that_is_too_large(tmp_path: Path) -> None:
    many = hits([as_document(disk(n / 10, 1.0, "h" * 200)) for n in range(4000)])
    with (
        serving(State(many)) as url,
        pytest.raises(SourceError, match=r"larger than 1 MiB.*answer_mb"),
    ):
        built(live(url, answer_mb=1, page_size=10_000), DAY, tmp_path / "raw")


def test_a_night(tmp_path: Path, site: Any) -> None:
    state = State(hits(DOCUMENTS))
    with serving(state) as url:
        site(
            {"bb": {"kind": "collectd", "form": "elasticsearch", "url": url, "timestep": 10}},
            late_days=10**4,
            raw_days=10**4,
        )
        assert main(["nightly", "--date", str(DAY)]) in (0, 3)
        requested = len(state.requested)
        assert main(["nightly", "--date", str(DAY)]) in (0, 3)
    assert ["/_count" in path for _, path, _ in state.requested[requested:]] == [True], (
        "one question, and nothing is fetched again"
    )
    with archive_tools.open_tts(tmp_path / f"archive/2026/{DAY}/bb.hdf5") as tts:
        assert np.isfinite(tts.to_numpy("datatargets/readbytes")).any()
    receipt = json.loads(next((tmp_path / "archive/receipts").rglob("*bb*tts*")).read_text())
    assert (
        receipt["quality"]["datatargets/readbytes"]["measured"] == 36 - 6
    )  # the first of each is of the day before


CONF = """
Hostname "oss01"
FQDNLookup false
Interval 1
BaseDir "{folder}/base"
PIDFile "{folder}/collectd.pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
LoadPlugin cpu
LoadPlugin memory
LoadPlugin interface
LoadPlugin csv
<Plugin cpu>
  ValuesPercentage true
</Plugin>
<Plugin csv>
  DataDir "{folder}/csv"
</Plugin>
"""


def _lines(folder: Path) -> int:
    files = (folder / "csv").rglob("memory-free-*")
    return sum(len(path.read_text().splitlines()) for path in files)


@pytest.mark.server
def test_a_real_collectd(tmp_path: Path, site: Any) -> None:
    program = shutil.which("collectd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        needed("collectd (Debian's package collectd-core)")
    (tmp_path / "collectd.conf").write_text(CONF.format(folder=tmp_path))
    began = time.time()
    command = [str(program), "-f", "-C", str(tmp_path / "collectd.conf")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TZ": "UTC"}
    )
    try:
        until(lambda: _lines(tmp_path) >= 15 or process.poll() is not None, "15 lines of values")
        assert process.poll() is None, process.stdout and process.stdout.read().decode()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    day = Day(dt.datetime.fromtimestamp(began, dt.UTC).date())
    site(
        {
            "servers": {
                "kind": "collectd",
                "form": "csv",
                "files": "csv/*/*/*-%Y-%m-%d",
                "timestep": 1,
            }
        }
    )
    assert main(["nightly", "--date", str(day)]) in (0, 3)
    with archive_tools.open_tts(tmp_path / f"archive/{day.date.year}/{day}/servers.hdf5") as tts:
        free, idle, load = (
            tts.to_numpy(f"dataservers/{name}")[:, 0] for name in ("memfree", "cpuidle", "cpuload")
        )
    assert np.isfinite(free).sum() >= 6
    assert np.isfinite(idle).sum() >= 5
    np.testing.assert_allclose((idle + load)[np.isfinite(idle)], 100, rtol=1e-9)
    assert (np.flatnonzero(np.isfinite(free)) + day.start >= began - 2).all()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < np.nanmax(free) < total
