"""The benchmark's counts and delays, which virtual time makes the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.poller import bench
from benchmarks.poller_cases import POLLER, Case, broken_bounds
from benchmarks.poller_report import TABLES, digest

SHORT = [Case(POLLER, 100, 1), Case(POLLER, 100, 10, 10), Case(POLLER, 1000, 1, 10)]
LONG = [
    Case(POLLER, 1000, 1),
    Case(POLLER, 1000, 10, 10),
    Case(POLLER, 5000, 1, 10),
]


@pytest.fixture(scope="module")
def measured():
    """Run a case of the benchmark."""
    with bench() as running:
        yield running.measure


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_many_waits_stay_within_the_bounds(measured, case):
    """Requests, rejections and delays of the cases that show most for their time."""
    assert broken_bounds(measured(case)) == []


@pytest.mark.system
@pytest.mark.parametrize(
    "case",
    [*LONG, replace(LONG[-1], spent=True), replace(SHORT[-1], triggerers=2)],
    ids=[*map(str, LONG), "hour spent to the reserve", "two triggerers"],
)
def test_more_waits_stay_within_the_bounds(measured, case):
    """One of these cases exceeds the budget at the configured interval."""
    assert broken_bounds(measured(case)) == []


def test_two_runs_of_a_case_give_the_same_figures(measured):
    """Only CPU time differs, so the published figures can be asserted."""
    first, second = (measured(SHORT[1]) for _ in range(2))

    assert replace(first, cpu=0.0, stall=0.0) == replace(second, cpu=0.0, stall=0.0)


def test_the_published_figures_are_those_of_this_code():
    """Run ``python3 dev.py bench poller`` after a change to the poller, the client or the bench."""
    assert TABLES.read_text().startswith(f"<!-- code {digest()} -->\n")
