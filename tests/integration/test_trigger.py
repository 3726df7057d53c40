"""The trigger, as the triggerer runs it: from its serialised form to its one event."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from airflow_provider_do_images.core.poller import poller as watch
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.event import read_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.simulator import (
    ErrorStatus,
    HtmlResponse,
    NoResponse,
    RequestLost,
    TransientForbidden,
)
from airflow_provider_do_images.triggers.image_actions import (
    DigitalOceanImageActionTrigger,
    deferral,
)


@pytest.fixture
def wait_for(run, snapshot, connection):
    """Run a trigger for an action until it fires; return the wait result of its event."""

    def wait(action_id, *, seconds=8.0, meanwhile=lambda: None, **arguments) -> WaitResult:
        now = time.time()
        wait = {
            "image_id": snapshot.id,
            "action_id": action_id,
            "started_at": now,
            "deadline": now + seconds,
            "region": "ams3",
            "verify_timeout": 1.0,
        }
        wait |= {key: arguments.pop(key) for key in set(wait) & set(arguments)}
        arguments = {"waits": [wait], "first_poll_at": now + 0.1, "poll_interval": 0.2, **arguments}
        _, kwargs = DigitalOceanImageActionTrigger(**arguments).serialize()
        trigger = DigitalOceanImageActionTrigger(**json.loads(json.dumps(kwargs)))
        events = run(_events(trigger, meanwhile))
        assert len(events) == 1
        _, [result] = read_event(json.loads(json.dumps(events[0].payload)))
        return result

    return wait


async def _events(trigger, meanwhile):
    async def later():
        await asyncio.sleep(0.5)
        meanwhile()

    task = asyncio.create_task(later())
    events = [event async for event in trigger.run()]
    await task
    return events


@pytest.fixture
def running(sim, snapshot):
    """A transfer to ams3, which the test ends."""
    action = sim.state.begin_action("transfer", snapshot, region="ams3", seconds=3600)
    return action.id


def test_it_fires_when_the_action_has_completed(wait_for, sim, running):
    """The event has the completed action, after the image was verified."""
    verdict = wait_for(running, meanwhile=lambda: sim.state.finish_action(running))

    assert verdict.status is WaitStatus.COMPLETED
    assert (verdict.action.id, verdict.action.region_slug) == (running, "ams3")
    assert sim.journal.entries[-1].path == f"/v2/images/{verdict.wait.image_id}"


def test_a_defect_ends_the_wait_with_an_event(wait_for, running, monkeypatch):
    """The task fails with the ids of the action."""

    async def read(*_):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(watch.Subscription, "read", read)

    verdict = wait_for(running)

    assert (verdict.status, verdict.wait.action_id) == (WaitStatus.INTERNAL_ERROR, running)
    assert "RuntimeError('a mistake')" in verdict.error


def test_it_never_polls_before_the_first_poll_time(wait_for, sim, running):
    """This holds even for an action that has ended already."""
    sim.state.finish_action(running)
    begun = time.time()

    verdict = wait_for(running, first_poll_at=begun + 0.6)

    assert verdict.decided_at >= begun + 0.6


def test_a_last_poll_at_the_deadline_decides(wait_for, sim, running):
    """An action that ended before the deadline is not timed out, for any interval."""
    verdict = wait_for(
        running,
        seconds=1.0,
        poll_interval=60.0,
        meanwhile=lambda: sim.state.finish_action(running),
    )

    assert verdict.status is WaitStatus.COMPLETED


def test_a_wait_ends_at_its_deadline(wait_for, running):
    """A wait for an action that does not end is over right after its deadline."""
    verdict = wait_for(running, seconds=0.7)

    assert verdict.status is WaitStatus.TIMED_OUT
    assert 0 <= verdict.decided_at - verdict.wait.deadline < 1


def test_a_restarted_wait_keeps_its_deadline(wait_for, running):
    """A trigger that starts after its deadline polls once and ends."""
    now = time.time()

    verdict = wait_for(running, started_at=now - 90, deadline=now - 30, first_poll_at=now - 80)

    assert verdict.status is WaitStatus.TIMED_OUT
    assert verdict.wait.deadline == now - 30


@pytest.mark.parametrize(
    "fault",
    [
        ErrorStatus(500),
        ErrorStatus(524),
        HtmlResponse(),
        RequestLost(),
        NoResponse(),
        ErrorStatus(429),
    ],
    ids=repr,
)
def test_failed_polls_are_tolerated(wait_for, sim, connection, running, fault):
    """The next poll is the repeat of any failed one."""
    connection(extra={"read_timeout": 0.5 if isinstance(fault, NoResponse) else 30})
    sim.faults.add(fault)

    verdict = wait_for(running, meanwhile=lambda: sim.state.finish_action(running))

    assert verdict.status is WaitStatus.COMPLETED


def test_a_token_rotated_during_the_wait_does_not_end_it(wait_for, sim, connection, running):
    """On a 401 the connection is read once more, and the new token is used."""

    def rotate():
        sim.tokens.allow("new")
        connection(password="new")
        sim.state.finish_action(running)

    verdict = wait_for(running, meanwhile=rotate)

    assert verdict.status is WaitStatus.COMPLETED
    assert 401 in [entry.status for entry in sim.journal.entries]


def test_a_revoked_token_ends_the_wait_after_two_polls(wait_for, sim, running):
    """A second 401 is final; the message has the fix."""
    sim.tokens.allow("another")

    verdict = wait_for(running)

    assert verdict.status is WaitStatus.ACCESS_DENIED
    assert "Put a valid token into the connection's password" in verdict.error
    assert len(sim.journal.entries) == 2


def test_a_single_403_does_not_end_the_wait(wait_for, sim, running):
    """The request is sent once more."""
    sim.faults.add(TransientForbidden())

    verdict = wait_for(running, meanwhile=lambda: sim.state.finish_action(running))

    assert verdict.status is WaitStatus.COMPLETED


def test_a_deleted_image_ends_the_wait(wait_for, sim, snapshot, running):
    """The action errors with the image; if both are not found, the wait ends as not_found."""
    sim.state.discard(sim.state.actions[running])
    long_ago = time.time() - 500

    verdict = wait_for(running, started_at=long_ago)

    assert verdict.status is WaitStatus.NOT_FOUND


def test_a_connection_that_cannot_be_read_for_a_while_is_tolerated(
    wait_for, monkeypatch, sim, connection, running
):
    """Airflow reports "not found" also when its secrets backend fails."""
    monkeypatch.delenv("AIRFLOW_CONN_DIGITALOCEAN_DEFAULT")

    def come_back():
        connection()
        sim.state.finish_action(running)

    verdict = wait_for(running, meanwhile=come_back)

    assert verdict.status is WaitStatus.COMPLETED


def test_its_arguments_have_no_token(connection):
    """Airflow stores only ids, times and the connection's name of a trigger."""
    trigger = DigitalOceanImageActionTrigger(
        waits=[{"image_id": 1, "action_id": 2, "started_at": 0, "deadline": 9}],
        first_poll_at=1,
        poll_interval=1,
    )

    path, kwargs = trigger.serialize()

    assert path.rpartition(".")[2] == "DigitalOceanImageActionTrigger"
    assert kwargs["digitalocean_conn_id"] == "digitalocean_default"
    assert {type(value) for value in kwargs.values()} <= {int, float, str, list}


@pytest.mark.parametrize(("seconds", "poll_interval"), [(7200, 30), (10, 60)])
def test_airflows_timeout_leaves_time_for_the_last_poll_and_the_verification(
    seconds, poll_interval
):
    """Airflow times the deferral out only after the trigger can have fired."""
    now = time.time()
    wait = WaitSpec(1, 2, now, now + seconds, verify_timeout=1800)

    arguments = deferral([wait], poll_interval=poll_interval, digitalocean_conn_id="x")

    assert arguments["trigger"].first_poll_at >= now + poll_interval
    last_look = max(seconds, poll_interval)
    assert arguments["timeout"].total_seconds() >= last_look + 1800 + poll_interval
