"""The polling interval in the log of a deferred task, when the budget runs short and after."""

from __future__ import annotations

import asyncio
import random
import re
import time

import pytest

from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.simulator import ManualClock, RateLimited, Rules, Simulator
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger

HOUR = 3600.0


@pytest.fixture
def scarce(connection):
    """A simulator whose tokens have 50 requests an hour, which do not come back meanwhile."""
    with Simulator(clock=ManualClock(), rules=Rules(requests_per_hour=50)) as running:
        connection(host=running.url)
        yield running


@pytest.fixture
def log_of(run, caplog, monkeypatch):
    """Wait for actions with a poll every 30 s, as the triggerer does; return the task's log.

    The first action completes after so many seconds, the others time out.
    """
    caplog.set_level("INFO")
    monkeypatch.setattr(random, "random", lambda: 0.5)

    def wait(sim, actions, *, hours, completes_after=None):
        now = time.time()
        trigger = DigitalOceanImageActionTrigger(
            waits=[
                WaitSpec(one.resource_id, one.id, now, now + hours * HOUR, one.region).to_json()
                for one in actions
            ],
            first_poll_at=now + 30.0,
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


def test_a_short_budget_is_logged_once(scarce, transfers, log_of):
    """However much longer the interval becomes, the task's log has one line about it."""
    log = log_of(scarce, transfers(1, at=scarce), hours=4)

    assert sum(text.startswith("Polling interval ") for text in log) == 1


def test_slow_polling_is_logged_when_it_begins_and_ends(sim, connection, transfers, log_of):
    """The first line has the current and the configured interval, the second the latter."""
    sim.faults.add(RateLimited(retry_after=3960))

    log = log_of(sim, transfers(1), hours=1.5)

    slow, again = [text for text in log if text.startswith("Polling interval ")]
    assert re.findall(r"\d+ h \d+ min|30 s", slow) == ["30 s", "1 h 0 min"]
    assert "30 s" in again


def test_a_token_used_up_by_others_is_logged_once(sim, connection, transfers, log_of):
    """The same rejection every minute is no change."""
    sim.faults.add(RateLimited(times=None, burst=False))

    log = log_of(sim, transfers(1), hours=1.0)

    assert 1 < sim.journal.count(status=429) < 5
    assert sum(text.startswith("Polling interval ") for text in log) == 1
