"""The report of a day and what users put into names."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from archive_tools.reporting.report import write_report
from archive_tools.store import layout


def test_control_characters_and_tags_of_a_name_are_escaped_in_the_report(tmp_path: Path) -> None:
    (tmp_path / layout.ABOUT).write_text(
        json.dumps({"site": "a\x1b[2J\u202e<b>", "timezone": "UTC"})
    )
    write_report(
        tmp_path, dt.date(2026, 11, 22), tmp_path / "x.html", instances={"scratch": ["tts"]}
    )
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "a\\x1b[2J\\u202e&lt;b&gt;" in page
    assert "\x1b" not in page
