"""Coverage in words: a job whose logs have more than the servers moved has none, and is said to."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tools.jobs import job_history, job_words
from archive_tools.jobs.job_lookup import JobDetails

JOB = JobDetails(dt.date(2026, 11, 22), "darshan", "1", 1000, "kim", "gzip", 1, 0, 1)


def job(**row: object) -> JobDetails:
    return dataclasses.replace(JOB, file_systems=[{"fsname": "scratch", **row}])


@given(st.one_of(st.none(), st.floats(0, 1e9)))
def test_no_coverage_is_shown_above_1(factor: float | None) -> None:
    shown = job_words.coverage(factor)
    found = re.fullmatch(r"–|(logs ×)?([\d.,]+(?:e\+\d+)?)", shown)
    assert found, shown
    if found[2]:
        assert (float(found[2].replace(",", "")) <= 1) == (found[1] is None)
    covered = job_history.covered({"coverage": factor})
    assert covered is None or 0 <= covered <= 1


@pytest.mark.parametrize(
    ("factor", "shown"),
    [(None, "–"), (0.0, "0.00"), (0.9998, "1.00"), (1.004, "1.00"), (3.2, "logs ×3.2")],
)
def test_a_factor_is_shown_as_what_it_is(factor: float | None, shown: str) -> None:
    assert job_words.coverage(factor) == shown


def test_a_sentence_says_by_how_much_the_logs_have_more_and_why_that_can_be() -> None:
    cached = job(bytes_read=1520 * 1024, fs_bytes_read=32 * 1024, coverage_read=47.5)
    assert job_words.beyond_servers(cached) == [
        "by its logs it read 1.5 MiB on scratch, 47.5 times the 32.0 KiB that the servers moved"
        " then: a client's page cache answered, or the mount is of other servers"
    ]
    idle = job(bytes_written=1024, fs_bytes_written=0, coverage_written=None)
    (sentence,) = job_words.beyond_servers(idle)
    assert sentence.startswith(
        "by its logs it wrote 1.0 KiB on scratch, where the servers moved nothing then: "
    )
    unknown = job(bytes_read=5, fs_bytes_read=None, coverage_read=None)
    alone = job(bytes_read=5, fs_bytes_read=5, coverage_read=1.0)
    assert job_words.beyond_servers(unknown) == job_words.beyond_servers(alone) == []
