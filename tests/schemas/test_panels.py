"""Which datasets are drawn together: the table, and what is refused in one."""

from __future__ import annotations

import pytest

from archive_tools import schemas
from archive_tools.core.errors import ConfigError
from archive_tools.schemas.panels import JobPanel, Line, panels, parse_panels

READ = "datatargets/readbytes"


def test_the_day_s_report_draws_bytes_and_the_load_of_servers() -> None:
    assert [panel.datasets for panel in panels().report][:3] == [
        (READ, "datatargets/writebytes"),
        ("dataservers/cpuload",),
        ("mdservers/cpuload",),
    ]
    (fullness,) = (panel for panel in panels().report if panel.share_of)
    assert fullness.all_datasets == ("fullness/bytes", "fullness/bytestotal")


def test_a_job_s_picture_has_three_panels() -> None:
    found = {panel.titled("scratch"): panel for panel in panels().job}
    assert {title: panel.unit for title, panel in found.items()} == {
        "scratch: bytes": "bytes/s",
        "CPU load of the servers": "%",
        "Metadata operations": "ops/s",
    }
    assert [(line.label, line.dataset, line.of) for line in found["scratch: bytes"].lines] == [
        ("servers, read", READ, "servers"),
        ("servers, written", "datatargets/writebytes", "servers"),
        ("all applications, read", READ, "applications"),
        ("all applications, written", "datatargets/writebytes", "applications"),
    ]


def test_only_amounts_are_drawn_as_rates() -> None:
    for panel in panels().job:
        for line in panel.lines:
            assert line.is_rate == (schemas.catalogue()[line.dataset].kind == "delta")


def test_a_file_system_s_name_is_only_text() -> None:
    line = Line("read", READ, "servers")
    assert JobPanel("{fsname}: bytes", (line,)).titled("{0}{x!r}") == "{0}{x!r}: bytes"


def job(title: str = "t", lines: str = f'[{{label = "a", dataset = "{READ}"}}]') -> str:
    return f'report = []\n[[job]]\ntitle = "{title}"\nlines = {lines}'


def test_the_smallest_table() -> None:
    table = parse_panels(job())
    assert table.report == ()
    assert table.job == (JobPanel("t", (Line("a", READ, "servers"),)),)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            'job = []\n[[report]]\ntitle = "t"\ndatasets = ["datatargets/readbites"]',
            r"report 1: unknown dataset datatargets/readbites; .*near names: datatargets/readbytes",
        ),
        (
            'job = []\n[[report]]\ntitle = "t"\ndataset = ["x"]',
            "unknown key dataset; .*near names: datasets",
        ),
        ('job = []\n[[report]]\ntitle = "t"\ndatasets = []', "report 1: datasets is empty"),
        ('job = []\n[[report]]\ntitle = "t"\ndatasets = [1]', "dataset is not a text; got: 1"),
        ('job = []\n[[report]]\ntitle = "t"', "report 1: missing key datasets"),
        (
            'job = []\n[[report]]\ntitle = "t"\ndatasets = ["fullness/bytes", "mdtargets/opens"]',
            "report 1: a panel has one unit; got: bytes, ops",
        ),
        ("job = []", "missing key report"),
        ("job = []\nreports = []", "unknown key reports; .*near names: report"),
        (job(lines="[]"), "job 1: lines is empty"),
        (job(lines='[{label = "a"}]'), "missing key dataset; got: label"),
        (job(lines=f'[{{label = 1, dataset = "{READ}"}}]'), "label is not a text"),
        (
            job(lines=f'[{{label = "a", datasets = "{READ}"}}]'),
            "unknown key datasets; .*near names: dataset",
        ),
        (
            job(lines='[{label = "a", dataset = "mdtargets/open"}]'),
            "unknown dataset mdtargets/open; .*near names: mdtargets/opens",
        ),
        (
            job(lines=f'[{{label = "a", dataset = "{READ}", of = "server"}}]'),
            "of is not known; expected: servers or applications; got: 'server'",
        ),
        (
            job(
                lines=f'[{{label = "a", dataset = "{READ}"}},'
                ' {label = "b", dataset = "mdtargets/opens"}]'
            ),
            "a panel has one unit; expected: bytes/s; got: bytes/s, ops/s",
        ),
        (
            job(
                lines=f'[{{label = "a", dataset = "{READ}"}}, {{label = "a", dataset = "{READ}"}}]'
            ),
            "labels are there twice: a",
        ),
        (job("{fs}: bytes"), r"title names what is not known; expected: \{fsname\}"),
        (job("{0}"), "title names what is not known"),
        (job("{fsname"), "job 1: title: "),
        ("[[job", "panels.toml: "),
    ],
)
def test_impossible_tables_are_refused(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse_panels(text)
