"""What a submit or a wait says when it fails: of what, what runs, which copy is left, what then."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.actions import judge, submit, wait
from airflow_provider_do_images.actions.messages import LOOKS, SUBMITS
from airflow_provider_do_images.actions.policy import SnapshotName
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.image_replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ActionStuck, LostBefore, Status
from airflow_provider_do_images.version_compat import AirflowException
from devtools.older_airflow import TaskDeferred

DROPLET = {"droplet_id": 42, "droplet_name": "web-1"}


def backup_of(image):
    """Return the row of a restore point, as the search hands it on."""
    row = {"image_id": image.id, "type": image.type, "name": image.name, "policy": "nightly"}
    return {**row, **DROPLET, "taken_at": "2026-01-01T02:00:00Z"}


HOW = {
    "convert": lambda image, **wait: DigitalOceanConvertImageOperator(
        task_id="t", backup=backup_of(image), **wait
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
    """Answer each look at an action, and at its image, with an error."""
    sim.faults.add(Status(status, method="GET", path=f"/v2/images/*{action.id}*", times=None))


ENDS = {
    "errored": (
        lambda sim, action: sim.state.finish_action(action.id, "errored"),
        ("errored at DigitalOcean", "It does not run any more."),
    ),
    "timed out": (lambda *_: None, ("It is in-progress", "it goes on at DigitalOcean, and a")),
    "timed out by a failing look": (
        lambda sim, action: refuse(sim, action, 503),
        ("The last look failed: ", "it goes on at DigitalOcean unless it has ended"),
    ),
    "unverified": (
        lambda _, action: setattr(action, "status", "completed"),
        ("is completed (seen with", "), but within", "It does not run any more."),
    ),
    "not_found": (
        lambda sim, action: refuse(sim, action, 404),
        ("is not there", "Whether it still runs is not known."),
    ),
    "not allowed": (
        lambda sim, action: refuse(sim, action, 401),
        ("can no longer be watched", "it may go on at DigitalOcean"),
    ),
    "not understood": (
        lambda _, action: setattr(action, "status", "queued"),
        ("cannot be judged: whether it still runs is not known.", "unknown status"),
    ),
}
"""What happens to an action that is waited for, and what is said of it."""


@pytest.fixture
def _hurried(monkeypatch):
    """Let nothing be waited out but the operators' own times."""
    monkeypatch.setattr(judge, "NOT_FOUND_GRACE", 0.0)
    monkeypatch.setattr(wait, "SECOND_LOOK_PAUSE", 0.0)
    monkeypatch.setattr(submit, "SETTLE_SECONDS", 0.0)


@pytest.mark.usefixtures("_hurried", "connection")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [*HOW, "sensor"])
def test_each_end_of_a_wait_tells_all_that_is_known(sim, backup, snapshot, fail, name, end):
    """Droplet, image, action, region, request; whether it runs; a copy; what clearing does."""
    image = backup if name == "convert" else snapshot
    happen, parts = ENDS[end]
    sim.faults.add(ActionStuck())
    times = {"poll_interval": 0.02, "timeout": 0.2, "proof_timeout": 0.05, "deferrable": False}
    if name == "sensor":
        action = sim.state.begin_action("transfer", image, region="ams3")
        happen(sim, action)
        row = {"id": action.id, "image_id": image.id, "region_slug": "ams3", **DROPLET}
        # The second look comes at the deadline, long after Airflow has looked at the time.
        del times["poll_interval"]
        times |= {"poke_interval": 0.6, "timeout": 0.5}
        words = fail(DigitalOceanImageActionSensor(task_id="t", action=row, **times))
    else:
        words = fail(
            HOW[name](image, **times),
            lambda: happen(sim, next(reversed(sim.state.actions.values()))),
        )

    [*_, action] = sim.state.actions
    what = f"image {image.id}{' of droplet web-1 (42)' if name != 'transfer' else ''}"
    to = "" if name == "convert" else " to ams3"
    for part in (f"{what}{to} (action {action})", *parts):
        assert part in words
    assert re.search(r"request id [0-9a-f-]{36}", words)
    assert ("Last good copy: backup" in words) == (name == "convert" and end != "not_found")
    assert (f"Last good copy: {what}, seen in nyc3, of " in words) == (
        name in ("replicate", "transfer") and end != "not_found"
    )
    assert (LOOKS if name == "sensor" else SUBMITS) in words
    assert ("Clear the task that submitted" in words) == ((name, end) == ("sensor", "errored"))


