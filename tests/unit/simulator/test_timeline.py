"""The timeline runs due events in order."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator.state.timeline import Timeline


@pytest.fixture
def timeline(clock):
    """A timeline with a manual clock."""
    return Timeline(clock)


@pytest.fixture
def happened():
    """A list that events append to."""
    return []


def test_events_run_in_order_of_time(timeline, clock, happened):
    """Events run by time, and at the same time in the order of scheduling."""
    start = clock.now()
    for seconds, name in ((30, "c"), (10, "a"), (30, "d"), (20, "b")):
        timeline.at(start + seconds, lambda now, name=name: happened.append((name, now - start)))

    clock.advance(3600)
    timeline.run_due_events()

    assert happened == [("a", 10), ("b", 20), ("c", 30), ("d", 30)]


def test_an_event_runs_once_when_it_is_due(timeline, clock, happened):
    """Events at the current time are due."""
    timeline.at(clock.now() + 60, happened.append)
    clock.advance(59.9)
    timeline.run_due_events()
    assert happened == []

    clock.advance(0.1)
    for _ in range(3):
        assert timeline.run_due_events() == clock.now()

    assert len(happened) == 1


def test_an_event_can_schedule_another_one(timeline, clock, happened):
    """A due event that an event schedules runs in the same call, at its own time."""
    start = clock.now()

    def again(now):
        happened.append(now - start)
        timeline.at(now + 10, again)

    timeline.at(start + 10, again)
    clock.advance(35)
    timeline.run_due_events()

    assert happened == [10, 20, 30]


def test_the_time_during_an_event_is_its_own(timeline, clock, happened):
    """During an event, the call returns the event's time and runs no other event."""
    start = clock.now()
    timeline.at(start + 10, lambda _now: happened.append(timeline.run_due_events() - start))
    timeline.at(start + 20, lambda _now: happened.append(timeline.run_due_events() - start))

    clock.advance(100)

    assert timeline.run_due_events() - start == 100
    assert happened == [10, 20]


def test_a_failed_event_does_not_block_later_ones(timeline, clock, happened):
    """The error is raised, and the next call continues after the failed event."""
    timeline.at(clock.now(), lambda now: 1 / (now - now))
    timeline.at(clock.now(), happened.append)
    with pytest.raises(ZeroDivisionError):
        timeline.run_due_events()

    assert timeline.run_due_events() == clock.now()

    assert len(happened) == 1
