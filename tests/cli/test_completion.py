"""Shells complete what the parsers have: real bash, zsh and fish read the scripts and are asked."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from archive_tools.cli import completion
from archive_tools.cli.main import PROGRAM, main
from pipeline.cli.main import PROGRAM as PIPELINE
from pipeline.cli.main import main as pipeline_main

PROGRAMS = {"tokio-archive": main, "tokio-pipeline": pipeline_main}
CASES = [
    ("tokio-archive", ["gro"], "growth"),
    ("tokio-archive", ["growth", "--b"], "--by"),
    ("tokio-archive", ["growth", "--by", "w"], "week"),
    ("tokio-archive", ["check", "--inst"], "--instance"),
    ("tokio-pipeline", ["back"], "backfill"),
    ("tokio-pipeline", ["backfill", "--dry"], "--dry-run"),
]
in_shells = pytest.mark.parametrize("shell", completion.SHELLS)
pytestmark = pytest.mark.system


def needs(shell: str) -> None:
    if not shutil.which(shell):
        if os.environ.get("CI"):
            pytest.fail(f"{shell} is not installed")
        pytest.skip(f"{shell} is not installed")


def scripts(folder: Path, shell: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Path]:
    found = {}
    for name, of in PROGRAMS.items():
        assert of(["completion", shell]) == 0
        found[name] = folder / f"_{name}"
        found[name].write_text(capsys.readouterr().out)
    return found


def bash(script: Path, words: list[str], _: str) -> str:
    """What bash offers for the last word: that of the function that the script registers."""
    program = script.name.removeprefix("_")
    quoted = " ".join(map(repr, [program, *words]))
    code = f"""
        source /usr/share/bash-completion/bash_completion 2>/dev/null
        source {script}
        function=$(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=({quoted}); COMP_CWORD={len(words)}
        COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
        "$function" {program} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run(["bash", "--norc", "-c", code])


def fish(script: Path, words: list[str], _: str) -> str:
    line = " ".join([script.name.removeprefix("_"), *words])
    return run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"])


def zsh(script: Path, words: list[str], expected: str) -> str:
    """An interactive zsh at a terminal of its own is given the line and the key Tab; what it wrote
    until what is expected is there, or nothing more comes.
    """
    line = " ".join([script.name.removeprefix("_"), *words])
    child, terminal = pty.fork()
    if not child:
        os.environ["TERM"] = "xterm"
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        setup = f"fpath=({script.parent} $fpath); autoload -Uz compinit; compinit -u -D"
        os.write(terminal, f"{setup}; print READ''Y\n".encode())
        read_until(terminal, "READY")
        os.write(terminal, f"{line}\t".encode())
        return read_until(terminal, expected)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def read_until(terminal: int, end: str) -> str:
    """What is written until an end, or for ten seconds nothing more is."""
    found = ""
    while end not in found and select.select([terminal], [], [], 10)[0]:
        try:
            found += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            break
    return found


def run(command: list[str]) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZDOT")}
    shown = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=clean
    )
    return shown.stdout + shown.stderr


ASK = {"bash": bash, "fish": fish, "zsh": zsh}


@in_shells
def test_the_shell_reads_the_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    needs(shell)
    for script in scripts(tmp_path, shell, capsys).values():
        checked = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@in_shells
def test_the_shell_completes_commands_options_and_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    needs(shell)
    found = scripts(tmp_path, shell, capsys)
    for program, words, expected in CASES:
        assert expected in ASK[shell](found[program], words, expected), (program, words)


def test_scripts_have_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    for program in (PROGRAM, PIPELINE):
        script = completion.script(program, "bash")
        for name in program.names():
            assert name in script
    assert "--min-slowdown" in completion.script(PROGRAM, "zsh")


def test_another_shell_is_a_wrong_command() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["completion", "tcsh"])
    assert raised.value.code == 2
