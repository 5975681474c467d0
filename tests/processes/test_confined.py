"""What a log can do that has taken over the process that reads it."""

from __future__ import annotations

import functools
import os
import signal
import socket
from pathlib import Path

import pytest

from archive_tools.core.vocabulary import RejectReason
from pipeline.processes import confined, isolated
from tests.support.isolated_readers import DAY, listed, names_of
from tests.support.paths import ROOT, SITEDAY_LOGS
from tests.support.taken_over import DONE, TakenOver
from tests.support.waiting import PATIENCE

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        confined.landlock_version() < confined.SCOPES_SINCE, reason="needs Landlock 6 in the kernel"
    ),
]
SECRET = "a-password-of-the-database"
LOGS = sorted(SITEDAY_LOGS.iterdir())
LOG = LOGS[0]


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TOKIO_LMT_PASSWORD", SECRET)


def attacked(what: str, argument: object = "", seconds: float = PATIENCE) -> str:
    """Why the log is rejected that takes over its process, among four that are good."""
    names = ["good0", "good1", "attack", "good3", "good4"]
    job = isolated.IsolatedRead(
        [(listed(log), name) for log, name in zip(LOGS, names, strict=False)],
        functools.partial(TakenOver, DAY.start, DAY.end, what, str(argument)),
        names_of,
        isolated.Limits(seconds, 2**31),
        tuple[list[str], dict[str, str]],
    )
    read: list[str] = []
    rejected: dict[str, str] = {}
    for some, reasons in isolated.run(job):
        read += some
        rejected |= reasons
    assert read == ["good0", "good1", "good3", "good4"], "good logs are there, each once"
    assert list(rejected) == ["attack"]
    return rejected["attack"]


def test_it_reads_no_file_outside_the_folders_of_logs(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text(SECRET)
    assert attacked("reads", tmp_path / "site.json").startswith("PermissionError")
    assert attacked("reads", "/etc/passwd").startswith("PermissionError")
    assert attacked("reads", ROOT / "README.md").startswith("PermissionError")


def test_it_reads_what_python_and_the_logs_need() -> None:
    """The test above would pass as well if nothing could be read."""
    assert attacked("reads", os.__file__).startswith(DONE)
    assert attacked("reads", LOG).startswith("UnicodeDecodeError")


@pytest.mark.parametrize("what", ["writes", "removes", "truncates", "makes_a_folder"])
def test_it_changes_nothing_on_disk(what: str, tmp_path: Path) -> None:
    """Nor in the archive, beside the logs, or in the folder for temporary files."""
    target = tmp_path / "darshan.hdf5"
    target.write_text("archived")
    path = tmp_path / "new" if what == "makes_a_folder" else target
    assert not attacked(what, path).startswith(DONE)
    assert target.read_text() == "archived"
    assert [one.name for one in tmp_path.iterdir()] == ["darshan.hdf5"]
    assert not attacked("writes", LOG.with_name("mine.darshan")).startswith(DONE)
    assert not LOG.with_name("mine.darshan").exists()


def test_it_connects_to_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not attacked("connects", server.getsockname()[1]).startswith(DONE)
    folder = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/s")
        server.listen()
        assert not attacked("connects_locally", f"{tmp_path}/s").startswith(DONE)
    os.close(folder)


def test_it_sees_no_password_in_an_environment() -> None:
    said = attacked("reads_environments", os.getpid())
    assert said.startswith(DONE), "the rest was read"
    assert SECRET not in said
    assert "'PATH'" in said, "what is needed is there"


@pytest.mark.parametrize("what", ["signals", "runs_a_program", "forks"])
def test_it_reaches_no_other_process(what: str) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: got.append(number))
    try:
        assert not attacked(what, os.getpid()).startswith(DONE)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not got


def test_it_has_no_descriptor_of_others() -> None:
    assert attacked("descriptors") == f"{DONE}[]"


@pytest.mark.parametrize("what", ["sends_a_pickle", "sends_a_packed_pickle"])
def test_a_pickle_is_not_run(what: str, tmp_path: Path) -> None:
    said = attacked(what, tmp_path / "run")
    assert RejectReason.read(said) is RejectReason.READER_ENDED
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "what",
    [
        "sends_a_long_message",
        "sends_a_negative_length",
        "sends_too_many_logs",
        "sends_another_form",
        "says_that_logs_are_gone",
    ],
)
def test_a_lie_is_as_if_the_process_had_died(what: str) -> None:
    assert RejectReason.read(attacked(what)) is RejectReason.READER_ENDED


def test_a_process_that_only_pretends_to_go_on_is_ended() -> None:
    said = attacked("says_that_all_is_well", seconds=1.0)
    assert RejectReason.read(said) is RejectReason.TIME_LIMIT


def test_a_link_out_of_its_folder_leads_to_logs_only(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    logs = tmp_path / "logs"
    elsewhere.mkdir()
    logs.mkdir()
    (elsewhere / "secret").write_text(f"16 characters ..{SECRET}")
    (logs / "a.darshan").symlink_to(LOG)
    (logs / "b.darshan").symlink_to(elsewhere / "secret")
    names = ("a.darshan", "b.darshan")
    rules = confined.readable((os.fsencode(logs), os.fsencode(name)) for name in names)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            confined.confine(rules, 2**30, {write})
            for name in names:
                try:
                    (logs / name).read_bytes()
                    os.write(write, b"1")
                except PermissionError:
                    os.write(write, b"0")
        finally:
            os._exit(0)
    os.close(write)
    os.close(rules)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"10"
    os.close(read)


def test_the_environment_of_a_reader_has_no_secrets() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": "/here",
        "TOKIO_LMT_PASSWORD": SECRET,
        "LD_PRELOAD": "mine.so",
        "PYTHONSTARTUP": "mine.py",
    }
    kept = isolated.environment(given)
    assert {name: kept.get(name) for name in given} == {
        **dict.fromkeys(given),
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": "/here",
    }
