"""Operators whose submit is blocked by transfers without a region: here and in the triggerer."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.core.submit import replicate as replication
from airflow_provider_do_images.core.wait.flow import ReadRequest
from airflow_provider_do_images.operators.image_actions import DigitalOceanTransferImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.simulator import RegionsLag, ResponseLost, Rules
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger
from airflow_provider_do_images.version_compat import AirflowException, AirflowTaskTimeout
from devtools.airflow_compat import TaskDeferred

REGIONS = ["ams3", "sgp1"]


@pytest.fixture(autouse=True)
def _no_regions(sim, connection):
    sim.state.rules = Rules(transfers_show_region=False, transfer_seconds=600)


@pytest.fixture
def other(sim, snapshot):
    """A transfer to fra1 that another client started."""
    return sim.state.begin_action("transfer", snapshot, region="fra1", seconds=3600)


@pytest.fixture
def context(sim):
    """A task's context, in which things happen while it waits: each XCom is an occasion."""
    events = []
    values = {}

    def push(key, value):
        values[key] = value
        if key == "image_id" and events:
            events.pop(0)()

    return {"ti": SimpleNamespace(xcom_push=push), "events": events, "values": values}


def transfer(image, **arguments):
    """Return an operator that copies an image to ams3."""
    return DigitalOceanTransferImageOperator(
        task_id="t", image_id=image.id, region="ams3", **{"poll_interval": 0.05, **arguments}
    )


def replicate(image, **arguments):
    """Return an operator that copies an image to both regions."""
    return DigitalOceanReplicateImageOperator(
        task_id="t",
        image_id=image.id,
        regions=REGIONS,
        **{"poll_interval": 0.05, "deferrable": True, **arguments},
    )


def deferred(call, *arguments):
    """Return how a task deferred."""
    with pytest.raises(TaskDeferred) as caught:
        call(*arguments)
    return caught.value


def fire(deferral):
    """Run a trigger as the triggerer does, from its stored form; return its event's payload."""
    _, kwargs = deferral.trigger.serialize()
    trigger = DigitalOceanImageActionTrigger(**json.loads(json.dumps(kwargs)))

    async def run():
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(run())
    return json.loads(json.dumps(payload))


def run_to_its_end(operator, context):
    """Run an operator that waits once, here or in the triggerer."""
    if operator.deferrable:
        return operator.execute_unblocked(context, fire(deferred(operator.execute, context)))
    return operator.execute(context)


def posts(sim):
    """Return the regions that were posted to."""
    return [entry.body["region"] for entry in sim.journal.entries if entry.method == "POST"]


def test_a_transfer_waits_in_the_worker_and_then_submits(sim, snapshot, other, context, caplog):
    """It does so even without wait_for_completion; one line of the log has the reason."""
    caplog.set_level("INFO")
    context["events"].append(lambda: sim.state.finish_action(other.id))

    result = transfer(snapshot).execute(context)

    assert (result["submission"], result["status"]) == ("submitted", "in-progress")
    assert result["region_slug"] == "ams3"
    assert posts(sim) == ["ams3"]
    [line] = [text for text in caplog.messages if text.startswith("Waiting, because ")]
    assert f"action {other.id}" in line


def test_a_transfer_waits_in_the_triggerer_and_then_submits(sim, snapshot, other, context):
    """It resumes in the submit; the deadline is the first one."""
    operator = transfer(snapshot, deferrable=True)
    deferral = deferred(operator.execute, context)
    assert (deferral.method_name, deferral.kwargs) == ("execute_unblocked", None)
    [wait] = deferral.trigger.waits
    assert (wait.action_id, wait.verify_timeout) == (other.id, 0.0)
    sim.state.finish_action(other.id)

    event = fire(deferral)
    result = transfer(snapshot, deferrable=True).execute_unblocked(context, event)

    assert result["submission"] == "submitted"
    assert posts(sim) == ["ams3"]
    assert context["values"]["image_id"] == snapshot.id


