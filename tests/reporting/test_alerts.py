"""Alerts: which rules fire, which are quiet, and which say that they do not know."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_tools.cli.main import main as tokio_archive
from archive_tools.core.vocabulary import AlertKind, AlertState, Product, ReceiptState
from archive_tools.formats.alerts_file import Alert
from archive_tools.reporting import alerts, figures_of_day, kept_alerts, textfile
from archive_tools.reporting.alerts import Rule, evaluate
from archive_tools.reporting.day_figures import (
    LAYOUT,
    DayFigures,
    Full,
    InstanceFigures,
    Moved,
    TargetSpeed,
    encode,
)
from archive_tools.schemas import BUILD_VERSION
from archive_tools.store import layout
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.cli.main import COMPLETE, FAILED, USAGE, main
from pipeline.schemas.alert_rules import AlertRule
from tests.support.nights import DATE, FOREVER, lmt_db, lmt_source
from tests.support.paths import ROOT, needed

DAY = dt.date(2026, 11, 22)
EXAMPLE = ROOT / "examples/prometheus"
Site = Callable[..., Path]


def write(root: Path, date: dt.date, **instances: InstanceFigures) -> None:
    path = layout.path(root, layout.FIGURES, date)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(DayFigures(LAYOUT, date, "UTC", 0, 86400, instances)))


def receipt(root: Path, instance: str, **content: Any) -> None:
    one = Receipt(
        DAY, instance, Product.TTS, BUILD_VERSION, "0123456789abcdef", ReceiptState.COMPLETE
    )
    Receipts(root).write(one, content)


def states(found: list[Alert]) -> list[tuple[str, str, AlertState]]:
    return [(one.instance, one.component, one.state) for one in found]


def full(**targets: float) -> InstanceFigures:
    """An instance whose targets of 100 bytes are so full."""
    of_targets = {name: Full(used, 100.0) for name, used in targets.items()}
    return InstanceFigures("complete", fullness={"fullness/bytes": of_targets})


FULL = Rule("full", AlertKind.FULLNESS, 85.0)


def test_every_target_above_the_threshold_is_named(tmp_path: Path) -> None:
    write(tmp_path, DAY, scratch=full(a=86.0, b=85.0, c=99.0), home=full(x=3.0))
    found = evaluate(tmp_path, DAY, [FULL])
    assert states(found) == [
        ("home", "x", AlertState.QUIET),
        ("scratch", "a", AlertState.FIRING),
        ("scratch", "c", AlertState.FIRING),
    ]
    assert (found[2].value, found[2].threshold) == (99.0, 85.0)
    assert found[2].sentence == "c is 99.0 % full"
    one = evaluate(tmp_path, DAY, [Rule("b", AlertKind.FULLNESS, 80.0, "scr*", "b")])
    assert states(one) == [("scratch", "b", AlertState.FIRING)]


def test_a_full_target_that_is_not_measured_any_more_is_unknown_not_quiet(tmp_path: Path) -> None:
    write(tmp_path, DAY - dt.timedelta(days=1), scratch=full(a=10.0, b=99.0))
    write(tmp_path, DAY, scratch=full(a=10.0))
    assert states(evaluate(tmp_path, DAY, [FULL])) == [
        ("scratch", "a", AlertState.QUIET),
        ("scratch", "b", AlertState.UNKNOWN),
    ]


def test_an_instance_whose_day_is_marked_as_empty_is_quiet(tmp_path: Path) -> None:
    write(tmp_path, DAY - dt.timedelta(days=1), scratch=full(a=99.0), home=full(x=99.0))
    write(tmp_path, DAY, scratch=InstanceFigures("empty"), home=full(x=99.0))
    empty = Receipt(DAY, "scratch", Product.RAW, 1, "0" * 16, ReceiptState.EMPTY)
    Receipts(tmp_path).write(empty, {"why": "a switch"})
    found = evaluate(tmp_path, DAY, [FULL])
    assert states(found) == [("home", "x", AlertState.FIRING), ("scratch", "", AlertState.QUIET)]
    assert found[1].sentence == "the day is marked as empty"


@pytest.mark.parametrize("kind", AlertKind)
def test_a_rule_without_data_is_unknown_and_says_why(tmp_path: Path, kind: AlertKind) -> None:
    rule = Rule("one", kind, 1.0)
    (found,) = evaluate(tmp_path, DAY, [rule])
    assert (found.state, found.instance) == (AlertState.UNKNOWN, "")
    assert "no instance * has" in found.sentence
    before = InstanceFigures(
        "complete",
        fullness=full(a=1.0).fullness,
        users=[Moved("u", 1, 1, 1)],
        target_speeds=[speed("a", 0.9, -1.0)],
    )
    write(tmp_path, DAY - dt.timedelta(days=1), scratch=before)
    (absent,) = evaluate(tmp_path, DAY, [rule])
    assert (absent.state, absent.instance) == (AlertState.UNKNOWN, "scratch")
    assert absent.sentence
    path = layout.path(tmp_path, layout.FIGURES, DAY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")
    (damaged,) = evaluate(tmp_path, DAY, [rule])
    assert damaged.state is AlertState.UNKNOWN


@pytest.mark.parametrize(
    ("a_day", "days", "state", "value"),
    [
        (1.0, 28, AlertState.FIRING, 28.0),
        (0.5, 28, AlertState.QUIET, 63.0 / 0.5 + 13.5 / 0.5 - 56.0),
        (0.0, 28, AlertState.QUIET, None),
        (-1.0, 28, AlertState.QUIET, None),
        (1.0, 6, AlertState.UNKNOWN, None),
    ],
)
def test_growth_is_days_until_full_by_the_median_slope(
    tmp_path: Path, a_day: float, days: int, state: AlertState, value: float | None
) -> None:
    """The newest day has 72 of 100 (or less, where it grows by less); one day in between is odd."""
    newest = 45.0 + 27.0 * a_day
    for back in range(days):
        used = newest - a_day * back if back != 3 else 99.0
        write(tmp_path, DAY - dt.timedelta(days=back), scratch=full(a=used))
    (found,) = evaluate(tmp_path, DAY, [Rule("grows", AlertKind.GROWTH, 30.0)])
    assert found.state is state, found.sentence
    left = (100.0 - newest) / a_day if a_day > 0 else None
    expected = None if value is None else left
    assert found.value == (None if expected is None else pytest.approx(expected, rel=0.01))


def test_a_target_that_reports_no_size_is_unknown_not_quiet(tmp_path: Path) -> None:
    targets = {"fullness/bytes": {"a": Full(5.0, 100.0), "b": Full(5.0, 0.0)}}
    write(tmp_path, DAY, scratch=InstanceFigures("complete", fullness=targets))
    found = evaluate(tmp_path, DAY, [Rule("full", AlertKind.FULLNESS, 90.0)])
    assert states(found) == [
        ("scratch", "a", AlertState.QUIET),
        ("scratch", "b", AlertState.UNKNOWN),
    ]


def test_missing_cells_are_not_unknown_of_logs_which_have_none_to_expect(tmp_path: Path) -> None:
    """A complete day of a file system and of logs has no alert that somebody must look at."""
    moved = [Moved("ann", 1, 5, 6)]
    write(
        tmp_path,
        DAY,
        scratch=InstanceFigures("complete"),
        darshan=InstanceFigures("complete", users=moved),
    )
    receipt(tmp_path, "scratch", percent=100.0)
    receipt(tmp_path, "darshan", counts={"rejects": 0})
    found = evaluate(tmp_path, DAY, [Rule("missing", AlertKind.MISSING, 5.0)])
    assert states(found) == [("scratch", "", AlertState.QUIET)]
    (alone,) = evaluate(tmp_path, DAY, [Rule("m", AlertKind.MISSING, 5.0, where="darshan")])
    assert alone.state is AlertState.UNKNOWN, "a rule that looks at nothing is not quiet"


def test_growth_does_not_take_an_added_target_for_data(tmp_path: Path) -> None:
    for back in range(28):
        targets = {"a": 50.0, "b": 50.0} if back < 10 else {"a": 50.0}
        write(tmp_path, DAY - dt.timedelta(days=back), scratch=full(**targets))
    (found,) = evaluate(tmp_path, DAY, [Rule("grows", AlertKind.GROWTH, 400.0)])
    assert (found.state, found.sentence) == (AlertState.QUIET, "it does not grow, by 10 days")


def speed(name: str, share: float, score: float, direction: str = "read") -> TargetSpeed:
    return TargetSpeed(name, direction, share, 12, score)


def test_a_slow_target_is_surely_slower_and_is_named_once(tmp_path: Path) -> None:
    slow = [speed("a", 0.9, -30.0), speed("a", 0.4, -20.0, "written"), speed("c", 0.9, -9.0)]
    slow += [speed("b", 0.4, -3.0)]
    write(tmp_path, DAY, scratch=InstanceFigures("complete", target_speeds=slow))
    found = evaluate(tmp_path, DAY, [Rule("slow", AlertKind.SLOW_TARGET, 0.5)])
    assert states(found) == [("scratch", "a", AlertState.FIRING)]
    assert (
        found[0].sentence == "a written at 0.40 of the speed of the median target in 12 hours"
        " under load"
    )


def test_a_target_that_was_slow_in_both_directions_has_both_named(tmp_path: Path) -> None:
    slow = [speed("a", 0.4, -20.0), speed("a", 0.45, -9.0, "written"), speed("b", 0.2, -9.0)]
    slow += [speed("b", 0.6, -9.0, "written")]
    write(tmp_path, DAY, scratch=InstanceFigures("complete", target_speeds=slow))
    found = evaluate(tmp_path, DAY, [Rule("slow", AlertKind.SLOW_TARGET, 0.5)])
    assert {one.component: (one.value, one.sentence) for one in found} == {
        "a": (
            0.4,
            "a read at 0.40 and written at 0.45 of the speed of the median target in 12 hours"
            " under load",
        ),
        "b": (0.2, "b read at 0.20 of the speed of the median target in 12 hours under load"),
    }


def test_a_target_that_is_not_among_the_surest_is_quiet_if_these_are_not_sure(
    tmp_path: Path,
) -> None:
    assert figures_of_day.MOST_SLOW == alerts.MOST_SLOW
    rule = Rule("x", AlertKind.SLOW_TARGET, 0.5, components="x")
    for last, state in ((-3.9, AlertState.QUIET), (-4.0, AlertState.UNKNOWN)):
        slow = [speed(f"t{n}", 0.4, -9.0) for n in range(alerts.MOST_SLOW - 1)]
        slow += [speed("t9", 0.4, last)]
        write(tmp_path, DAY, scratch=InstanceFigures("complete", target_speeds=slow))
        (found,) = evaluate(tmp_path, DAY, [rule])
        assert found.state is state


def test_growth_bears_sizes_that_change_a_little_and_no_absent_target(tmp_path: Path) -> None:
    for back in range(10):
        level = {"a": Full(50.0 - back, 100.0 + back / 10)}
        write(
            tmp_path,
            DAY - dt.timedelta(days=back),
            scratch=InstanceFigures("complete", fullness={"fullness/bytes": level}),
        )
    rule = Rule("grows", AlertKind.GROWTH, 60.0)
    (found,) = evaluate(tmp_path, DAY, [rule])
    assert (found.state, found.value) == (AlertState.FIRING, pytest.approx(50.0))
    write(tmp_path, DAY - dt.timedelta(days=1), scratch=full(a=49.0, b=99.0))
    (absent,) = evaluate(tmp_path, DAY, [rule])
    assert (absent.state, absent.sentence) == (AlertState.UNKNOWN, "b was not measured")


def test_a_user_above_is_named_and_one_beyond_the_list_is_not_taken_for_quiet(
    tmp_path: Path,
) -> None:
    users = [Moved(f"u{n}", 1, 100 - n, 0) for n in range(alerts.MOST)]
    assert figures_of_day.MOST == alerts.MOST
    write(tmp_path, DAY, darshan=InstanceFigures("complete", users=users))
    above = evaluate(tmp_path, DAY, [Rule("user", AlertKind.USER, 98.0)])
    assert states(above) == [
        ("darshan", "u0", AlertState.FIRING),
        ("darshan", "u1", AlertState.FIRING),
    ]
    (high,) = evaluate(tmp_path, DAY, [Rule("user", AlertKind.USER, 1e9)])
    assert (high.state, high.value) == (AlertState.QUIET, 100.0)
    (other,) = evaluate(tmp_path, DAY, [Rule("user", AlertKind.USER, 50.0, components="v*")])
    assert other.state is AlertState.UNKNOWN
    (far,) = evaluate(tmp_path, DAY, [Rule("user", AlertKind.USER, 95.0, components="v*")])
    assert far.state is AlertState.QUIET
    write(tmp_path, DAY, darshan=InstanceFigures("failed", users=users))
    (failed,) = evaluate(tmp_path, DAY, [Rule("user", AlertKind.USER, 1.0)])
    assert failed.state is AlertState.UNKNOWN


def test_missing_cells_and_rejected_logs_are_those_of_the_receipt(tmp_path: Path) -> None:
    rules = [Rule("missing", AlertKind.MISSING, 5.0), Rule("errors", AlertKind.ERRORS, 3.0)]
    write(tmp_path, DAY, fs=InstanceFigures("partial"))
    receipt(tmp_path, "fs", percent=94.0, counts={"rejects": 4})
    assert [one.state for one in evaluate(tmp_path, DAY, rules)] == [AlertState.FIRING] * 2
    receipt(tmp_path, "fs", percent=96.0, counts={"rejects": 3})
    assert [one.state for one in evaluate(tmp_path, DAY, rules)] == [AlertState.QUIET] * 2


@pytest.mark.parametrize("state", ["failed", "missing", "expired", "a word of a later version"])
def test_a_day_that_failed_is_an_error_whatever_was_rejected(tmp_path: Path, state: str) -> None:
    write(tmp_path, DAY, fs=InstanceFigures(state))
    (found,) = evaluate(tmp_path, DAY, [Rule("errors", AlertKind.ERRORS, 1e6)])
    assert (found.state, found.sentence) == (AlertState.FIRING, f"the day is {state}")


# A night


ROWS = [
    {"name": "any", "kind": "fullness", "threshold": 1.0},
    {"name": "full", "kind": "fullness", "threshold": 99.9},
    {"name": "grows", "kind": "growth", "threshold": 30.0, "where": "f*"},
    {"name": "errors", "kind": "errors", "threshold": 0.0},
]


@pytest.fixture
def archive(tmp_path: Path, site: Site) -> Path:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER, alerts=ROWS)
    return tmp_path / "archive"


@pytest.fixture
def night(archive: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a nightly run says; its exit code is that of the day."""
    assert main(["nightly", "--date", DATE, "--quiet"]) == COMPLETE
    return capsys.readouterr().out


