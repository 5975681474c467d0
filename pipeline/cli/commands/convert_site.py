"""`tokio-pipeline convert-site`: a site file of pytokio as one of ours."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError
from pipeline.cli import exit_codes, old_site
from pipeline.schemas.site_types import unfilled


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    found = old_site.converted(
        _read(options.old),
        site=options.site_name,
        timezone=options.timezone,
        archive=options.archive_dir,
    )
    printing.show_json(found.site)
    left = [f"to be filled in: {place}: {text}" for place, text in unfilled(found.site)]
    lines = [*(f"no counterpart: {one}" for one in found.lacking), *left]
    for line in lines:
        printing.note(line)
    return exit_codes.PARTIAL if lines else exit_codes.COMPLETE


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} cannot be read as JSON: {error}", hint="name the site.json of pytokio"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a JSON object", got=type(content).__name__)
    return content
