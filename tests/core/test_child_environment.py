"""Programs that read what others wrote do not find the passwords of who started them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import archive_tools
from archive_tools.cli.pytokio import find_darshanlogs
from archive_tools.core.child_environment import without_secrets
from tests.support.paths import SITEDAY_LOGS

LOG = sorted(SITEDAY_LOGS.iterdir())[0]
HIDDEN = ("LMT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "TOKIO_TOKEN", "https_proxy", "SSH_AUTH_SOCK")


def test_what_python_needs_is_kept_and_nothing_else() -> None:
    kept = {"PATH": "/bin", "PYTHONPATH": "/x", "LC_ALL": "C", "TZ": "UTC"}
    assert without_secrets(kept | dict.fromkeys(HIDDEN, "x")) == kept


@pytest.mark.parametrize("started", ["read_darshan_log", "find_darshanlogs"])
def test_programs_that_read_logs_get_no_passwords(
    started: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in HIDDEN:
        monkeypatch.setenv(name, "x")
    seen: list[dict[str, str]] = []
    real = subprocess.run

    def noting(command: Any, **keys: Any) -> Any:
        seen.append(keys["env"])
        return real(command, **keys)

    monkeypatch.setattr(subprocess, "run", noting)
    if started == "read_darshan_log":
        assert archive_tools.read_darshan_log(LOG).modules
    else:
        assert find_darshanlogs._load("base", [LOG]) == 0
    (environment,) = seen
    assert not environment.keys() & {*HIDDEN}
    assert "PATH" in environment
