"""A command line of several commands, each a module of one package: which there are, and the parser
of one.

A module has `HELP` (some words), `ABOUT` (what it does), `EXAMPLES` (arguments),
`add_arguments(parser)` and `run(options)`, which returns an exit code.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from archive_tools.core import date_words, software


@dataclass(frozen=True)
class Program:
    """A program and the package of its commands.

    Attributes
    ----------
    name, about, exit_codes : str
        What its help says.
    package : module
        Modules whose names begin with _ are not commands.
    """

    name: str
    about: str
    exit_codes: str
    package: ModuleType

    def names(self) -> list[str]:
        """The commands that there are."""
        modules = pkgutil.iter_modules(self.package.__path__)
        return sorted(
            module.name.replace("_", "-") for module in modules if not module.name.startswith("_")
        )

    def module(self, command: str) -> ModuleType:
        """The module of a command."""
        return importlib.import_module(self._module_name(command))

    def _help(self, command: str) -> str:
        """A command's `HELP`, without running its module: most commands import what is large."""
        spec = importlib.util.find_spec(self._module_name(command))
        source = Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""
        for line in ast.parse(source).body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "HELP":
                return str(ast.literal_eval(line.value))
        return ""

    def _module_name(self, command: str) -> str:
        return f"{self.package.__name__}.{command.replace('-', '_')}"

    def parsed(self, given: Sequence[str]) -> tuple[ModuleType, argparse.Namespace]:
        """The command that is meant, and its arguments; help and wrong arguments end the
        program.
        """
        if not given or given[0] not in self.names():
            self._overview().parse_args(given)
        command = self.module(given[0])
        arguments = date_words.kept(given[1:])
        return command, self._parser(given[0], command).parse_intermixed_args(arguments)

    def _overview(self) -> argparse.ArgumentParser:
        """The parser that only lists the commands."""
        helps = {name: self._help(name) for name in self.names()}
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
            "--version",
            action="version",
            version=f"{self.name} {software.version()}",
            help="print name and version, and exit",
        )
        parser.add_argument(
            "command",
            choices=list(helps),
            metavar="COMMAND",
            help="one of these; its arguments follow",
        )
        return parser

    def _parser(self, name: str, command: ModuleType) -> argparse.ArgumentParser:
        """The parser of one command."""
        examples = "".join(f"  {self.name} {name} {example}\n" for example in command.EXAMPLES)
        parser = argparse.ArgumentParser(
            prog=f"{self.name} {name}",
            description=command.ABOUT,
            epilog=f"examples:\n{examples}\n{self.exit_codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(parser)
        return parser


def with_streams() -> None:
    """Standard streams that were closed before the program began take what is written to them and
    drop it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
