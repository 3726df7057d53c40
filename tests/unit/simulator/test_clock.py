"""The clocks: real, faster than real, and moved by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.simulator import clock as module
from airflow_provider_do_images.simulator.clock import ManualClock, ScaledClock, timestamp

BEGIN = 1_772_618_400.0


@pytest.fixture
def wait(monkeypatch):
    """Let real time pass, which stands still else and begins at ``BEGIN``."""
    passed = [0.0]
    real = SimpleNamespace(time=lambda: BEGIN + passed[0], monotonic=lambda: 5.0 + passed[0])
    monkeypatch.setattr(module, "time", real)

    def wait(seconds):
        passed[0] += seconds

    return wait


@pytest.mark.parametrize("speed", [0.5, 1, 60, 3600])
def test_a_scaled_clock_runs_speed_times_as_fast(wait, speed):
    """It starts at the present, and what passes on it is what passes in real time, times that."""
    clock = ScaledClock(speed)
    assert clock.now() == BEGIN

    wait(2.5)

    assert clock.now() == BEGIN + 2.5 * speed


def test_wall_time_of_what_is_to_come_is_divided_by_the_speed(wait):
    """An hour ahead on the clock is a minute ahead for a client outside."""
    clock = ScaledClock(60)

    wait(2.5)

    assert clock.real_time(clock.now()) == BEGIN + 2.5
    assert clock.real_time(clock.now() + 3600) == BEGIN + 2.5 + 60


def test_a_jump_moves_the_virtual_time_and_not_the_real_one(wait):
    """After an hour's jump the wall time of now is still the real time."""
    clock = ScaledClock(60)
    wait(2.5)

    clock.advance(3600)

    assert clock.now() == BEGIN + 2.5 * 60 + 3600
    assert clock.real_time(clock.now()) == BEGIN + 2.5


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_scaled_clock_must_move_forward(speed):
    """A speed that is not above 0 is refused."""
    with pytest.raises(ValueError, match="speed must be above 0"):
        ScaledClock(speed)


def test_a_manual_clock_stands_until_it_is_moved(wait):
    """Only advance changes its time, by exactly what was asked."""
    clock = ManualClock(1000.0)
    wait(2.5)
    assert clock.now() == 1000

    clock.advance(0.5)

    assert clock.now() == 1000.5
    assert clock.real_time(5000) == 5000


def test_a_manual_clock_starts_at_the_present_unless_told(wait):
    """Without a start it stands at the real time."""
    assert ManualClock().now() == BEGIN


@pytest.mark.parametrize("clock", [ManualClock(), ScaledClock()], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf])
def test_time_does_not_run_backwards(clock, seconds):
    """A jump back, or to nowhere, is refused."""
    with pytest.raises(ValueError, match="seconds must be from 0"):
        clock.advance(seconds)


def test_times_are_written_in_utc_and_whole_seconds():
    """Fractions are cut off, never rounded up."""
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_772_618_400.999) == "2026-03-04T10:00:00Z"
