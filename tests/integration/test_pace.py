"""What a deferred task's log says of how often is looked, when the budget runs short and after."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from airflow_provider_do_images.actions.judge import Wait
from airflow_provider_do_images.simulator import ManualClock, RateLimited, Rules, Simulator
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionsTrigger

HOUR = 3600.0


@pytest.fixture
def scarce(connection):
    """A simulator whose tokens have 50 requests an hour, which do not come back meanwhile."""
    with Simulator(clock=ManualClock(), rules=Rules(requests_per_hour=50)) as running:
        connection(host=running.url)
        yield running


@pytest.fixture
def log_of(run, caplog, monkeypatch):
    """Wait for actions with a look every 30 s, as the triggerer does; return the task's log.

    The first action completes after so many seconds, the others are waited for in vain.
    """
    caplog.set_level("INFO")
    monkeypatch.setattr(random, "random", lambda: 0.5)

    def wait(sim, actions, *, hours, completes_after=None):
        now = time.time()
        trigger = DigitalOceanImageActionsTrigger(
            waits=[
                asdict(Wait(one.resource_id, one.id, now, now + hours * HOUR, one.region))
                for one in actions
            ],
            rows=[],
            first_look_at=now + 30.0,
            poll_interval=30.0,
        )

        async def fire():
            if completes_after:
                loop = asyncio.get_running_loop()
                loop.call_later(completes_after, sim.state.finish_action, actions[0].id)
            return [event async for event in trigger.run()]

        run(fire())
        return caplog.messages

    return wait


def test_a_watch_that_slows_down_more_says_so_again(scarce, transfers, log_of):
    """Not at each look, but when looks come half as often as was told."""
    log = log_of(scarce, transfers(1, at=scarce), hours=4)

    told = [words for text in log for words in re.findall(r"^Looking every (.+) for now", text)]
    assert len(told) > 1
    assert all(later >= 2 * sooner for sooner, later in pairwise(map(seconds_in, told)))


def test_what_is_told_after_a_slow_down_has_the_present_interval(scarce, transfers, log_of):
    """The line that tells an end names the same next look as the line that tells the pace."""
    log = log_of(scarce, transfers(1, 3, at=scarce), hours=4, completes_after=1200.0)

    [number] = [number for number, text in enumerate(log) if " completed after " in text]
    pace = re.match(r"Looking every (.+) for now.* next look is at ([\d:]+) UTC", log[number - 1])
    end = re.search(r"Looking every (.+), next at ([\d:]+) UTC", log[number])
    assert end[1] == pace[1] != "30 s"
    after = (time_of(end[2]) - time_of(pace[2])) % timedelta(days=1)
    assert after <= timedelta(seconds=3)


def test_the_wanted_pace_is_told_when_it_is_back(sim, connection, transfers, log_of):
    """One line when looks come late, in words that people read, and one when they no longer do."""
    sim.faults.add(RateLimited(retry_after=3960))

    log = log_of(sim, transfers(1), hours=1.5)

    slow, *others = [text for text in log if text.startswith("Looking every")]
    assert slow.startswith("Looking every 1 h 6 min for now, not every 30 s: another user of the")
    assert others == ["Looking every 30 s again."]


def test_a_token_that_others_keep_used_up_is_told_once(sim, connection, transfers, log_of):
    """The same refusal every minute is no change."""
    sim.faults.add(RateLimited(times=None, burst=False))

    log = log_of(sim, transfers(1), hours=1.0)

    assert sim.journal.count(status=429) > 10
    [told] = [text for text in log if text.startswith("Looking every")]
    assert told.startswith("Looking every 60 s for now, not every 30 s: another user of the token")


def seconds_in(words):
    """Return how many seconds words like ``15 min 0 s`` are."""
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) (\w+)", words))


def time_of(text):
    """Read a time of day."""
    return datetime.strptime(text, "%H:%M:%S").replace(tzinfo=UTC)