def test_a_transfer_that_is_blocked_again_keeps_its_deadline(sim, snapshot, other, context):
    """Another transfer starts meanwhile: the task waits for it too, until the first deadline."""
    operator = transfer(snapshot, deferrable=True, wait_for_completion=True)
    first = deferred(operator.execute, context)
    sim.state.begin_action("transfer", snapshot, region="blr1", seconds=3600)
    sim.state.finish_action(other.id)

    second = deferred(operator.execute_unblocked, context, fire(first))

    assert second.trigger.waits[0].deadline == first.trigger.waits[0].deadline
    [*_, last] = sim.state.actions
    sim.state.finish_action(last)
    third = deferred(operator.execute_unblocked, context, fire(second))
    assert third.method_name == "execute_complete"
    assert third.trigger.waits[0].deadline == first.trigger.waits[0].deadline
    assert posts(sim) == ["ams3"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"timeout": 0.3}, AirflowException),
        ({"timeout": 0.3, "deferrable": True}, AirflowException),
        ({"execution_timeout": timedelta(seconds=0.3), "deferrable": True}, AirflowTaskTimeout),
    ],
)
def test_a_transfer_that_stays_blocked_times_out_without_a_post(
    sim, snapshot, other, context, arguments, kind
):
    """Open to a retry; the message names the action that blocks it."""
    operator = transfer(snapshot, **arguments)

    with pytest.raises(kind) as caught:
        run_to_its_end(operator, context)

    assert caught.value.code == "timed_out"
    assert str(other.id) in str(caught.value)
    assert posts(sim) == []


def test_airflows_timer_ends_a_blocked_wait_here(sim, snapshot, other, context, monkeypatch):
    """Its exception names the action that blocks the submit."""

    def interrupt(*_):
        raise AirflowTaskTimeout("Timeout, PID: 1")

    monkeypatch.setattr(ReadRequest, "send", interrupt)

    with pytest.raises(AirflowTaskTimeout) as caught:
        transfer(snapshot).execute(context)

    assert caught.value.code == "execution_timeout"
    assert str(other.id) in str(caught.value)
    assert posts(sim) == []


def test_a_replication_waits_in_the_worker_and_submits_the_missing_regions(sim, snapshot, context):
    """The other client's transfer made one of the copies, so it is not repeated."""
    other = sim.state.begin_action("transfer", snapshot, region="ams3", seconds=3600)
    context["events"] += [
        lambda: sim.state.finish_action(other.id),
        lambda: sim.clock.advance(600),
    ]

    rows = replicate(snapshot, deferrable=False).execute(context)

    assert [(row["region_slug"], row["submission"], row["wait_status"]) for row in rows] == [
        ("ams3", "already_exists", "completed"),
        ("sgp1", "submitted", "completed"),
    ]
    assert posts(sim) == ["sgp1"]


def test_a_replication_waits_in_the_triggerer_twice(sim, snapshot, other, context):
    """It waits for the blocking transfer, then for its own; the event returns the rows."""
    operator = replicate(snapshot)
    blocked = deferred(operator.execute, context)
    assert blocked.trigger.rows == []
    sim.state.finish_action(other.id)

    waiting = deferred(operator.execute_unblocked, context, fire(blocked))
    sim.clock.advance(600)
    rows = operator.execute_complete(context, fire(waiting))

    assert [row["submission"] for row in rows] == ["submitted", "submitted"]
    assert posts(sim) == REGIONS