@pytest.mark.usefixtures("connection")
def test_what_was_seen_is_told_though_the_last_look_fails(sim, snapshot, fail):
    """A sensor that knows only two ids has seen by then where the transfer goes."""
    action = sim.state.add_action(snapshot.id, region="ams3")
    sim.faults.add(Status(503, skip=1, times=None))
    times = {"poke_interval": 0.6, "timeout": 0.5}

    words = fail(
        DigitalOceanImageActionSensor(
            task_id="t", image_id=snapshot.id, action_id=action.id, **times
        )
    )

    assert words.startswith(f"transfer of image {snapshot.id} to ams3 (action {action.id})")
    assert "The last look failed: " in words


@pytest.mark.parametrize("others", [0, 1])
def test_the_row_of_another_image_is_no_copy_of_this_one(backup, others):
    """The task that chose it may have been cleared while this one was deferred."""
    waited = judge.Wait(backup.id + others, 5, 0.0, 60.0)
    event = judge.Verdict(judge.Outcome.TIMED_OUT, waited, 60.0, error="no").to_event()

    with pytest.raises(AirflowException) as caught:
        HOW["convert"](backup).execute_complete({}, event)

    assert ("Last good copy" in str(caught.value)) == (not others)


SUBMITS_FAIL = {
    "no scope": (
        {},
        Status(403, times=None),
        ("status 403", "request id ", "has started nothing", "the scope image:read."),
    ),
    "no usable connection": ({"host": "no-url"}, None, ("the base URL", "has started nothing")),
    "another team": (
        {"extra": {"expected_team": "Another"}},
        None,
        ("was not sent: the token belongs to the team 'My Team'", "has started nothing"),
    ),
    "refused": (
        {},
        Status(422, method="POST"),
        ("status 422", "request id ", "has started nothing; what was started before goes on."),
    ),
    "no answer": (
        {},
        LostBefore(method="POST", times=None),
        ("no answer from the API", "Whether an action was started, and still runs, is not known"),
    ),
}
"""A connection, what goes wrong with it, and what is said."""


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("why", SUBMITS_FAIL)
@pytest.mark.parametrize("name", HOW)
def test_each_failure_of_a_submit_tells_all_that_is_known(
    sim, backup, snapshot, connection, fail, name, why
):
    """Droplet, image and region; whether an action began; a copy; what clearing does."""
    image = backup if name == "convert" else snapshot
    fields, fault, parts = SUBMITS_FAIL[why]
    connection(**fields)
    if fault:
        sim.faults.add(replace(fault))

    words = fail(HOW[name](image))

    whose = () if name == "transfer" else ("droplet web-1 (42)",)
    where = () if name == "convert" else ("ams3",)
    for part in (f"image {image.id}", *whose, *where, *parts):
        assert part in words
    looked = name != "convert" and why in ("another team", "refused", "no answer")
    assert ("Last good copy: backup" in words) == (name == "convert")
    what = f"image {image.id}{'' if name == 'transfer' else ' of droplet web-1 (42)'}"
    assert (f"Last good copy: {what}, seen in nyc3" in words) == looked
    assert (" old." in words) == (name == "convert" or looked)
    assert (SUBMITS) in words


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("named", [False, True])
def test_a_replication_that_fails_in_part_tells_where_its_image_is(sim, fail, named):
    """In all regions, with the age of the data, however late a copy came; and what is missing."""
    moment = sim.clock.now() - 7200
    taken = datetime.fromtimestamp(moment, UTC).replace(microsecond=0)
    name = str(SnapshotName("nightly", 42, taken)) if named else "a-snapshot"
    image = sim.state.add_image(name, created_at=None if named else moment)
    image.regions.append("ams3")
    sim.state.add_action(image.id, region="ams3", status="completed")
    sim.faults.add(Status(422, method="POST"))
    wanted = {"image_id": image.id, **DROPLET}

    words = fail(
        DigitalOceanReplicateImageOperator(task_id="t", image=wanted, regions=["ams3", "fra1"])
    )

    what = f"image {image.id} of droplet web-1 (42)"
    assert words.startswith(f"PARTIAL: 1 of 2 copies of {what} are there (ams3). fra1: ")
    assert re.search(
        rf"Last good copy: {re.escape(what)}, seen in nyc3, ams3, of {format_time(taken)}, 2 h 0 m",
        words,
    )
    assert "A retry would meet the same: remove the cause." in words


