"""The timeline: events happen in order, at their time, and only when it is asked."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.simulator.state.timeline import Timeline


@pytest.fixture
def timeline(clock):
    """A timeline whose clock stands."""
    return Timeline(clock)


@pytest.fixture
def happened():
    """A list for events to write in."""
    return []


def test_events_happen_in_the_order_of_their_times(timeline, clock, happened):
    """However they were planned; those of one moment in the order of planning."""
    start = clock.now()
    for seconds, name in ((30, "c"), (10, "a"), (30, "d"), (20, "b")):
        timeline.at(start + seconds, lambda now, name=name: happened.append((name, now - start)))

    clock.advance(3600)
    timeline.run_due_events()

    assert happened == [("a", 10), ("b", 20), ("c", 30), ("d", 30)]


def test_nothing_happens_before_its_time_or_twice(timeline, clock, happened):
    """Due is what lies at the present moment or before it."""
    timeline.at(clock.now() + 60, happened.append)
    clock.advance(59.9)
    timeline.run_due_events()
    assert happened == []

    clock.advance(0.1)
    for _ in range(3):
        assert timeline.run_due_events() == clock.now()

    assert len(happened) == 1


def test_an_event_may_plan_another_one(timeline, clock, happened):
    """If that is due as well it happens in the same run, at its own time."""
    start = clock.now()

    def again(now):
        happened.append(now - start)
        timeline.at(now + 10, again)

    timeline.at(start + 10, again)
    clock.advance(35)
    timeline.run_due_events()

    assert happened == [10, 20, 30]


def test_to_an_event_the_time_is_its_own(timeline, clock, happened):
    """A run inside an event tells the event's time and starts nothing else."""
    start = clock.now()
    timeline.at(start + 10, lambda _now: happened.append(timeline.run_due_events() - start))
    timeline.at(start + 20, lambda _now: happened.append(timeline.run_due_events() - start))

    clock.advance(100)

    assert timeline.run_due_events() - start == 100
    assert happened == [10, 20]


def test_an_event_that_fails_does_not_stop_time(timeline, clock, happened):
    """Its error is seen, and the next run goes on behind it."""
    timeline.at(clock.now(), lambda now: 1 / (now - now))
    timeline.at(clock.now(), happened.append)
    with pytest.raises(ZeroDivisionError):
        timeline.run_due_events()

    assert timeline.run_due_events() == clock.now()

    assert len(happened) == 1
