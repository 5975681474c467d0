"""A command line of several commands: which there are, the parser of one, and what it does.

Each command is a module in two packages, under one name. In `arguments`, what it takes: `HELP`
(some words), `ABOUT` (what it does), `EXAMPLES` (arguments) and `add_arguments(parser)`; these
modules import only what is light, for all of them are loaded to list the commands. In `commands`,
what it does: `run(options)`, which returns an exit code; that module alone is loaded, and only when
the arguments are right.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from archive_tools.cli import arrow
from archive_tools.core import date_words, software


@dataclass(frozen=True)
class Program:
    """A program and its commands.

    Attributes
    ----------
    name, about, exit_codes : str
        What its help says.
    arguments : module
        The package of what the commands take.
    commands : str
        The name of the package of what they do.
    """

    name: str
    about: str
    exit_codes: str
    arguments: ModuleType
    commands: str

    def names(self) -> list[str]:
        """The commands that there are."""
        modules = pkgutil.iter_modules(self.arguments.__path__)
        return sorted(module.name.replace("_", "-") for module in modules)

    def takes(self, command: str) -> ModuleType:
        """The module of a command's arguments."""
        return importlib.import_module(f"{self.arguments.__name__}.{_module_name(command)}")

    def parsed(self, given: Sequence[str]) -> tuple[str, argparse.Namespace]:
        """The command that is meant, and its arguments; help and wrong arguments end the
        program.
        """
        if not given or given[0] not in self.names():
            self._overview().parse_args(given)
        arguments = date_words.kept(given[1:])
        return given[0], self._parser(given[0]).parse_intermixed_args(arguments)

    def run(self, command: str, options: argparse.Namespace) -> int:
        """Run a command; returns its exit code."""
        arrow.leave_pandas_out()
        module = importlib.import_module(f"{self.commands}.{_module_name(command)}")
        return int(module.run(options))

    def _overview(self) -> argparse.ArgumentParser:
        """The parser that only lists the commands."""
        helps = {name: self.takes(name).HELP for name in self.names()}
        listed = "".join(
            f"  {name:{max(map(len, helps))}}  {text}\n" for name, text in helps.items()
        )
        parser = argparse.ArgumentParser(
            prog=self.name,
            description=f"{self.about}\n\ncommands:\n{listed}",
            epilog=f"{self.exit_codes}\n{self.name} COMMAND --help shows examples",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--version", action=_Version, nargs=0, help="print name and version, and exit"
        )
        parser.add_argument(
            "command",
            choices=list(helps),
            metavar="COMMAND",
            help="one of these; its arguments follow",
        )
        return parser

    def _parser(self, name: str) -> argparse.ArgumentParser:
        """The parser of one command."""
        takes = self.takes(name)
        examples = "".join(f"  {self.name} {name} {example}\n" for example in takes.EXAMPLES)
        parser = argparse.ArgumentParser(
            prog=f"{self.name} {name}",
            description=takes.ABOUT,
            epilog=f"examples:\n{examples}\n{self.exit_codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        takes.add_arguments(parser)
        return parser


class _Version(argparse.Action):
    """Prints name and version; the version is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(parser.prog, software.version())
        parser.exit()


def _module_name(command: str) -> str:
    return command.replace("-", "_")


def with_streams() -> None:
    """Standard streams that were closed before the program began take what is written to them and
    drop it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
