"""`tokio-archive serve`, as a real process on this machine: what it gives, and what it refuses."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from openapi_spec_validator import validate

import archive_tools
from archive_tools.cli.main import main as tokio_archive
from archive_tools.serving.guard import Access
from archive_tools.serving.operations import DAMAGED, OPERATIONS
from archive_tools.store import files
from pipeline.cli.main import main
from tests.support import waiting
from tests.support.paths import ROOT
from tests.support.served import TOKEN, Served, serving
from tests.support.small_days import write_days

pytestmark = pytest.mark.system

DAYS = (dt.date(2026, 11, 21), dt.date(2026, 11, 22))
NAME = "datatargets/readbytes"
RANGE = {"start": "2026-11-21", "end": "2026-11-23"}
SERIES = {"instance": "scratch", "dataset": NAME, **RANGE}
SCRIPT = b"// " + b"x" * (4 << 20)
MOST_BYTES = 600 << 20
"""Memory of a server under load: what its libraries take is most of it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two days, with a page of each, and a script."""
    folder = tmp_path_factory.mktemp("served")
    rows = [{"name": "full", "kind": "fullness", "threshold": 1.0, "where": "scratch"}]
    site = write_days(folder, DAYS, late_days=10**5, raw_days=10**5, alerts=rows)
    for day in DAYS:
        assert main(["nightly", "--site", str(site), "--date", str(day)]) == 0
    root = folder / "archive"
    (root / "index.html").write_text("<p>index")
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets/figures-1.0.js").write_bytes(SCRIPT)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "archive"))


@pytest.fixture(scope="module")
def served(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(made, tmp_path_factory.mktemp("log") / "log") as server:
        yield server


# What it gives


def test_series_are_those_that_archive_read_gives(served: Served, made: Path) -> None:
    archive = archive_tools.Archive(made)
    right = archive.to_dataframe("scratch", NAME, RANGE["start"], RANGE["end"], resample="1h")
    wanted = {**SERIES, "resample": "1h"}
    found = served.api("series", **wanted).json()
    assert found["columns"] == list(right.columns)
    assert (found["unit"], found["kind"], found["damaged"]) == ("bytes", "delta", [])
    assert np.array_equal([row[1:] for row in found["rows"]], right.to_numpy())
    assert [row[0] for row in found["rows"]] == [one.isoformat() for one in right.index]
    text = served.api("series", **wanted, format="csv").content
    frame = pyarrow.csv.read_csv(io.BytesIO(text)).to_pandas().set_index("timestamp")
    assert np.array_equal(frame.to_numpy(), right.to_numpy())
    sent = served.api("series", **wanted, format="arrow").content
    table = pa.ipc.open_stream(sent).read_all()
    assert table.schema.metadata[b"unit"] == b"bytes"
    assert np.array_equal(table.drop(["timestamp"]).to_pandas().to_numpy(), right.to_numpy())


def test_one_component_as_rates_a_row_each(served: Served, made: Path) -> None:
    wanted = {**SERIES, "components": "*OST0001", "rate": "true", "layout": "long"}
    rows = served.api("series", **wanted).json()["rows"]
    right = archive_tools.Archive(made).read(
        "scratch", NAME, RANGE["start"], RANGE["end"], components="*OST0001", rate=True
    )
    assert [row["value"] for row in rows] == right.values[:, 0].tolist()
    assert {row["component"] for row in rows} == {"fs-OST0001"}


def test_times_as_grafana_writes_them(served: Served) -> None:
    by_day = served.api("series", **SERIES).content
    for start, end in (
        ("2026-11-21T00:00:00.000Z", "2026-11-23T00:00:00.000Z"),
        (1795219200, 1795392000),
    ):
        assert served.api("series", **{**SERIES, "start": start, "end": end}).content == by_day


def test_jobs_are_those_that_archive_jobs_gives(served: Served, made: Path) -> None:
    right = archive_tools.Archive(made).jobs(RANGE["start"], RANGE["end"])
    found = served.api("jobs", **RANGE).json()
    assert found["there"] == len(right) > 0
    assert [row["jobid"] for row in found["rows"]] == right.jobid.tolist()
    assert [row["bytes_read"] for row in found["rows"]] == right.bytes_read.tolist()
    one = served.api("jobs", **RANGE, limit=1, format="arrow").content
    assert pa.ipc.open_stream(one).read_all().num_rows == 1
    assert served.api("jobs", **RANGE, user="nobody-*").json()["rows"] == []


def test_what_there_is(served: Served) -> None:
    found = served.api("instances").json()["instances"]
    assert [row["instance"] for row in found] == ["darshan", "home", "scratch"]
    assert {row["days"] for row in found} == {2}
    datasets = served.api("datasets", instance="scratch").json()["datasets"]
    assert NAME in [row["dataset"] for row in datasets]
    names = served.api("components", instance="scratch", dataset=NAME, date="2026-11-21").json()
    assert names["components"] == ["fs-OST0000", "fs-OST0001"]
    days = served.api("status").json()["days"]
    assert {state["state"] for day in days.values() for state in day.values()} == {"complete"}
    assert list(days) == [str(day) for day in DAYS]


def test_alerts_are_those_of_the_nightly_runs(root: Path, tmp_path: Path) -> None:
    (root / "2026/2026-11-21/alerts.json").write_text("{")
    (root / "2026/2026-11-23").mkdir()
    with serving(root, tmp_path / "log") as server:
        found = server.api("alerts").json()
    assert {(row["date"], row["name"], row["instance"], row["state"]) for row in found["rows"]} == {
        ("2026-11-22", "full", "scratch", "firing")
    }
    assert [one["date"] for one in found["damaged"]] == ["2026-11-21"]
    assert found["not_evaluated"] == ["2026-11-23"]


def test_a_failed_product_and_an_absent_one_are_not_complete(root: Path, tmp_path: Path) -> None:
    (root / "2026/2026-11-22/darshan_jobs.parquet").unlink()
    next(root.glob("receipts/2026/11/2026-11-21.darshan.jobs.*")).unlink()
    next(root.glob("receipts/2026/11/2026-11-21.darshan.index.*")).unlink()
    with serving(root, tmp_path / "log") as server:
        days = server.api("status").json()["days"]
    assert days["2026-11-22"]["darshan"]["state"] == "missing"
    assert days["2026-11-21"]["darshan"]["state"] == "missing"
    assert days["2026-11-21"]["scratch"]["state"] == "complete"


def test_the_document_is_openapi_and_names_every_operation(served: Served) -> None:
    document = served.api("openapi.json").json()
    validate(document)
    assert len(document["paths"]) == len(OPERATIONS)
    for path, item in document["paths"].items():
        required = [one["name"] for one in item["get"]["parameters"] if one["required"]]
        refused = served.get(path)
        assert refused.status_code == (400 if required else 200), path


def test_pages_and_what_they_use_are_sent_with_headers_of_security(served: Served) -> None:
    page = served.get("/2026/2026-11-22/report.html")
    assert page.text.startswith("<!DOCTYPE html>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert served.get("/").text == served.get("/index.html").text == "<p>index"
    script = served.get("/assets/figures-1.0.js")
    assert script.content == SCRIPT
    assert script.headers["content-type"].startswith("text/javascript")
    for answer in (page, script, served.api("instances"), served.get("/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/2026/2026-11-22/report.html",
        "/api/v1/instances",
        "/api/v1/openapi.json",
        f"/api/v1/series?instance=scratch&dataset={NAME}&start=2026-11-21&end=2026-11-22",
        "/api/v1/jobs?start=2026-11-21&end=2026-11-22",
    ],
)
def test_who_has_it_already_gets_304(served: Served, path: str) -> None:
    first = served.get(path)
    assert first.status_code == 200, first.text
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = served.get(path, {"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert served.get(path, {"If-None-Match": '"other"'}).content == first.content
    head = httpx.head(f"{served.address.rstrip('/')}{path}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))


def test_another_format_has_another_etag(served: Served) -> None:
    tags = [served.api("series", **SERIES, format=form).headers["etag"] for form in ("json", "csv")]
    assert len(set(tags)) == 2


def test_every_panel_of_the_dashboard_gets_its_columns(served: Served) -> None:
    """The addresses of the example, with what Grafana puts in the place of its variables."""
    dashboard = json.loads((ROOT / "examples/grafana/tokio-archive.json").read_text())
    values = {
        "${__from:date:iso}": "2026-11-21T00:00:00.000Z",
        "${__to:date:iso}": "2026-11-23T00:00:00.000Z",
        **{
            f"${{{one['name']}}}": one["current"]["value"]
            for one in dashboard["templating"]["list"]
            if one["current"]
        },
    }
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    for target in targets:
        path = target["url"]
        for name, value in values.items():
            path = path.replace(name, value)
        assert "$" not in path
        answer = served.get(path)
        assert answer.status_code == 200, answer.text
        table = pyarrow.csv.read_csv(io.BytesIO(answer.content))
        assert {one["selector"] for one in target["columns"]} <= set(table.column_names)
        assert table.num_rows > 0
    page = (ROOT / "docs/serve.md").read_text()
    for form in re.findall(r"`(/api/v1/(?:series|jobs)\?[^`]*\$[^`]*)`", page):
        for name, value in values.items():
            form = form.replace(name, value)
        assert served.get(form).status_code == 200


# What it refuses


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("series", {}, "'instance' is missing"),
        ("series", {**SERIES, "comonents": "x"}, "no parameter 'comonents'"),
        ("series", {**SERIES, "instance": "../../etc"}, "instance: "),
        ("series", {**SERIES, "instance": "a\0b"}, "instance: "),
        ("series", {**SERIES, "start": "yes"}, "'yes' is not a time"),
        ("series", {**SERIES, "start": "9" * 30}, "is not a time"),
        ("series", {**SERIES, "end": "2026-11-21"}, "the range is empty"),
        ("series", {**SERIES, "resample": "soon"}, "soon"),
        ("series", {**SERIES, "format": "pickle"}, "format: "),
        ("series", {**SERIES, "start": ["2026-11-21", "2026-11-20"]}, "given twice"),
        ("jobs", {**RANGE, "limit": 0}, "limit: "),
        ("jobs", {**RANGE, "order": "x'; DROP TABLE"}, "order: "),
        ("datasets", {"instance": "scratch", "date": "soon"}, "date: "),
        ("status", {"start": "2026-11-23", "end": "2026-11-22"}, "the range is empty"),
    ],
)
def test_a_wrong_parameter_is_named(served: Served, name: str, query: dict, said: str) -> None:
    answer = served.api(name, **query)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_what_is_not_there_is_404_and_says_what_is(served: Served, made: Path) -> None:
    answer = served.api("series", **{**SERIES, "instance": "skratch"})
    assert (answer.status_code, answer.json()["to_do"]) == (404, "did you mean scratch?")
    for refused in (answer, served.api("series", **{**SERIES, "dataset": "no/such"})):
        assert refused.status_code == 404
        assert str(made) not in refused.text, "where the archive is, is not told"


OUTSIDE = [
    "/archive.json",
    "/.lock",
    "/receipts/last_nightly.json",
    "/receipts/2026/11/",
    "/raw/2026/2026-11-22/x.html",
    "/2026/2026-11-22/scratch.hdf5",
    "/2026/2026-11-22/darshan_index.sqlite",
    "/2026/2026-11-22/darshan_jobs.parquet",
    "/2026/2026-11-22/",
    "/2026/2026-11-22/.report.html",
    "/2026/../../outside.html",
    "/2026/2026-11-22/../../../outside.html",
    "/2026/2026-11-22/..%2f..%2f..%2foutside.html",
    "/2026/2026-11-22/%2e%2e/%2e%2e/index.html",
    "/2026%2f2026-11-22%2freport.html",
    "/2026/2026-11-22/report%2ehtml",
    "/2026/2026-11-22/report.html%00",
    "/2026/2026-11-22\\report.html",
    "//2026/2026-11-22/report.html",
    "/2026//2026-11-22/report.html",
    "/2026/2026-11-22/report.html/",
    "/assets/../archive.json",
    "/assets/..%5carchive.json",
    "/2026/2026-11-22/linked.html",
    "/2026/2026-11-23/report.html",
    "/2026/2026-11-22/folder.html",
    "/2026/2026-11-22/pipe.html",
    "/assets/linked.js",
]


def raw(served: Served, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_no_address_leads_to_anything_but_pages(root: Path, tmp_path: Path) -> None:
    secret = b"not for others"
    (tmp_path / "outside.html").write_bytes(secret)
    (root / "2026/2026-11-22/linked.html").symlink_to(tmp_path / "outside.html")
    (root / "assets/linked.js").symlink_to(tmp_path / "outside.html")
    (tmp_path / "day").mkdir()
    (tmp_path / "day/report.html").write_bytes(secret)
    (root / "2026/2026-11-23").symlink_to(tmp_path / "day")
    (root / "2026/2026-11-22/.report.html").write_bytes(secret)
    (root / "2026/2026-11-22/folder.html").mkdir()
    os.mkfifo(root / "2026/2026-11-22/pipe.html")
    with serving(root, tmp_path / "log") as server:
        for path in OUTSIDE:
            sent = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            answer = raw(server, sent)
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer)
            assert secret not in answer
            assert str(tmp_path).encode() not in answer
        good = b"GET /2026/2026-11-22/report.html HTTP/1.1\r\nHost: [::1]:1\r\n"
        assert raw(server, good + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
def test_every_method_that_does_not_read_is_refused(served: Served, method: str) -> None:
    for path in ("/", "/index.html", "/api/v1/series"):
        answer = httpx.request(method, f"{served.address.rstrip('/')}{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_page_of_another_site_cannot_call_it_by_a_name_of_its_own(served: Served) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "10.0.0.1",
        "",
    ):
        assert served.get("/index.html", {"Host": host}).status_code == 421, host
    for host in ("localhost", "LOCALHOST:8417", "127.0.0.1", "[::1]:80", "localhost."):
        assert served.get("/index.html", {"Host": host}).status_code == 200, host
    two = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(served, two).startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


def test_a_name_of_a_proxy_is_allowed_and_no_other() -> None:
    access = Access(hosts=("Archive.example",))
    assert access.knows_host("archive.example:443")
    assert not access.knows_host("xarchive.example")
    assert not access.knows_host("archive.example.evil.example")
    assert Access(token=TOKEN, any_host=True).knows_host("anything.example")
    assert not Access(token=TOKEN, any_host=True).knows_host("a b")


def test_elsewhere_it_answers_only_to_the_token_which_no_log_has(
    made: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    options = ("--host", "0.0.0.0", "--token-file", str(token))
    with serving(made, tmp_path / "log", *options) as server:
        address = f"http://127.0.0.1:{server.port}"
        for path in ("/index.html", "/api/v1/instances", "/api/v1/openapi.json", "/nothing"):
            for given in (
                None,
                f"Bearer {TOKEN}x",
                f"Bearer {TOKEN[:-1]}",
                "Bearer",
                f"Token {TOKEN}",
                "Basic ???",
                TOKEN,
                f"Bearer {'x' * 9000}",
            ):
                headers = {"Authorization": given} if given else {}
                refused = httpx.get(address + path, headers=headers)
                assert refused.status_code == 401, (path, given)
                assert "Basic" in refused.headers["www-authenticate"]
                assert "index" not in refused.text
        for auth in (
            {"headers": {"Authorization": f"Bearer {TOKEN}"}},
            {"auth": ("grafana", TOKEN)},
        ):
            assert httpx.get(f"{address}/index.html", **auth).status_code == 200
        named = {"Authorization": f"Bearer {TOKEN}", "Host": "archive.example"}
        assert httpx.get(f"{address}/index.html?token={TOKEN}", headers=named).status_code == 200
        assert httpx.get(f"{address}/%0a%1b[31mx", headers=named).status_code == 404
    log = (tmp_path / "log").read_text()
    assert "401" in log
    assert TOKEN[:-1] not in log
    assert all(line.isprintable() for line in log.splitlines())


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o640, TOKEN, "mode 0640"),
        (0o600, "short", "to 1024 printable"),
        (0o600, "", "0 characters"),
        (None, "", "cannot be read"),
    ],
)
def test_a_token_that_others_could_read_or_guess_is_refused(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mode: int | None,
    text: str,
    said: str,
) -> None:
    path = tmp_path / "token"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    assert tokio_archive(["serve", "--archive", str(made), "--token-file", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_without_a_token_it_does_not_listen_to_others(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TOKIO_SERVE_TOKEN", raising=False)
    for host in ("0.0.0.0", "::"):
        assert tokio_archive(["serve", "--archive", str(made), "--host", host, "--port", "0"]) == 2
        assert "there is no token" in capsys.readouterr().err


def test_a_request_that_is_too_large_says_the_limit_and_what_was_requested(
    made: Path, tmp_path: Path
) -> None:
    options = ("--max-cells", "100", "--max-days", "2", "--max-rows", "5")
    with serving(made, tmp_path / "log", *options) as server:
        cells = server.api("series", **SERIES)
        assert cells.status_code == 413
        assert (cells.json()["limit"], cells.json()["got"]) == ("at most 100", "576")
        assert server.api("series", **SERIES, resample="1h").status_code == 200
        days = server.api("series", **{**SERIES, "end": "2036-11-22"})
        assert (days.status_code, days.json()["limit"]) == (413, "at most 2")
        assert server.api("jobs", **{**RANGE, "start": "0001-01-02"}).status_code == 413
        assert server.api("jobs", **RANGE, limit=6).status_code == 413
        assert server.api("jobs", **RANGE, limit=5).status_code == 200
        assert server.api("status", start="1999-01-01").status_code == 413


def test_an_answer_that_takes_too_long_is_503_and_delays_no_page(
    root: Path, tmp_path: Path
) -> None:
    """A pipe in the place of a table: who opens it waits for good, as on a dead file system."""
    table = root / "2026/2026-11-22/darshan_jobs.parquet"
    table.unlink()
    os.mkfifo(table)
    with (
        serving(root, tmp_path / "log", "--max-seconds", "1") as server,
        ThreadPoolExecutor(60) as pool,
    ):
        answers = [pool.submit(server.api, "jobs", **RANGE) for _ in range(60)]
        assert server.get("/index.html").status_code == 200
        codes = {one.result().status_code for one in answers}
        assert codes == {503}
        said = server.api("jobs", **RANGE)
        assert "retry-after" in said.headers
        assert server.get("/2026/2026-11-22/report.html").status_code == 200
        assert server.end() == 0, "it ends, whatever a file system does"


# Damage, change, load


def test_a_damaged_day_is_left_out_and_named(root: Path, tmp_path: Path) -> None:
    (root / "2026/2026-11-21/scratch.hdf5").write_bytes(b"not HDF5")
    (root / "2026/2026-11-21/darshan_jobs.parquet").write_bytes(b"not Parquet")
    with serving(root, tmp_path / "log") as server:
        for form, name, query in itertools.product(
            ("json", "csv", "arrow"), ("series", "jobs"), (SERIES,)
        ):
            wanted = query if name == "series" else RANGE
            answer = server.api(name, **wanted, format=form)
            assert answer.status_code == 200, answer.text
            assert answer.headers[DAMAGED] == "2026-11-21"
        found = server.api("series", **SERIES).json()
        assert [one["date"] for one in found["damaged"]] == ["2026-11-21"]
        assert "2026/2026-11-21/scratch.hdf5" in found["damaged"][0]["reason"]
        assert {row[0][:10] for row in found["rows"]} == {"2026-11-22"}
        strict = server.api("series", **SERIES, damaged="raise")
        assert strict.status_code == 409
        only = server.api("series", **{**SERIES, "end": "2026-11-22"})
        assert only.status_code == 409, "not an empty answer"
        assert server.api("jobs", start="2026-11-21", end="2026-11-21T12:00").status_code == 409
        assert server.api("datasets", instance="scratch", date="2026-11-21").status_code == 409
        assert str(root) not in strict.text + only.text


def test_while_files_are_replaced_each_answer_is_of_an_old_or_a_new_one(
    root: Path, tmp_path: Path
) -> None:
    path = root / "2026/2026-11-22/scratch.hdf5"
    pages = [root / "index.html", b"a" * 300_000, b"b" * 300_000]
    one, two = (Path(shutil.copy(path, tmp_path / name)) for name in ("one", "two"))
    with h5py.File(two, "r+") as file:
        file[NAME][...] *= 2
    done = threading.Event()

    def put(content: bytes, target: Path) -> None:
        temporary = files.temporary_name(target)
        temporary.write_bytes(content)
        os.replace(temporary, target)

    def replace() -> None:
        contents = [(one.read_bytes(), pages[1]), (two.read_bytes(), pages[2])]
        for series, page in itertools.cycle(contents):
            put(series, path)
            put(page, pages[0])
            if done.is_set():
                return

    seen: dict[str, set[bytes]] = {}
    with serving(root, tmp_path / "log") as server:
        right = server.api("series", **SERIES, components="*OST0000").json()["rows"]
        writer = threading.Thread(target=replace)
        writer.start()
        try:
            for _ in range(25):
                answer = server.api("series", **SERIES, components="*OST0000")
                assert answer.status_code == 200, answer.text
                factors = {
                    got[1] / row[1]
                    for got, row in zip(answer.json()["rows"], right, strict=True)
                    if row[1] and got[0] >= "2026-11-22"
                }
                assert factors in ({1.0}, {2.0})
                seen.setdefault(answer.headers["etag"], set()).add(answer.content)
                assert server.get("/index.html").content in pages[1:]
        finally:
            done.set()
            writer.join()
    assert len({body for bodies in seen.values() for body in bodies}) == 2, "it was replaced"


def test_load_is_answered_within_bounded_memory(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    """Requests side by side; `TOKIO_SERVE_LOAD` is how many (figures: pytest -rP)."""
    count = int(os.environ.get("TOKIO_SERVE_LOAD", "80"))
    wanted = [("series", SERIES), ("jobs", RANGE), ("instances", {}), ("status", {})]

    def one(number: int) -> int:
        name, query = wanted[number % len(wanted)]
        return served.api(name, **query).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(count))) == {200}
    assert served.most_memory() < MOST_BYTES
    record_property("VmHWM", served.most_memory())


def test_slow_clients_hold_neither_others_nor_memory_and_are_left(
    made: Path, tmp_path: Path
) -> None:
    """Some send half a request, some take nothing of a large answer; the others are answered."""
    with serving(made, tmp_path / "log", "--max-idle", "1", "--max-connections", "60") as server:
        before, sockets = server.most_memory(), server.sockets()
        slow = [socket.socket() for _ in range(40)]
        for number, client in enumerate(slow):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            request = b"GET /assets/figures-1.0.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(request if number % 2 else request[:20])
        assert server.get("/index.html").status_code == 200
        waiting.until(lambda: server.sockets() <= sockets, "the server leaves them")
        assert server.get("/assets/figures-1.0.js").content == SCRIPT
        assert server.most_memory() - before < 100 << 20
        for client in slow:
            client.close()


def test_more_clients_than_there_may_be_are_told_so(made: Path, tmp_path: Path) -> None:
    with serving(made, tmp_path / "log", "--max-connections", "5") as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(6)]
        waiting.until(lambda: server.get("/index.html").status_code == 503, "it is full")
        for client in idle:
            client.close()
        waiting.until(lambda: server.get("/index.html").status_code == 200, "there is room")


def test_at_sigterm_an_answer_under_way_is_finished(made: Path, tmp_path: Path) -> None:
    with serving(made, tmp_path / "log") as server:
        with httpx.stream("GET", f"{server.address}assets/figures-1.0.js") as answer:
            coming = answer.iter_raw(1 << 16)
            begun = next(coming)
            server.process.terminate()
            assert begun + b"".join(coming) == SCRIPT
        assert server.process.wait(120) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_taken_port_and_a_wrong_limit_are_said(
    served: Served, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["serve", "--archive", str(made), "--port"]
    assert tokio_archive([*arguments, str(served.port)]) == 1
    assert "Address already in use" in capsys.readouterr().err
    assert tokio_archive([*arguments, "70000"]) == 2
    assert tokio_archive([*arguments, "0", "--max-days", "0"]) == 2


def test_nothing_is_written_to_the_archive(made: Path, tmp_path: Path) -> None:
    def there() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in made.rglob("*")}

    before = there()
    with serving(made, tmp_path / "log") as server:
        for name, query in (("series", SERIES), ("jobs", RANGE), ("status", {}), ("instances", {})):
            assert server.api(name, **query).status_code == 200
        assert server.end() == 0
    assert there() == before
    assert json.loads((made / "archive.json").read_text())
