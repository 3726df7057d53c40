"""The scaled clock and the manual clock."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.simulator import clock as module
from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock, timestamp

BEGIN = 1_772_618_400.0


@pytest.fixture
def wait(monkeypatch):
    """Advance a fake real time, which starts at ``BEGIN``."""
    passed = [0.0]
    real = SimpleNamespace(time=lambda: BEGIN + passed[0], monotonic=lambda: 5.0 + passed[0])
    monkeypatch.setattr(module, "time", real)

    def wait(seconds):
        passed[0] += seconds

    return wait


@pytest.mark.parametrize("speed", [0.5, 1, 60, 3600])
def test_a_scaled_clock_runs_speed_times_as_fast(wait, speed):
    """It starts at the real time, and elapsed time is multiplied by the speed."""
    clock = ScaledClock(speed)
    assert clock.now() == BEGIN

    wait(2.5)

    assert clock.now() == BEGIN + 2.5 * speed


def test_real_time_is_divided_by_the_speed(wait):
    """At speed 60 a virtual hour is a real minute."""
    clock = ScaledClock(60)

    wait(2.5)

    assert clock.real_time(clock.now()) == BEGIN + 2.5
    assert clock.real_time(clock.now() + 3600) == BEGIN + 2.5 + 60


def test_an_advance_does_not_change_the_real_time(wait):
    """After an advance of an hour, the real time of now is unchanged."""
    clock = ScaledClock(60)
    wait(2.5)

    clock.advance(3600)

    assert clock.now() == BEGIN + 2.5 * 60 + 3600
    assert clock.real_time(clock.now()) == BEGIN + 2.5


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_scaled_clock_must_move_forward(speed):
    """A speed of 0 or less is an error."""
    with pytest.raises(ValueError, match="speed must be above 0"):
        ScaledClock(speed)


def test_a_manual_clock_moves_only_by_advance(wait):
    """Only ``advance`` changes its time."""
    clock = ManualClock(1000.0)
    wait(2.5)
    assert clock.now() == 1000

    clock.advance(0.5)

    assert clock.now() == 1000.5
    assert clock.real_time(5000) == 5000


def test_a_manual_clock_starts_at_the_real_time(wait):
    """The default start is the real time."""
    assert ManualClock().now() == BEGIN


@pytest.mark.parametrize("clock", [ManualClock(), ScaledClock()], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf])
def test_time_does_not_run_backwards(clock, seconds):
    """A negative, infinite or undefined advance is an error."""
    with pytest.raises(ValueError, match="seconds must be from 0"):
        clock.advance(seconds)


def test_times_are_written_in_utc_and_whole_seconds():
    """Fractions of a second are dropped."""
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_772_618_400.999) == "2026-03-04T10:00:00Z"
