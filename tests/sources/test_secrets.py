"""No secret is written: not into the archive, not into a log, not onto a terminal."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi
import pytest

from archive_tools.core.errors import SourceError, Unreachable
from pipeline.building.run_context import current
from pipeline.cli.main import COMPLETE, FAILED, main
from pipeline.processes import own_environment
from pipeline.processes.limits import run_in_process
from pipeline.site import validated
from pipeline.sources._shared import secrets
from pipeline.sources._shared.http_client import HttpOptions, Server
from pipeline.sources._shared.sql_database import Database
from pipeline.sources.prometheus import Options
from tests.support.echo_server import MODES, echoing
from tests.support.secret_text import all_text, forms, holds

PASSWORD = "p%41/s s+w\"ö'r<d>&\\1"
TOKEN = "tok/en+'\"<&>\\=%41~0123456789.abcdef"
LONG = "eyJhbGciOi.J9_-" * 40
DATE = "2026-11-22"


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    secrets.forget()
    own_environment.forget()
    yield
    secrets.forget()
    own_environment.forget()


@pytest.mark.parametrize("secret", [PASSWORD, TOKEN, LONG, "hunter2x"])
def test_every_form_of_a_secret_is_struck(secret: str) -> None:
    secrets.remember(secret, "us er")
    for text in (secret, f"us er:{secret}"):
        for form in forms(text):
            shown = secrets.struck(f"before <{form}> after")
            assert not holds(shown, secret), form
            assert shown.startswith("before <")
            assert shown.endswith("> after")
    whole = base64.b64encode(f"x=1\nAuthorization: {secret}\n".encode()).decode()
    assert base64.b64encode(secret.encode()).decode()[4:12] not in secrets.struck(whole)


def test_forms_that_are_mixed() -> None:
    secrets.remember("correct horse")
    assert secrets.struck("c%6Frrect&#32;h\\u006frs=65!") == "***!"


def test_a_secret_that_a_text_breaks_off_in_is_struck() -> None:
    secrets.remember("correct-horse-battery")
    assert secrets.struck("the server says correct-horse-b") == "the server says ***"
    assert secrets.shown("correct-horse-battery " * 90, 30) == "*** " * 7 + "**..."


def test_a_short_secret_is_struck_where_it_is_a_whole_word_alone() -> None:
    secrets.remember("ab", "me")
    text = "able about ab 'ab' me:ab a%62 cab bWU6YWI="
    assert secrets.struck(text) == "able about *** '***' *** *** cab ***"


def test_what_is_shown_is_short_and_has_no_control_characters() -> None:
    shown = secrets.shown(b"\x1b[2J\r\nline " + b"x" * 1000)
    assert shown.startswith("\\x1b[2J\\r\\nline x")
    assert len(shown) == secrets.LONGEST_SHOWN + len("...")


def test_a_word_that_happens_to_be_a_password_remains_in_what_is_archived() -> None:
    secrets.remember("collectd", "me")
    secrets.remember(TOKEN)
    given = {"kind": "collectd", "error": [f"he said {TOKEN}"], "rows": 3}
    assert secrets.struck_in(given) == {"kind": "collectd", "error": ["he said ***"], "rows": 3}
    assert not secrets.is_repeated_in(b'{"plugin": "collectd"}')
    assert secrets.is_repeated_in(b'{"x": "%b"}' % base64.b64encode(b"me:collectd"))


def test_errors_that_others_were_raised_from_have_no_secrets() -> None:
    secrets.remember(TOKEN)

    def fail() -> None:
        try:
            raise ValueError(f"bad {TOKEN}")
        except ValueError as error:
            raise Unreachable("away", got=f"<{TOKEN}>", hint="wait") from error

    with pytest.raises(SourceError) as caught, secrets.struck_errors():
        fail()
    assert isinstance(caught.value, Unreachable), "the run waits for it once"
    assert str(caught.value) == "away; got: <***>; to do: wait"
    assert not holds("".join(traceback.format_exception(caught.value)), TOKEN)
    with pytest.raises(SourceError, match=r"^KeyError: '\*\*\*'$"), secrets.struck_errors():
        raise KeyError(TOKEN)


def test_errors_of_other_processes_have_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret is known there alone."""
    monkeypatch.setenv("S", TOKEN)

    def work() -> None:
        with secrets.struck_errors():
            raise OSError(f"no {secrets.secret('S', '', 'it')}")

    with pytest.raises(SourceError) as caught:
        run_in_process(60.0, "it", work)
    assert str(caught.value) == "OSError: no ***"


