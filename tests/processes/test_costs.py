"""What logs that reach a limit cost together."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pipeline.processes import costs
from pipeline.processes.costs import LEAST_SECONDS, Costs, Identity
from tests.support.isolated_readers import run
from tests.support.paths import ROOT

FILE = Identity(1, 2, 3, 4)


@pytest.fixture
def shared() -> Iterator[tuple[Costs, Costs]]:
    """The costs of a run, as two readers see them."""
    handles = costs.handle_of("a run"), costs.handle_of("a run")
    yield Costs(handles[0]), Costs(handles[1])
    for handle in (*handles, costs._handles.pop("a run")):
        os.close(handle)


def test_readers_of_a_run_share_what_logs_have_cost(shared: tuple[Costs, Costs]) -> None:
    one, other = shared
    assert not other
    assert not other.is_known(FILE)
    one.add(1000, 30.0, FILE)
    assert other
    assert other.is_known(FILE)
    assert not other.is_known(FILE._replace(size=9)), "a file that changed is another"
    with os.fdopen(costs.handle_of(""), "rb") as alone:
        assert not Costs(alone.fileno()), "another run does not"


def test_a_hundred_slow_logs_of_an_owner_cost_minutes(shared: tuple[Costs, Costs]) -> None:
    found, total = shared[0], 0.0
    for number in range(100):
        limit = found.seconds(300.0, 7, 600.0, 3600.0)
        assert LEAST_SECONDS <= limit <= 300.0
        assert number or limit == 300.0, "the first has the whole time"
        found.add(7, limit)
        total += limit
    assert total <= 600.0 + 100 * LEAST_SECONDS
    assert found.seconds(300.0, 8, 600.0, 3600.0) == 300.0, "others have theirs"
    assert found.seconds(300.0, 8, 600.0, total + 100.0) == pytest.approx(50.0), "up to the run's"


@pytest.mark.system
def test_links_to_a_slow_log_cost_its_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good logs among them are read, and other slow logs of the owner have less time."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    links = [f"hang@{n}" for n in range(20)]
    names = ["good0", *links[:9], "good1", *links[9:], "hang-too", "good2"]
    read, rejected = run(names, 3.0, owner_seconds=5.0)
    assert read == ["good0", "good1", "good2"]
    assert rejected.keys() == {*links, "hang-too"}
    assert [name for name in links if "same file" not in rejected[name]] == [links[0]]
    assert rejected["hang-too"].startswith("time limit (2 s): shorter than log_seconds")
