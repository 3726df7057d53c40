"""The life of a shared poller: waits that start and end, event loops, tokens, slow servers."""

from __future__ import annotations

import asyncio
import gc
import threading

import psutil
import pytest

from airflow_provider_do_images.core.poller import poller as watch
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.simulator import HeldRequest, ManualClock, NoResponse, Simulator


@pytest.fixture
def other_sim():
    """A second simulator, as if it were another account."""
    with Simulator(clock=ManualClock()) as running:
        yield running


@pytest.fixture
def wait_until():
    """Wait until something is so, or fail."""

    async def wait(condition, seconds=60.0):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - it comes to pass in another thread
                await asyncio.sleep(0.02)

    return wait


EARLIER = set()
"""Threads that other tests have left behind."""


def threads():
    """Return the number of threads of shared pollers."""
    known = [thread for thread in threading.enumerate() if thread not in EARLIER]
    return sum("digitalocean-poller" in thread.name for thread in known)


def sockets_to(*sims):
    """Return how many connections this process, as a client, has to the simulators."""
    ports = {int(sim.url.rpartition(":")[2]) for sim in sims}
    links = psutil.Process().net_connections(kind="tcp")
    return sum(bool(link.raddr) and link.raddr.port in ports for link in links)


@pytest.fixture
def sim():
    """A simulator to which no other test has a connection."""
    with Simulator(clock=ManualClock()) as running:
        yield running


@pytest.fixture(autouse=True)
def _only_its_own(monkeypatch):
    """Ignore the threads that other tests of this process have left."""
    EARLIER.update(threading.enumerate())
    monkeypatch.setattr(watch, "_pollers", {})
    yield
    EARLIER.clear()


