"""The pictures that the documents show: all are there, small, and those of every state."""

from __future__ import annotations

import re

from tests.support import screens
from tests.support.paths import ROOT

IMAGES = ROOT / "docs/images"
MOST_BYTES = 2_500_000
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_picture_that_a_document_shows_is_there_and_each_is_shown() -> None:
    shown = {
        (document.parent / name).resolve()
        for document in DOCUMENTS
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", document.read_text("utf-8"))
        if "://" not in name
    }
    assert shown == {path.resolve() for path in IMAGES.rglob("*.png")}


def test_pages_shows_each_state_and_no_other() -> None:
    text = (ROOT / "docs/pages.md").read_text("utf-8")
    names = re.findall(r"\(images/screens/([^)]+)\.png\)", text)
    assert names == [state.name for state in screens.STATES]
    assert screens.HERO_STATE in names


def test_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in IMAGES.rglob("*")) < MOST_BYTES