def test_log_lines_and_their_tracebacks_have_no_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets.remember(TOKEN)
    caplog.handler.addFilter(known := secrets.StruckFilter())
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logging.getLogger("tokio").exception("it says %s", TOKEN)
    finally:
        caplog.handler.removeFilter(known)
    assert "it says ***" in caplog.text
    assert "ValueError: ***" in caplog.text
    assert not holds(caplog.text, TOKEN)


@pytest.mark.parametrize(
    "url", ["http://me:s3c@ret/x@host:80", "http://t0ken-s3c@host", "https://a:s3c:d@h/x?y=1@2"]
)
def test_a_password_in_a_url_of_site_json_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"\*\*\*@") as caught:
        validated(HttpOptions, {"kind": "x", "url": url}, "site.json")
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize("mode", ["garbage", *MODES])
@pytest.mark.parametrize("secret", [PASSWORD, TOKEN])
def test_no_answer_gives_a_secret_back(
    mode: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S", secret)
    keys = {"token_env": "S"} if secret == TOKEN else {"user": "me", "password_env": "S"}
    with (
        echoing() as url,
        Server(HttpOptions(kind="x", url=f"{url}/{mode}", **keys), pause=lambda _: None) as server,
        pytest.raises(SourceError) as caught,
    ):
        server.json("POST", "/x", form={"q": secret})
    said = str(caught.value)
    assert not holds(said, secret)
    assert said.isprintable()
    assert len(said) < 1000
    wanted = {
        "garbage": "failed 5 times: ",
        "redirect": "got: 302 to http://elsewhere/?",
        "broken": "got: 500 ***",
    }
    answered = "the answer repeats the credentials; nothing of it is kept; to do: see why"
    assert wanted.get(mode, "got: 403 ***" if mode in ("body", "line") else answered) in said


@pytest.mark.system
def test_servers_that_give_all_back_leave_no_secret_anywhere(
    site: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Archive, receipts, report, metrics, log lines, standard output, parameters of tasks."""
    monkeypatch.setenv("ES_PASSWORD", PASSWORD)
    monkeypatch.setenv("TOKEN", TOKEN)
    kinds: dict[str, dict[str, Any]] = {
        "p": {"kind": "prometheus", "timestep": 3600},
        "c": {"kind": "collectd", "form": "elasticsearch", "timestep": 3600},
    }
    ways = {"t": {"token_env": "TOKEN"}, "w": {"user": "me", "password_env": "ES_PASSWORD"}}
    current().answers.forget()
    metrics = tmp_path / "archive/tokio.prom"
    with echoing() as url:
        path = site(
            {
                f"{kind}-{way}-{mode}": {**keys, **auth, "url": f"{url}/{mode}"}
                for kind, keys in kinds.items()
                for number, mode in enumerate(MODES)
                for way, auth in ways.items()
                if (kind == "p") == (number % 2 == (way == "t"))
            }
        )
        shown = parameters = ""
        for command, code in (
            (["nightly", "--date", DATE], FAILED),
            (["check-config"], COMPLETE),
            (["check-config", "--ask", DATE], FAILED),
            (["status", "--start", DATE, "--stop", DATE, "--textfile", str(metrics)], FAILED),
        ):
            assert main(command) == code, command
            said = capsys.readouterr()
            shown += said.out + said.err
            parameters += _parameters()
    assert "p-w-body         failed" in shown
    assert "c-t-redirect" in parameters
    everything = "\n".join([all_text(path.parent), shown, parameters])
    assert "***" in everything
    for secret in (PASSWORD, TOKEN, f"me:{PASSWORD}"):
        assert not holds(everything, secret)


def _parameters() -> str:
    """Of the tasks that Luigi knows."""
    tasks = luigi.task_register.Register._Register__instance_cache.values()
    return "\n".join(f"{task} {task.param_kwargs}" for task in tasks)


def test_an_error_of_a_database_has_no_password() -> None:
    """Also where the library says the connection string, which has the password."""
    database = Database.mysql("mysql://me@localhost:port/x", PASSWORD)
    with pytest.raises(SourceError) as caught:
        database.read("SELECT 1")
    assert not holds(str(caught.value), PASSWORD)
    assert not holds(repr(database), PASSWORD)


def test_passwords_of_proxies_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:proxy-p%40ss@127.0.0.1:1")
    options = Options(kind="prometheus", url="https://127.0.0.2:1")
    with Server(options, pause=lambda _: None) as server, pytest.raises(SourceError):
        server.ask("GET", "/")
    assert secrets.struck("407 proxy-p@ss proxy-p%40ss") == "407 *** ***"