def other_tasks():
    """Return the tasks of this event loop except the current one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_the_last_wait_ends_thread_socket_and_task(sim, transfers, wait_for, finish, wait_until):
    """Two waits share a thread and a connection; after both nothing remains."""
    actions = transfers(2)

    async def both():
        waiting = asyncio.gather(*(wait_for(action) for action in actions))
        await wait_until(lambda: sim.journal.entries)
        during = threads(), sockets_to(sim)
        await finish(*actions)
        await waiting
        await asyncio.sleep(0)
        assert other_tasks() == set()
        await wait_until(lambda: threads() == sockets_to(sim) == 0)
        return during

    assert asyncio.run(both()) == (1, 1)
    assert watch._pollers == {}


def test_cancelled_waits_leave_nothing(sim, transfers, wait_for, wait_until):
    """This holds during a request that hangs: its thread ends, and sends no other."""
    sim.faults.add(NoResponse(times=None))

    async def cancelled():
        waiting = [
            asyncio.create_task(wait_for(action, read_timeout=0.5)) for action in transfers(3)
        ]
        await wait_until(lambda: sim.journal.entries)
        for task in waiting:
            task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert other_tasks() == set()
        await wait_until(lambda: threads() == sockets_to(sim) == 0)
        return results

    results = asyncio.run(cancelled())

    assert {type(result) for result in results} == {asyncio.CancelledError}
    assert watch._pollers == {}
    assert len(sim.journal.entries) == 1


def test_a_stopped_event_loop_logs_no_error(sim, transfers, wait_for, wait_until, caplog):
    """A triggerer that stops cancels everything at once: no task and no response is lost."""
    sim.faults.add(NoResponse(times=None))

    async def left():
        for action in transfers(3):
            asyncio.create_task(wait_for(action, read_timeout=0.5))  # noqa: RUF006 - left on purpose
        await wait_until(lambda: sim.journal.entries)

    asyncio.run(left())
    gc.collect()

    assert [record for record in caplog.records if record.name == "asyncio"] == []
    assert watch._pollers == {}


def test_waits_subscribe_to_and_leave_a_running_poller(sim, transfers, run, wait_for, wait_until):
    """One is cancelled, one has an early deadline, one starts late; each ends by itself."""
    leaver, short, usual, late = transfers(4)

    async def all_of_them():
        leaving = asyncio.create_task(wait_for(leaver))
        others = [
            asyncio.create_task(wait_for(short, seconds=1.0)),
            asyncio.create_task(wait_for(usual, interval=0.3)),
        ]
        await wait_until(lambda: sim.journal.entries)
        leaving.cancel()
        others.append(asyncio.create_task(wait_for(late, interval=0.5)))
        ends = [await others[0]]
        for action in (usual, late):
            sim.state.finish_action(action.id)
        return [*ends, *[await task for task in others[1:]]]

    verdicts = run(all_of_them())

    assert [v.status for v in verdicts] == [WaitStatus.TIMED_OUT, *[WaitStatus.COMPLETED] * 2]
    assert verdicts[0].decided_at - verdicts[0].wait.deadline < 1


def test_no_wait_ends_before_its_own_first_poll(sim, transfers, run, wait_for):
    """A running poller delivers nothing to a new subscriber at once."""
    busy, ended = transfers(2)
    sim.state.finish_action(ended.id)

    async def both():
        waiting = asyncio.create_task(wait_for(busy, interval=0.1))
        await asyncio.sleep(0.4)
        verdict = await wait_for(ended, interval=1.0)
        waiting.cancel()
        return verdict

    verdict = run(both())

    assert verdict.status is WaitStatus.COMPLETED
    assert verdict.decided_at >= verdict.wait.started_at + 1.0


def test_a_server_that_hangs_delays_its_own_poller_alone(
    sim, other_sim, transfers, wait_for, finish, wait_until
):
    """Two connections are independent: one gets no response, the other completes."""
    held = sim.faults.add(HeldRequest())
    [stuck], [fine] = transfers(1), transfers(1, at=other_sim)

    async def both():
        waiting = asyncio.create_task(wait_for(stuck, seconds=1.0, read_timeout=120.0))
        await wait_until(held.reached.is_set)
        verdict, _ = await asyncio.gather(wait_for(fine, at=other_sim), finish(fine, at=other_sim))
        assert not waiting.done()
        held.release()
        return verdict, await waiting

    fine_verdict, stuck_verdict = asyncio.run(both())

    assert fine_verdict.status is WaitStatus.COMPLETED
    assert stuck_verdict.status is WaitStatus.TIMED_OUT


def test_each_token_has_its_own_poller(sim, transfers, wait_for, finish, wait_until):
    """Two tokens have two threads; two connection ids with one token have one."""
    actions = transfers(3)

    async def all_of_them():
        waits = [
            wait_for(actions[0], token="one", conn_id="a"),
            wait_for(actions[1], token="two", conn_id="b"),
            wait_for(actions[2], token="two", conn_id="c"),
        ]
        waiting = asyncio.gather(*waits)
        await wait_until(lambda: threads() == 2)
        await asyncio.sleep(0.5)
        during = threads()
        await finish(*actions)
        await waiting
        return during

    assert asyncio.run(all_of_them()) == 2
    assert len({entry.token_fingerprint for entry in sim.journal.entries}) == 2


def test_two_event_loops_do_not_share_a_poller(sim, transfers, wait_for, finish):
    """With the same token in two loops both waits complete."""
    ends = []

    def triggerer(action):
        async def both():
            return await asyncio.gather(wait_for(action), finish(action))

        verdict, _ = asyncio.run(both())
        ends.append(verdict.status)

    running = [threading.Thread(target=triggerer, args=(action,)) for action in transfers(2)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)

    assert ends == [WaitStatus.COMPLETED] * 2
    assert sim.journal.count(path="/v2/actions") == 0  # neither knew of two actions


def test_the_event_loop_is_not_held_up_by_a_request(sim, transfers, wait_for, wait_until):
    """While an answer is held back, another coroutine has its turn, and releases it."""
    held = sim.faults.add(HeldRequest())
    [action] = transfers(1)
    sim.state.finish_action(action.id)

    async def both():
        waiting = asyncio.create_task(wait_for(action, read_timeout=30.0))
        await wait_until(held.reached.is_set)
        held.release()
        return await waiting

    verdict = asyncio.run(both())

    assert verdict.status is WaitStatus.COMPLETED  # a loop that stood still would have timed out
