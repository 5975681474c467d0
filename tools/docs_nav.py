"""A hook of mkdocs: the decisions in the navigation are the files of docs/decisions, by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SECTION = "Decisions"


def on_config(config: Any) -> Any:
    """Fill the empty section of the decisions; mkdocs calls this."""
    docs = Path(config.docs_dir)
    pages = [str(path.relative_to(docs)) for path in sorted(docs.glob("decisions/*.md"))]
    for group in config.nav:
        for entries in group.values():
            if isinstance(entries, list) and SECTION in entries:
                entries[entries.index(SECTION)] = {SECTION: pages}
    return config