def test_a_night_names_what_fires_or_is_unknown_and_its_exit_code_is_the_days(
    archive: Path, night: str
) -> None:
    lines = night.splitlines()
    assert [re.sub(r": fs: .*", "", line) for line in lines] == [
        f"{DATE}  alert any firing",
        f"{DATE}  alert any firing",
        f"{DATE}  alert grows unknown",
    ]
    kept = kept_alerts.read(archive, [DAY]).days[DAY].alerts
    assert {(one.name, one.state) for one in kept} == {
        ("any", AlertState.FIRING),
        ("full", AlertState.QUIET),
        ("grows", AlertState.UNKNOWN),
        ("errors", AlertState.QUIET),
    }


def test_a_backfill_evaluates_nothing_and_says_so_and_the_next_night_does(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backfill", "--start", DATE, "--stop", DATE]) == COMPLETE
    assert "alerts of these days are not evaluated" in capsys.readouterr().err
    assert kept_alerts.read(archive, [DAY]).days == {}
    assert main(["nightly", "--date", DATE, "--quiet"]) == COMPLETE
    assert DAY in kept_alerts.read(archive, [DAY]).days


def test_the_index_has_what_fires_or_is_unknown(archive: Path, night: str) -> None:
    page = (archive / "index.html").read_text("utf-8")
    _, found, rest = page.partition("<h2>Alerts of four weeks</h2>")
    rows = rest.partition("</table>")[0]
    assert found
    assert rows.count("firing") == 2
    assert rows.count("unknown") == 1
    assert "quiet" not in rows


def test_a_second_run_writes_nothing_anew_and_check_finds_nothing(
    archive: Path, night: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = layout.path(archive, layout.ALERTS, DAY)
    before = path.stat().st_ino, path.stat().st_mtime_ns
    assert main(["nightly", "--date", DATE, "--quiet"]) == COMPLETE
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before
    assert capsys.readouterr().out == "", "each alert is said once by --quiet"
    assert main(["nightly", "--date", DATE]) == COMPLETE
    assert "alert any firing" in capsys.readouterr().out
    assert tokio_archive(["check", "--archive", str(archive)]) == 0, capsys.readouterr().out
    path.write_text("{")
    assert tokio_archive(["check", "--archive", str(archive)]) == 1
    assert re.search(r"damaged +\S+/alerts.json ", capsys.readouterr().out)


def test_a_copy_for_others_has_no_alerts_which_may_name_users(
    archive: Path, night: str, tmp_path: Path
) -> None:
    copy = ["--out", str(tmp_path / "copy"), "--key", str(tmp_path / "key")]
    assert tokio_archive(["publish", "--archive", str(archive), *copy]) == 0
    assert not list((tmp_path / "copy").rglob("alerts*"))
    assert "alert" not in (tmp_path / "copy/archive.json").read_text()


def test_the_command_lists_them_and_says_which_days_it_lacks(
    archive: Path, night: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ["--archive", str(archive)]
    assert tokio_archive(["alerts", DATE, *here]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"any +firing +fs +1 ", shown)
    assert re.search(r"grows +unknown +fs ", shown)
    assert "full " not in shown
    assert tokio_archive(["alerts", "--json", "--all", "--name", "full", *here]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["date"], one["name"], one["state"]) == (DATE, "full", "quiet")
    assert tokio_archive(["alerts", "2026-11-01", *here]) == 1
    assert "no day of the range was evaluated" in capsys.readouterr().err
    layout.path(archive, layout.ALERTS, DAY).write_text('{"layout": 1}')
    assert tokio_archive(["alerts", DATE, *here]) == 1
    assert f"the alerts of {DATE} cannot be read" in capsys.readouterr().err


def test_the_textfile_has_them_and_a_new_rule_is_unknown(
    archive: Path, night: str, site: Site, tmp_path: Path
) -> None:
    new = [*ROWS[1:], {"name": "new", "kind": "errors", "threshold": 0.0}]
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER, alerts=new)
    path = tmp_path / "tokio.prom"
    arguments = ["--start", DATE, "--stop", DATE, "--no-ask", "--textfile", str(path)]
    assert main(["status", *arguments]) == COMPLETE
    text = path.read_text()
    assert 'tokio_alert{name="full",kind="fullness",instance="fs",component=""} 0.0\n' in text
    assert 'tokio_alert_unknown{name="grows",kind="growth",instance="fs",component=""} 1.0' in text
    assert 'tokio_alert_unknown{name="new",kind="errors",instance="",component=""} 1.0' in text
    assert 'name="any"' not in text, "it is not a rule any more"
    assert "tokio_alerts_day_timestamp_seconds{} 1795305600.0\n" in text
    if not shutil.which("promtool"):
        needed("promtool (Debian: prometheus)")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False)
    assert checked.returncode == 0


def test_alerts_that_cannot_be_kept_are_said_and_the_run_failed(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_alerts, "write", full_disk)
    assert main(["nightly", "--date", DATE, "--quiet"]) == FAILED
    assert f"the alerts of {DATE} are not kept: " in capsys.readouterr().err


def test_a_site_without_alerts_has_no_file_of_them(tmp_path: Path, site: Site) -> None:
    lmt_db(tmp_path / "lmt.db")
    site({"fs": lmt_source(tmp_path / "lmt.db")}, **FOREVER)
    path = layout.path(tmp_path / "archive", layout.ALERTS, DAY)
    path.parent.mkdir(parents=True)
    path.write_text("what rules of then said")
    assert main(["nightly", "--date", DATE, "--quiet"]) == COMPLETE
    assert not path.exists()


# Rules


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"where": "scrath*"}, "'scrath*' matches no instance"),
        ({"kind": "fulness"}, "kind"),
        ({"dataset": "fullness/byte"}, "did you mean fullness/bytes?"),
        ({"dataset": "datatargets/readbytes"}, "does not say how full"),
        ({"kind": "user", "dataset": "fullness/inodes"}, "user has no dataset"),
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": "5"}, "threshold"),
        ({"name": "a b"}, "name"),
        ({"name": "full"}, "is there twice"),
        ({"treshold": 1.0}, "treshold"),
    ],
)
def test_check_config_refuses_a_rule_that_could_never_say_anything(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], row: dict[str, Any], said: str
) -> None:
    rows = [ROWS[1], {"name": "one", "kind": "fullness", "threshold": 1.0} | row]
    site({"fs": lmt_source(tmp_path / "lmt.db")}, alerts=rows)
    assert main(["check-config"]) == USAGE
    assert said in capsys.readouterr().err


