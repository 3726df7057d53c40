"""The clocks: real, faster than real, and moved by hand."""

from __future__ import annotations

import math
import time

import pytest

from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock, timestamp


@pytest.mark.parametrize("speed", [0.5, 1, 60, 3600])
def test_a_scaled_clock_runs_speed_times_as_fast(speed):
    """What passes on it lies between what can have passed in real time, times the speed."""
    clock = ScaledClock(speed)
    outer, first = time.monotonic(), clock.now()
    inner = time.monotonic()
    time.sleep(0.002)
    shortest = time.monotonic() - inner
    last, longest = clock.now(), time.monotonic() - outer

    passed = last - first

    assert shortest * speed - 1e-3 <= passed <= longest * speed + 1e-3


def test_a_scaled_clock_starts_at_the_present():
    """Its first virtual time is the real time."""
    assert ScaledClock(60).now() == pytest.approx(time.time(), abs=1)


def test_wall_time_of_what_is_to_come_is_divided_by_the_speed():
    """An hour ahead on the clock is a minute ahead for a client outside."""
    clock = ScaledClock(60)
    now = clock.now()

    assert clock.wall(now + 3600) - clock.wall(now) == pytest.approx(60, abs=1e-3)
    assert clock.wall(now) == pytest.approx(time.time(), abs=1)


def test_a_jump_moves_the_virtual_time_and_not_the_real_one():
    """After an hour's jump the wall time of now is still the real time."""
    clock = ScaledClock(60)
    before = clock.now()

    clock.advance(3600)

    assert 3600 <= clock.now() - before < 3700
    assert clock.wall(clock.now()) == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_scaled_clock_must_move_forward(speed):
    """A speed that is not above 0 is refused."""
    with pytest.raises(ValueError, match="speed must be above 0"):
        ScaledClock(speed)


def test_a_manual_clock_stands_until_it_is_moved():
    """Only advance changes its time, by exactly what was asked."""
    clock = ManualClock(1000.0)
    time.sleep(0.002)
    assert clock.now() == 1000

    clock.advance(0.5)

    assert clock.now() == 1000.5
    assert clock.wall(5000) == 5000


def test_a_manual_clock_starts_at_the_present_unless_told():
    """Without a start it stands at the real time."""
    assert ManualClock().now() == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("clock", [ManualClock(), ScaledClock()], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf])
def test_time_does_not_run_backwards(clock, seconds):
    """A jump back, or to nowhere, is refused."""
    with pytest.raises(ValueError, match="the clock jumps by"):
        clock.advance(seconds)


def test_times_are_written_in_utc_and_whole_seconds():
    """Fractions are cut off, never rounded up."""
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_772_618_400.999) == "2026-03-04T10:00:00Z"
