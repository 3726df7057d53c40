"""The shared poller and the token's hourly budget: it slows down, logs it, and keeps deadlines."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.simulator import (
    ErrorStatus,
    ManualClock,
    RateLimited,
    Rules,
    Simulator,
)

NO_FEED = "narrow"


@pytest.fixture
def scarce():
    """A simulator whose tokens have 50 requests an hour, which do not come back meanwhile."""
    with Simulator(clock=ManualClock(), rules=Rules(requests_per_hour=50)) as running:
        running.tokens.allow("token")
        running.tokens.allow(NO_FEED, {"image:read"})
        yield running


@pytest.fixture
def figures():
    """The metrics of a poller: kind, name, value and tags."""
    return Figures()


class Figures:
    """Records the metrics."""

    def __init__(self):
        self.told = []

    def gauge(self, stat, value, *, tags):
        """Record a value."""
        self.told.append(("gauge", stat, value, tags))

    def incr(self, stat, count, *, tags):
        """Record a count."""
        self.told.append(("incr", stat, count, tags))

    def timing(self, stat, dt, *, tags):
        """Record a duration."""
        self.told.append(("timing", stat, dt, tags))

    def of(self, name, **tags):
        """Return the values of one figure."""
        full = f"digitalocean.poller.{name}"
        return [row[2] for row in self.told if row[1] == full and tags.items() <= row[3].items()]


def reads_of(sim, action):
    """Return how often an action was read by itself."""
    return sim.journal.count(path=f"/v2/images/{action.resource_id}/actions/{action.id}")


def interval_changes(caplog):
    """Return the logged changes of the interval."""
    return [text for text in caplog.messages if text.startswith("Polling interval ")]


def test_at_the_reserve_only_the_last_poll_is_sent(scarce, transfers, run, wait_for, caplog):
    """The wait logs it once, and ends by a poll at its deadline."""
    [action] = transfers(1, at=scarce)

    verdict = run(wait_for(action, at=scarce, token="token", seconds=3.0, reserve=0.9))

    assert verdict.status is WaitStatus.TIMED_OUT
    assert 0 <= verdict.decided_at - verdict.wait.deadline < 1
    assert reads_of(scarce, action) <= 4  # at 0.2 s there would have been fifteen
    [text] = interval_changes(caplog)
    assert "from 0.2 s" in text
    assert (
        "of the token's 50 requests an hour are left, and 45 of them are its other users'" in text
    )


def test_an_action_that_ended_is_detected_at_the_deadline(scarce, transfers, run, wait_for, finish):
    """A short budget delays the detection, and never turns a success into a timeout."""
    [action] = transfers(1, at=scarce)

    async def both():
        waiting = wait_for(action, at=scarce, token="token", seconds=3.0, reserve=0.9)
        return await asyncio.gather(waiting, finish(action, at=scarce, seconds=2.0))

    verdict, _ = run(both())

    assert verdict.status is WaitStatus.COMPLETED


def test_the_last_poll_of_one_wait_reads_no_other(scarce, transfers, run, wait_for):
    """When the budget is used up, only the waits at their deadline are read."""
    first, *others = transfers(6, at=scarce)

    async def all_of_them():
        short = wait_for(first, at=scarce, token=NO_FEED, reserve=0.99, seconds=2.0)
        long = [
            wait_for(one, at=scarce, token=NO_FEED, reserve=0.99, seconds=4.0) for one in others
        ]
        waiting = asyncio.gather(*long)
        await short
        before = len(scarce.journal.entries)
        at_the_deadline = scarce.journal.entries[-1].path
        await asyncio.sleep(1.0)
        between = len(scarce.journal.entries) - before
        return at_the_deadline, between, await waiting

    path, between, verdicts = run(all_of_them())

    assert path.endswith(f"/actions/{first.id}")
    assert between == 0
    assert {verdict.status for verdict in verdicts} == {WaitStatus.TIMED_OUT}


def test_last_polls_at_the_same_time_are_bounded(transfers, run, wait_for):
    """Of many deadlines that coincide, those beyond the bound end without a last poll."""
    rules = Rules(requests_per_hour=200)
    with Simulator(clock=ManualClock(), rules=rules) as sim:
        sim.tokens.allow(NO_FEED, {"image:read"})
        actions = transfers(30, at=sim)

        async def all_of_them():
            waits = [
                wait_for(one, at=sim, token=NO_FEED, reserve=0.99, seconds=300.0) for one in actions
            ]
            return await asyncio.gather(*waits)

        verdicts = run(all_of_them())
        polls = sum(reads_of(sim, action) for action in actions)

    assert {verdict.status for verdict in verdicts} == {WaitStatus.TIMED_OUT}
    assert polls <= 2 + 10  # the unreserved share, and a twentieth of the limit


def test_a_rate_limited_poller_continues_after_retry_after(
    sim, transfers, run, wait_for, finish, caplog
):
    """A 429 ends no wait, and the log has the reason for the delay."""
    actions = transfers(3)
    sim.faults.add(RateLimited(retry_after=1))

    async def all_of_them():
        waiting = [wait_for(action) for action in actions]
        return await asyncio.gather(*waiting, finish(*actions))

    verdicts = run(all_of_them())[:-1]

    assert {verdict.status for verdict in verdicts} == {WaitStatus.COMPLETED}
    assert sim.journal.count(status=429) == 1
    assert len(interval_changes(caplog)) == 3
    assert all("another client of the token" in text for text in interval_changes(caplog))


def test_a_budget_used_up_by_another_client_is_waited_for(scarce, transfers, run, wait_for):
    """The hourly 429 has no ``retry-after``, and is not provoked again and again."""
    [action] = transfers(1, at=scarce)
    scarce.faults.add(RateLimited(times=None, burst=False))

    verdict = run(wait_for(action, at=scarce, token="token", seconds=1.5))

    assert verdict.status is WaitStatus.TIMED_OUT
    assert scarce.journal.count(status=429) == len(scarce.journal.entries) == 2


def test_a_full_budget_is_not_mentioned(sim, transfers, run, wait_for, finish, caplog):
    """Nothing is logged while the interval is the configured one."""
    actions = transfers(10, 10)

    async def all_of_them():
        waiting = [wait_for(action, interval=2.0) for action in actions]
        return await asyncio.gather(*waiting, finish(*actions, seconds=3.0))

    run(all_of_them())

    assert interval_changes(caplog) == []


def test_many_slow_reads_do_not_delay_a_deadline(sim, transfers, run, wait_for):
    """Reading by image stops after an interval, and the waits at their deadline come first."""
    sim.faults.add(ErrorStatus(500, path="/v2/actions", times=None))
    *many, last = transfers(60)

    async def all_of_them():
        waiting = [asyncio.create_task(wait_for(one, interval=0.3, seconds=30)) for one in many]
        verdict = await wait_for(last, interval=0.3, seconds=2.0)
        for task in waiting:
            task.cancel()
        return verdict

    verdict = run(all_of_them())

    assert verdict.status is WaitStatus.TIMED_OUT
    assert verdict.decided_at - verdict.wait.deadline < 2  # all the others take fifteen seconds


def test_the_first_cycle_after_a_restart_is_spread(sim, transfers, run, wait_for, monkeypatch):
    """Overdue waits are polled at random times in the first third of an interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)
    [action] = transfers(1)
    sim.state.finish_action(action.id)

    verdict = run(wait_for(action, interval=3.0, first_look_in=-60.0))

    assert 1.0 <= verdict.decided_at - verdict.wait.started_at < 3.0


