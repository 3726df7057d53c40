"""Failures of submits and waits have a code, all ids, and the last good copy."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.submit import submitter as submit
from airflow_provider_do_images.core.wait import evaluate as judge
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.core.wait.event import to_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ActionStuck, ErrorStatus, RequestLost
from airflow_provider_do_images.version_compat import AirflowException, AirflowFailException
from devtools.airflow_compat import TaskDeferred

DROPLET = {"droplet_id": 42, "droplet_name": "web-1"}


def backup_of(image):
    """Return the row of a restore point."""
    row = {"image_id": image.id, "type": image.type, "name": image.name, "policy": "nightly"}
    return {**row, **DROPLET, "taken_at": "2026-01-01T02:00:00Z"}


HOW = {
    "convert": lambda image, **wait: DigitalOceanConvertImageOperator(
        task_id="t", restore_point=backup_of(image), **wait
    ),
    "transfer": lambda image, **wait: DigitalOceanTransferImageOperator(
        task_id="t", image_id=image.id, region="ams3", wait_for_completion=True, **wait
    ),
    "replicate": lambda image, **wait: DigitalOceanReplicateImageOperator(
        task_id="t", image={"image_id": image.id, **DROPLET}, regions=["ams3"], **wait
    ),
}
"""What submits."""


def refuse(sim, action, status):
    """Answer each read of an action, and of its image, with an error."""
    sim.faults.add(ErrorStatus(status, method="GET", path=f"/v2/images/*{action.id}*", times=None))


ENDS = {
    "errored": lambda sim, action: sim.state.finish_action(action.id, "errored"),
    "timed_out": lambda *_: None,
    "unverified": lambda _, action: setattr(action, "status", "completed"),
    "not_found": lambda sim, action: refuse(sim, action, 404),
    "access_denied": lambda sim, action: refuse(sim, action, 401),
    "unknown_status": lambda _, action: setattr(action, "status", "queued"),
}
"""What happens to an action that is waited for, by the code of the failure."""

PAIRS = [
    *(("convert", end) for end in ENDS),
    *(("transfer", end) for end in ("errored", "timed_out")),
    *(("replicate", end) for end in ("errored", "unverified", "not_found")),
    *(("sensor", end) for end in ("errored", "timed_out", "unverified", "access_denied")),
]


@pytest.fixture
def _hurried(monkeypatch):
    """Let nothing be waited out but the operators' own times."""
    monkeypatch.setattr(judge, "NOT_FOUND_GRACE", 0.0)
    monkeypatch.setattr(wait, "CONFIRMATION_DELAY", 0.0)
    monkeypatch.setattr(submit, "RECONCILE_TIMEOUT", 0.0)


@pytest.mark.usefixtures("_hurried", "connection")
@pytest.mark.parametrize(("name", "end"), PAIRS)
def test_a_failed_wait_has_its_code_and_all_ids(sim, backup, snapshot, fail, name, end):
    """Droplet, image, region, action, the last request, and the last good copy."""
    image = backup if name == "convert" else snapshot
    happen = ENDS[end]
    sim.faults.add(ActionStuck())
    times = {"poll_interval": 0.02, "timeout": 0.2, "verify_timeout": 0.05, "deferrable": False}
    if name == "sensor":
        action = sim.state.begin_action("transfer", image, region="ams3")
        happen(sim, action)
        row = {"id": action.id, "image_id": image.id, "region_slug": "ams3", **DROPLET}
        # The second poll comes at the deadline, long after Airflow has read the time.
        del times["poll_interval"]
        times |= {"poke_interval": 0.6, "timeout": 0.5}
        error = fail(DigitalOceanImageActionSensor(task_id="t", action=row, **times))
    else:
        error = fail(
            HOW[name](image, **times),
            lambda: happen(sim, next(reversed(sim.state.actions.values()))),
        )

    [*_, action] = sim.state.actions
    what = f"image {image.id}{' of droplet web-1 (42)' if name != 'transfer' else ''}"
    to = "" if name == "convert" else " to ams3"
    text = str(error)
    assert error.code == ("copies_missing" if name == "replicate" else end)
    assert f"{what}{to} (action {action})" in text
    assert re.search(r"request id [0-9a-f-]{36}", text)
    left = {"convert": f"backup {image.id}", "sensor": None}.get(name, what)
    assert (f"Last good copy: {left}" in text) == (name != "sensor" and end != "not_found")


@pytest.mark.usefixtures("connection")
def test_a_failed_last_poll_does_not_hide_the_region(sim, snapshot, fail):
    """A sensor with two ids reads the region from the action before."""
    action = sim.state.add_action(snapshot.id, region="ams3")
    sim.faults.add(ErrorStatus(503, skip=1, times=None))
    times = {"poke_interval": 0.6, "timeout": 0.5}

    error = fail(
        DigitalOceanImageActionSensor(
            task_id="t", image_id=snapshot.id, action_id=action.id, **times
        )
    )

    assert error.code == "timed_out"
    assert f"image {snapshot.id} to ams3 (action {action.id})" in str(error)


