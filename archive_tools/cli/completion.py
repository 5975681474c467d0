"""Completion of a program's commands, options, choices and files in a shell: the script that shtab
makes of the parsers. What both programs' commands `completion` share.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from archive_tools.cli.dispatch import Program
from archive_tools.core.extras import needs_extra

SHELLS = ("bash", "fish", "zsh")
HELP = "the script by which a shell completes commands and options"
ABOUT = """Prints the script by which a shell completes commands, options, choices and files.
Nothing is installed: send it to a file that the shell reads."""
FOLDERS = ("DIR", "ARCHIVE")
FILES = ("FILE", "FILE|INSTANCE")
"""Placeholders of arguments that are paths, or may be."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def examples(program: str) -> tuple[str, ...]:
    """Examples of where the script goes."""
    return (
        f"bash > ~/.local/share/bash-completion/completions/{program}",
        f"fish > ~/.config/fish/completions/{program}.fish",
        f"zsh > ~/.zfunc/_{program}    # a folder of $fpath, before compinit",
    )


def script(program: Program, shell: str) -> str:
    """The completion of a program for a shell.

    Parameters
    ----------
    program : Program
    shell : str
        One of `SHELLS`.

    Raises
    ------
    MissingPackage
        shtab is not installed.
    """
    with needs_extra("completion", "completion"):
        import shtab

    class Parser(argparse.ArgumentParser):
        """Arguments that are paths are completed as such."""

        def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
            action = super().add_argument(*names, **options)
            if action.metavar in FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.metavar in FILES or action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            return action

    whole = Parser(prog=program.name)
    commands = whole.add_subparsers()
    for name in program.names():
        takes = program.takes(name)
        takes.add_arguments(commands.add_parser(name, help=takes.HELP))
    return str(shtab.complete(whole, shell=shell))