def test_two_triggerers_share_a_budget_through_the_headers_alone(scarce, transfers, wait_for):
    """Two event loops on one token both end by their deadline, without a 429."""
    actions, verdicts = transfers(2, at=scarce), []

    def triggerer(action):
        wait = wait_for(action, at=scarce, token="token", seconds=3.0, reserve=0.5)
        verdicts.append(asyncio.run(wait))

    threads = [threading.Thread(target=triggerer, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [verdict.status for verdict in verdicts] == [WaitStatus.TIMED_OUT] * 2
    assert scarce.journal.count(status=429) == 0
    assert len(scarce.journal.entries) < 20  # one by one it would have been thirty


def test_metrics_are_tagged_with_the_connection(sim, transfers, run, wait_for, finish, figures):
    """Waits, cycles, requests, what remains, the interval and the delay are reported."""
    actions = transfers(3)

    async def all_of_them():
        waits = [
            wait_for(action, conn_id=conn_id, metrics=figures)
            for action, conn_id in zip(actions, ["first", "second", "second"], strict=True)
        ]
        await asyncio.gather(*waits, finish(*actions))

    run(all_of_them())
    requests = len(sim.journal.entries)

    assert {row[3]["conn_id"] for row in figures.told} == {"first", "second"}
    assert figures.of("waits", conn_id="first")[0] == 1
    assert figures.of("waits", conn_id="second")[0] == 2
    assert figures.of("waits")[-2:] == [0, 0]
    assert set(figures.of("cycles", conn_id="second")) == {1}
    assert sum(figures.of("requests", conn_id="second")) == requests
    assert figures.of("remaining", conn_id="second")[-1] == 5000 - requests
    assert min(figures.of("interval", conn_id="first")) >= 0.2
    assert len(figures.of("detection_delay", conn_id="first")) == 1
    assert len(figures.of("detection_delay", conn_id="second")) == 2
    assert all(0 <= delay < 5000 for delay in figures.of("detection_delay"))
