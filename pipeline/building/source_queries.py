"""Queries to sources, each with a time limit: all that is asked of them is asked here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from archive_tools.core.errors import SourceError, TokioError
from pipeline.building import silence
from pipeline.building.instance_day import InstanceDay
from pipeline.processes.limits import run_in_process, run_in_thread
from pipeline.sources._shared import secrets
from pipeline.sources.contract import Fetched, HasClock, Inputs

Result = TypeVar("Result")


def query_inputs(where: InstanceDay, longest: float | None = None) -> Inputs:
    """What the source has of the day now.

    Parameters
    ----------
    where : InstanceDay
    longest : float, optional
        Seconds, where the source's own limit is longer.

    Raises
    ------
    SourceError
        The source cannot be reached or read, or does not answer in time.
    """
    seconds = where.options.ask_seconds
    return _limited(
        where,
        seconds if longest is None else min(seconds, longest),
        "what the source has",
        lambda: where.source.inputs(where.options, where.day),
        "ask",
    )


def query_clock(where: InstanceDay) -> float | None:
    """How many seconds the source's clock is ahead of this machine's; None where it does not say
    its time.

    Raises
    ------
    SourceError
        The source cannot be reached or read, or does not answer in time.
    """
    source, options = where.source, where.options
    if not isinstance(source, HasClock):
        return None

    def ahead() -> float | None:
        began = time.time()
        there = source.clock(options, where.day)
        return None if there is None else there - (began + time.time()) / 2

    return _limited(where, options.ask_seconds, "the time", ahead, "ask")


def fetch_into(where: InstanceDay, folder: Path, held: Sequence[Path] = ()) -> Fetched:
    """What the source has of the day, and no piece in `held` has, into a folder that is there.

    Raises
    ------
    NoData
        It has nothing.
    SourceError
        It cannot be reached or read, or does not answer in time.
    """
    source, options, day = where.source, where.options, where.day
    return _limited(
        where,
        options.fetch_seconds,
        "the data",
        lambda: (
            source.fetch_new(options, day, folder, held)
            if held
            else source.fetch(options, day, folder)
        ),
        "fetch",
    )


def server_info(where: InstanceDay) -> dict[str, str]:
    """What the source says of itself: versions, time zones; it may say nothing."""

    def reported() -> dict[str, str]:
        found = where.source.server_info(where.options, where.day)
        return {name: secrets.shown(text) for name, text in found.items()}

    try:
        return _limited(where, where.options.ask_seconds, "the version", reported, "ask")
    except (TokioError, OSError) as error:
        return {"error": str(error)}


def _limited(
    where: InstanceDay, seconds: float, what: str, work: Callable[[], Result], key: str
) -> Result:
    """What the source gives, in time or not at all; one that did not answer in this run is not
    waited for again.
    """
    limited = run_in_process if where.options.needs_process else run_in_thread
    hint = f"look at the source; raise {key}_seconds of the source if it needs that long"
    called = f"{where.instance}: {what} of {where.day}"
    with silence.waited_for_once(where, key):
        return limited(seconds, called, lambda: _without_exit(work, called), hint=hint)


def _without_exit(work: Callable[[], Result], called: str) -> Result:
    """What `work` gives; a source that ends the process is an error like others. No error has a
    secret, in whatever process it was read.
    """
    with secrets.struck_errors():
        try:
            return work()
        except SystemExit as error:
            raise SourceError(
                f"{called}: the source called exit({error.code})", hint="look at the source's code"
            ) from error