CONTEXT = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}


def defer(operator):
    """Run an operator until it defers."""
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(CONTEXT)
    return deferred.value


def resume(operator, deferred):
    """Run the trigger, then the operator to its failure; return that."""

    async def wait_for_all():
        return [event.payload async for event in deferred.trigger.run()]

    [event] = asyncio.run(wait_for_all())
    kwargs = json.loads(json.dumps(deferred.kwargs))
    with pytest.raises(AirflowException) as caught:
        operator.execute_complete(CONTEXT, event, **kwargs)
    return str(caught.value)


@pytest.mark.usefixtures("connection")
def test_a_replication_that_was_deferred_still_knows_its_image(sim, snapshot):
    """What it was before the submits comes back to the task, and where it came to meanwhile."""
    operator = DigitalOceanReplicateImageOperator(
        task_id="t", image_id=snapshot.id, regions=["ams3", "fra1"], poll_interval=0.1
    )
    deferred = defer(operator)
    [*_, to_ams3, to_fra1] = sim.state.actions
    sim.state.finish_action(to_ams3)
    sim.state.finish_action(to_fra1, "errored")

    words = resume(operator, deferred)

    assert words.startswith(f"PARTIAL: 1 of 2 copies of image {snapshot.id} are there (ams3).")
    assert f"Last good copy: image {snapshot.id}, seen in nyc3, ams3, of " in words


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("type_", ["convert", "transfer"])
def test_a_submit_that_was_deferred_still_knows_its_image(sim, backup, snapshot, type_):
    """As its submit saw it, also where the task was given an id alone."""
    sim.faults.add(ActionStuck())
    how = {"wait_for_completion": True, "deferrable": True, "poll_interval": 0.1}
    if type_ == "convert":
        image = backup
        operator = DigitalOceanConvertImageOperator(task_id="t", image_id=image.id, **how)
    else:
        image = snapshot
        operator = DigitalOceanTransferImageOperator(
            task_id="t", image_id=image.id, region="ams3", **how
        )
    deferred = defer(operator)
    sim.state.finish_action(next(reversed(sim.state.actions)), "errored")

    words = resume(operator, deferred)

    assert f"Last good copy: image {image.id}, seen in nyc3, of " in words
    assert (f" old. {SUBMITS}") in words


@pytest.mark.parametrize("name", [*HOW, "sensor"])
def test_an_event_that_is_not_ours_may_leave_an_action_running(snapshot, name):
    """So says the failure, and what clearing does."""
    sensor = DigitalOceanImageActionSensor(task_id="t", image_id=1, action_id=2)
    operator = sensor if name == "sensor" else HOW[name](snapshot)

    with pytest.raises(AirflowException) as caught:
        operator.execute_complete({}, {"outcome": "completed"})

    clearing = LOOKS if name == "sensor" else SUBMITS
    words = str(caught.value)
    assert (f"What was waited for may still run at DigitalOcean. {clearing}") in words