@pytest.mark.parametrize("others", [0, 1])
def test_the_row_of_another_image_is_no_copy_of_this_one(backup, others):
    """The task that selected it may have been cleared while this one was deferred."""
    action = ImageAction(5, ActionStatus.IN_PROGRESS, "convert_to_snapshot")
    row = ActionResult(backup.id + others, action=action)
    wait = WaitSpec.for_result(row, now=0.0, deadline=60.0, verify_timeout=0.0)
    event = to_event([WaitResult(WaitStatus.TIMED_OUT, wait, 60.0, error="no")], [row.to_json()])

    with pytest.raises(AirflowException) as caught:
        HOW["convert"](backup).execute_complete({}, event)

    assert ("Last good copy" in str(caught.value)) == (not others)


SUBMITS_FAIL = {
    "forbidden": ({}, ErrorStatus(403, times=None)),
    "invalid_input": ({"host": "no-url"}, None),
    "wrong_team": ({"extra": {"expected_team": "Another"}}, None),
    "unprocessable": ({}, ErrorStatus(422, method="POST")),
    "no_response": ({}, RequestLost(method="POST", times=None)),
}
"""A connection and a fault, by the code of the failure."""

IN_PART = ("wrong_team", "unprocessable", "no_response")
"""What fails at the POST: the image was read, and each region can end in another way."""


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("code", SUBMITS_FAIL)
@pytest.mark.parametrize("name", HOW)
def test_a_failed_submit_has_its_code_and_all_ids(
    sim, backup, snapshot, connection, fail, name, code
):
    """The last good copy is known from the row, or after the image was read."""
    image = backup if name == "convert" else snapshot
    fields, fault = SUBMITS_FAIL[code]
    connection(**fields)
    if fault:
        sim.faults.add(replace(fault))

    error = fail(HOW[name](image))

    whose = () if name == "transfer" else ("droplet web-1 (42)",)
    where = () if name == "convert" else ("ams3",)
    text = str(error)
    partial = name == "replicate" and code in IN_PART
    assert error.code == ("copies_missing" if partial else code)
    for part in (f"image {image.id}", *whose, *where):
        assert part in text
    assert ("request id " in text) == (fault is not None and code != "no_response")
    known = name == "convert" or code in IN_PART
    assert ("Last good copy: " in text) == known


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("named", [False, True])
def test_a_partial_replication_names_the_last_good_copy(sim, fail, named):
    """Its age is from the name of a policy snapshot, else from its creation."""
    moment = sim.clock.now() - 7200
    taken = datetime.fromtimestamp(moment, UTC).replace(microsecond=0)
    name = str(SnapshotName("nightly", 42, taken)) if named else "a-snapshot"
    image = sim.state.add_image(name, created_at=None if named else moment)
    image.regions.append("ams3")
    sim.state.add_action(image.id, region="ams3", status="completed")
    sim.faults.add(ErrorStatus(422, method="POST"))
    wanted = {"image_id": image.id, **DROPLET}

    error = fail(
        DigitalOceanReplicateImageOperator(task_id="t", image=wanted, regions=["ams3", "fra1"])
    )

    what = f"image {image.id} of droplet web-1 (42)"
    assert error.code == "copies_missing"
    assert str(error).startswith(f"1 of 2 copies of {what} completed (ams3); missing: fra1 ")
    left = f"Last good copy: {what}, in nyc3, ams3, of {format_time(taken)}, 2 h 0 m"
    assert left in str(error)


DEFERRED = {
    "convert": lambda image, **times: DigitalOceanConvertImageOperator(
        task_id="t", image_id=image.id, wait_for_completion=True, deferrable=True, **times
    ),
    "transfer": lambda image, **times: DigitalOceanTransferImageOperator(
        task_id="t",
        image_id=image.id,
        region="ams3",
        wait_for_completion=True,
        deferrable=True,
        **times,
    ),
    "replicate": lambda image, **times: DigitalOceanReplicateImageOperator(
        task_id="t", image_id=image.id, regions=["fra1", "ams3"], deferrable=True, **times
    ),
}
"""What submits an image of which it knows only the id, and defers."""


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("name", DEFERRED)
def test_a_deferred_task_still_knows_its_image(sim, backup, snapshot, task_context, name):
    """The submit read it; the regions that were copied to meanwhile are added."""
    sim.faults.add(ActionStuck(times=None))
    image = backup if name == "convert" else snapshot
    operator = DEFERRED[name](image, poll_interval=0.1)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task_context)
    kwargs = json.loads(json.dumps(deferred.value.kwargs))
    *others, last = [one.id for one in sim.state.actions.values() if one.resource_id == image.id]
    sim.state.finish_action(last, "errored")
    for other in others:
        sim.state.finish_action(other)

    async def fire():
        return [event.payload async for event in deferred.value.trigger.run()]

    [event] = asyncio.run(fire())
    with pytest.raises(AirflowException) as caught:
        operator.execute_complete(task_context, event, **kwargs)

    assert caught.value.code == ("copies_missing" if name == "replicate" else "errored")
    regions = "nyc3, fra1" if name == "replicate" else "nyc3"
    assert f"Last good copy: image {image.id}, in {regions}, of " in str(caught.value)


@pytest.mark.parametrize("name", [*HOW, "sensor"])
def test_a_foreign_event_fails_the_task(snapshot, name):
    """Airflow does not retry, because the event stays the same."""
    sensor = DigitalOceanImageActionSensor(task_id="t", image_id=1, action_id=2)
    operator = sensor if name == "sensor" else HOW[name](snapshot)

    with pytest.raises(AirflowFailException) as caught:
        operator.execute_complete({}, {"wait_status": "completed"})

    assert caught.value.code == "invalid_event"
