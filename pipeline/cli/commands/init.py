"""`tokio-pipeline init`: the first site.json of a site."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError
from archive_tools.store import files
from pipeline.cli import exit_codes, first_site
from pipeline.schemas.site_types import unfilled


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    text = first_site.first_site(options.kinds)
    path = printing.target(options.output)
    with printing.writing(options.output):
        if options.force:
            files.write_text(path, text)
        else:
            _write_new(path, text, options.output)
    for place, value in unfilled(json.loads(text)):
        printing.say(f"to be filled in: {place}: {value}")
    printing.say(f"then: tokio-pipeline check-config --site {options.output}")
    printing.say(f"and:  tokio-pipeline check-config --site {options.output} --ask")
    return exit_codes.COMPLETE


def _write_new(path: Path, text: str, shown: Path) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{shown} is already there", hint="name another by --output; --force replaces it"
        ) from None