def test_a_replication_that_is_blocked_in_the_middle_keeps_its_rows(
    sim, snapshot, context, monkeypatch
):
    """After a slow submit the image is read again, and shows another client's transfer."""
    monkeypatch.setattr(replication, "IMAGE_STATE_TTL", -1.0)
    post = sim.state.begin_action
    begun = []

    def begin(type_, image, **arguments):
        action = post(type_, image, **arguments)
        if not begun:
            begun.append(post("transfer", image, region="blr1", seconds=3600))
        return action

    monkeypatch.setattr(sim.state, "begin_action", begin)
    operator = replicate(snapshot)

    blocked = deferred(operator.execute, context)

    [row] = blocked.trigger.rows
    assert (row["region_slug"], row["submission"]) == ("ams3", "submitted")
    assert [wait.action_id for wait in blocked.trigger.waits] == [begun[0].id]
    sim.state.finish_action(begun[0].id)
    waiting = deferred(operator.execute_unblocked, context, fire(blocked))
    assert [row["submission"] for row in waiting.trigger.rows] == ["submitted", "submitted"]
    assert posts(sim) == REGIONS


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_replication_that_stays_blocked_fails_with_a_row_for_each_region(
    sim, snapshot, other, context, deferrable
):
    """None of them was submitted, which a retry may help; nothing claims to be there."""
    operator = replicate(snapshot, deferrable=deferrable, timeout=0.3)

    with pytest.raises(AirflowException) as caught:
        run_to_its_end(operator, context)

    assert caught.value.code == "copies_missing"
    rows = context["values"]["return_value"]
    assert [(row["submission"], row["wait_status"], row["id"]) for row in rows] == [
        ("submit_failed", None, None)
    ] * 2
    assert all(str(other.id) in row["error"] for row in rows)
    assert posts(sim) == []


@pytest.mark.parametrize("event", [None, {}, {"rows": [], "results": []}, {"results": [{}]}])
@pytest.mark.parametrize("operator", [transfer, replicate])
def test_an_unknown_event_fails(snapshot, context, sim, operator, event):
    """The deadline would be unknown; nothing is sent."""
    with pytest.raises(AirflowException) as caught:
        operator(snapshot).execute_unblocked(context, event)

    assert caught.value.code == "invalid_event"
    assert sim.journal.entries == []


class Store(dict):
    """Airflow's store of a task's state, as far as it is used."""

    def set(self, key, value):
        """Store a value; it must be JSON."""
        self[key] = json.loads(json.dumps(value))


def test_a_retry_attaches_at_once_where_airflow_stores_task_state(sim, snapshot, other, context):
    """Another transfer is in progress, and none has a region."""
    sim.state.finish_action(other.id)
    context["task_state_store"] = Store()
    first = transfer(snapshot).execute(context)
    sim.state.begin_action("transfer", snapshot, region="blr1", seconds=3600)

    again = transfer(snapshot).execute(context)

    assert (again["submission"], again["id"]) == ("attached", first["id"])
    assert posts(sim) == ["ams3"]


def test_a_cleared_task_returns_the_action_that_it_stored(sim, snapshot, context):
    """A finished action is not repeated but returned again; without a store it is null."""
    context["task_state_store"] = Store()
    first = transfer(snapshot).execute(context)
    sim.clock.advance(600)

    with_store = transfer(snapshot).execute(context)
    without = transfer(snapshot).execute({"ti": context["ti"]})

    assert (with_store["submission"], with_store["id"]) == ("already_exists", first["id"])
    assert (without["submission"], without["wait_status"], without["id"]) == (
        "already_exists",
        "completed",
        None,
    )


class BrokenStore:
    """A store whose backend is down."""

    def get(self, *_):
        """Fail."""
        raise RuntimeError("down")

    set = get


def test_a_store_that_fails_changes_nothing(sim, snapshot, context):
    """It is only there to save a wait."""
    context["task_state_store"] = BrokenStore()

    rows = deferred(replicate(snapshot).execute, context).trigger.rows

    assert [row["submission"] for row in rows] == ["submitted", "submitted"]


def test_a_recovered_transfer_that_the_image_never_shows_may_be_retried(sim, snapshot, context):
    """Another client may have started the only new transfer, so the failure is not final."""
    sim.faults.add(ResponseLost(method="POST"))
    sim.faults.add(RegionsLag(seconds=float("inf")))
    sim.state.rules = Rules(transfers_show_region=False, transfer_seconds=0)

    with pytest.raises(AirflowException) as caught:
        transfer(snapshot, wait_for_completion=True, verify_timeout=0.05).execute(context)

    assert caught.value.code == "unverified"
    assert type(caught.value).__name__ == "TaskError"
    assert posts(sim) == ["ams3"]
