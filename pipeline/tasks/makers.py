"""What makes products: modules that a task imports where it makes one (`make`, `Fetch.work`), for a
run that finds nothing to do needs none of them.
"""

from __future__ import annotations

import importlib

MAKERS = (
    "pipeline.building.raw",
    "pipeline.building.tts",
    "archive_tools.formats.jobs_file",
    "archive_tools.formats.records_file",
    "archive_tools.jobs.index",
    "archive_tools.jobs.server_join",
    "archive_tools.reading.archive",
    "archive_tools.reporting.figures_of_day",
    "archive_tools.reporting.report",
    "pipeline.sources.lmt.held",
)


def load() -> None:
    """Import all of them, before processes are forked that would each import them."""
    for name in MAKERS:
        importlib.import_module(name)