def test_the_kinds_of_site_json_are_those_of_the_vocabulary() -> None:
    schema = AlertRule.model_json_schema()
    assert schema["properties"]["kind"]["enum"] == [str(kind) for kind in AlertKind]
    page = (ROOT / "docs/operations.md").read_text()
    for kind in AlertKind:
        assert f"| `{kind}` |" in page


# Prometheus


@pytest.mark.parametrize(
    "command", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]]
)
def test_promtool_takes_the_rules_and_their_examples(command: list[str]) -> None:
    if not shutil.which("promtool"):
        needed("promtool (Debian: prometheus)")
    done = subprocess.run(
        ["promtool", *command], cwd=EXAMPLE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_the_rules_name_only_metrics_that_are_written_and_each_has_an_example() -> None:
    rules = (EXAMPLE / "alerts.yml").read_text()
    written = Path(textfile.__file__).read_text()
    for name in set(re.findall(r"\btokio_\w+", rules)):
        assert f'"{name}"' in written, name
    tested = (EXAMPLE / "alerts_test.yml").read_text()
    for name in re.findall(r"alert: (\w+)", rules):
        assert f"alertname: {name}\n" in tested, name


@pytest.mark.parametrize("command", ["rebuild", "backfill"])
def test_a_day_that_is_made_again_is_evaluated_again_where_a_night_had(
    archive: Path, night: str, command: str
) -> None:
    path = layout.path(archive, layout.ALERTS, DAY)
    right = path.read_bytes()
    path.write_bytes(right.replace(b"quiet", b"firing"))
    assert path.read_bytes() != right
    assert main(["invalidate", "--start", DATE, "--stop", DATE, "--yes"]) == COMPLETE
    if command == "rebuild":
        assert main(["backfill", "--start", DATE, "--stop", DATE]) == COMPLETE
        path.write_bytes(right.replace(b"quiet", b"firing"))
        assert main(["rebuild", "--start", DATE, "--stop", DATE, "--all"]) == COMPLETE
    else:
        assert main(["backfill", "--start", DATE, "--stop", DATE]) == COMPLETE
    assert path.read_bytes() == right
    path.unlink()
    assert main([command, "--start", DATE, "--stop", DATE]) == COMPLETE
    assert not path.exists()


def test_a_last_day_without_alerts_is_not_a_quiet_one(tmp_path: Path) -> None:
    """`backfill` evaluates no new day: the index says so where other days were evaluated."""
    days = [DAY - dt.timedelta(days=1), DAY]
    assert kept_alerts.not_quiet(tmp_path, days) == [], "a site without alerts"
    kept_alerts.write(tmp_path, days[0], [])
    assert kept_alerts.not_quiet(tmp_path, days[:1]) == []
    ((day, _, state, why),) = kept_alerts.not_quiet(tmp_path, days)
    assert (day, state, why) == (str(DAY), "unknown", kept_alerts.NOT_EVALUATED)
    kept_alerts.write(tmp_path, DAY, [])
    assert kept_alerts.not_quiet(tmp_path, days) == []


def test_a_site_that_has_no_rules_any_more_is_not_told_to_wait_for_a_nightly_run(
    archive: Path, night: str, tmp_path: Path
) -> None:
    """As long as one of the four weeks was evaluated, the index says why the last day is not."""
    path = tmp_path / "site.json"
    content = json.loads(path.read_text())
    del content["alerts"]
    path.write_text(json.dumps(content))
    layout.path(archive, layout.ALERTS, DAY).unlink()
    kept_alerts.write(archive, DAY - dt.timedelta(days=1), [])
    assert main(["rebuild", "--start", DATE, "--stop", DATE]) == COMPLETE
    page = (archive / "index.html").read_text("utf-8")
    assert kept_alerts.NO_RULES in page
    assert kept_alerts.NOT_EVALUATED not in page
