"""The trigger for several actions, as the triggerer runs it: one event, each wait on its own."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.core.poller import poller as watch
from airflow_provider_do_images.core.results import ActionResult, Submission
from airflow_provider_do_images.core.wait.event import merge_wait_results, read_event
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.triggers.image_actions import (
    DigitalOceanImageActionTrigger,
    deferral,
)

REGIONS = ("ams3", "sgp1", "blr1")
PRIMITIVES = (int, float, str, type(None))


@pytest.fixture
def actions(sim, snapshot):
    """Transfers to three regions, by region, which the test ends."""
    begun = {}
    for region in REGIONS:
        begun[region] = sim.state.begin_action("transfer", snapshot, region=region, seconds=9999)
    return begun


@pytest.fixture
def trigger(run, snapshot, connection, actions):
    """The trigger for the three, from its serialised form; each wait lasts so many seconds."""

    def make(**seconds):
        now = time.time()
        waits, rows = [], []
        for region, action in actions.items():
            limit = seconds.get(region, 8.0)
            waits.append(
                WaitSpec(
                    snapshot.id,
                    action.id,
                    now,
                    now + limit,
                    region,
                    1.0,
                    submission=Submission.SUBMITTED,
                )
            )
            seen = ImageAction(action.id, ActionStatus("in-progress"), "transfer")
            rows.append(
                ActionResult(
                    snapshot.id, region=region, submission=Submission.SUBMITTED, action=seen
                )
            )
        new = DigitalOceanImageActionTrigger(
            waits=[wait.to_json() for wait in waits],
            rows=[row.to_json() for row in rows],
            first_poll_at=now + 0.1,
            poll_interval=0.2,
        )
        _, kwargs = new.serialize()
        return DigitalOceanImageActionTrigger(**json.loads(json.dumps(kwargs)))

    return make


async def events_of(trigger, meanwhile=lambda: None):
    """Return the payloads of the events."""

    async def later():
        await asyncio.sleep(0.5)
        meanwhile()

    task = asyncio.create_task(later())
    events = [event.payload async for event in trigger.run()]
    await task
    return events


def ends(payload):
    """Return how each region ended, by the event as another process reads it."""
    rows = merge_wait_results(*read_event(json.loads(json.dumps(payload))))
    return {row.region: row.wait_status for row in rows}


def test_one_event_has_the_result_of_each(trigger, run, sim, actions):
    """An errored, a deleted and a late one do not end each other."""
    sim.state.discard(actions["sgp1"])

    def meanwhile():
        sim.state.finish_action(actions["ams3"].id)
        sim.state.finish_action(actions["blr1"].id, status="errored")

    [payload] = run(events_of(trigger(sgp1=1.5), meanwhile))

    assert ends(payload) == {"ams3": "completed", "sgp1": "timed_out", "blr1": "errored"}


def test_the_waits_share_their_requests(trigger, run, sim, actions):
    """One list in a cycle replaces a GET for each action."""

    def meanwhile():
        for action in actions.values():
            sim.state.finish_action(action.id)

    [payload] = run(events_of(trigger(), meanwhile))

    assert set(ends(payload).values()) == {"completed"}
    assert sim.journal.count(path="/v2/images/*/actions/*") == 0


def test_a_defect_in_one_wait_ends_that_one_alone(trigger, run, sim, actions, monkeypatch):
    """It is logged, and has a row like any other."""
    original = watch.Subscription.read

    async def read(subscription, request, by):
        if request.action_id == actions["sgp1"].id:
            raise RuntimeError("a mistake")
        return await original(subscription, request, by)

    monkeypatch.setattr(watch.Subscription, "read", read)

    def meanwhile():
        for action in actions.values():
            sim.state.finish_action(action.id)

    [payload] = run(events_of(trigger(), meanwhile))

    assert ends(payload) == {"ams3": "completed", "sgp1": "internal_error", "blr1": "completed"}
    assert "RuntimeError('a mistake')" in payload["results"][1]["error"]


def test_a_moved_trigger_leaves_no_poller(trigger, run):
    """Airflow cancels it; its subscriptions end, and nothing is cancelled at DigitalOcean."""

    async def cancelled():
        task = asyncio.create_task(events_of(trigger()))
        await asyncio.sleep(1.0)
        assert watch._pollers
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not watch._pollers

    run(cancelled())


def test_its_arguments_are_primitives_without_a_token(trigger):
    """Airflow stores only ids, times, slugs and the connection's name."""
    path, kwargs = trigger().serialize()

    assert path.rpartition(".")[2] == "DigitalOceanImageActionTrigger"
    for row in [*kwargs.pop("waits"), *kwargs.pop("rows")]:
        assert {type(value) for value in row.values()} <= set(PRIMITIVES)
    assert {type(value) for value in kwargs.values()} <= set(PRIMITIVES)
    assert kwargs["digitalocean_conn_id"] == "digitalocean_default"


def test_airflows_timeout_is_that_of_the_longest_wait():
    """Airflow times the deferral out only after the last wait can have ended and been verified."""
    now = time.time()
    waits = [WaitSpec(1, 2, now, now + 60, "ams3"), WaitSpec(1, 3, now, now + 600, "sgp1", 900)]

    arguments = deferral(waits, poll_interval=30, digitalocean_conn_id="x")

    assert arguments["timeout"].total_seconds() >= 600 + 900 + 30
    assert arguments["trigger"].first_poll_at >= now + 30
