"""A connection that Airflow cannot read for a while is a failed poll, or an error to retry."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.core.wait.event import read_event
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger
from airflow_provider_do_images.version_compat import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
)
from devtools.airflow_compat import AirflowRescheduleException, TaskDeferred

FAILURES = [
    AirflowNotFoundException("The conn_id `digitalocean_default` isn't defined"),
    AirflowException("the backend is sealed"),
    RuntimeError("AIRFLOW_CONN of dop_v1_secret"),
    ConnectionResetError(104, "reset"),
    TimeoutError(),
    KeyError("data"),
]
OPERATORS = {
    "convert": lambda: DigitalOceanConvertImageOperator(task_id="t", image_id=1),
    "transfer": lambda: DigitalOceanTransferImageOperator(task_id="t", image_id=1, region="ams3"),
    "replicate": lambda: DigitalOceanReplicateImageOperator(
        task_id="t", image_id=1, regions=["ams3"]
    ),
    "list": lambda: DigitalOceanListImageActionsOperator(task_id="t", image_id=1),
    "find": lambda: DigitalOceanListRestorePointsOperator(task_id="t", policy="p", droplet_id=1),
    "prune": lambda: DigitalOceanPruneSnapshotsOperator(task_id="t", policy="p", keep_last=3),
    "audit": lambda: DigitalOceanAuditSnapshotsOperator(
        task_id="t", policy="p", droplet_id=1, regions=["ams3"], max_data_age=60, max_copy_age=60
    ),
}


@pytest.fixture
def unreadable(connection, monkeypatch):
    """Let reading the connection fail with an exception, so often or always."""
    read, aread = DigitalOceanHook.get_connection, DigitalOceanHook.aget_connection

    def fail_with(error, times=None):
        left = [times]

        def fail():
            if left[0] != 0:
                left[0] = left[0] and left[0] - 1
                raise error

        def get_connection(conn_id):
            fail()
            return read(conn_id)

        async def aget_connection(conn_id):
            fail()
            return await aread(conn_id)

        monkeypatch.setattr(DigitalOceanHook, "get_connection", staticmethod(get_connection))
        monkeypatch.setattr(DigitalOceanHook, "aget_connection", staticmethod(aget_connection))

    return fail_with


@pytest.fixture
def action(sim, snapshot):
    """A transfer that has completed."""
    action = sim.state.begin_action("transfer", snapshot, region="ams3", seconds=1)
    sim.state.finish_action(action.id)
    return action


@pytest.fixture
def sensor(snapshot, action):
    """A sensor for it."""

    def make(**arguments):
        return DigitalOceanImageActionSensor(
            task_id="t", image_id=snapshot.id, action_id=action.id, poke_interval=0.1, **arguments
        )

    return make


@pytest.fixture
def context():
    """The context of a minimal task."""
    ti = SimpleNamespace(xcom_push=lambda **_: None, get_first_reschedule_date=lambda _: None)
    return {"ti": ti, "task_reschedule_count": 0}


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_poking_sensor_continues(unreadable, sensor, action, context, error):
    """Two reads fail, the third one returns the action."""
    unreadable(error, times=2)

    assert sensor(timeout=30).execute(context)["id"] == action.id


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_rescheduled_sensor_continues(unreadable, sensor, action, context, error):
    """The failed poke is rescheduled like any other, and the next one returns the action."""
    unreadable(error, times=1)
    with pytest.raises(AirflowRescheduleException):
        sensor(mode="reschedule").execute(context)

    assert sensor(mode="reschedule").execute(context)["id"] == action.id


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_a_deferrable_sensor_defers_all_the_same(unreadable, sensor, context, error):
    """Its first poll fails, so the triggerer polls next."""
    unreadable(error)

    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)


@pytest.mark.parametrize("error", FAILURES, ids=repr)
@pytest.mark.parametrize("times", [2, None], ids=["a while", "always"])
def test_the_triggerer_continues_until_the_deadline(
    run, unreadable, snapshot, action, error, times
):
    """The wait ends with the action, or as timed out; never as denied, and without a secret."""
    unreadable(error, times)
    now = time.time()
    trigger = DigitalOceanImageActionTrigger(
        waits=[WaitSpec(snapshot.id, action.id, now, now + 20).to_json()],
        first_poll_at=now + 0.1,
        poll_interval=1.0,
    )

    async def events():
        return [event async for event in trigger.run()]

    [event] = run(events())
    _, [verdict] = read_event(event.payload)

    assert verdict.status is (WaitStatus.COMPLETED if times else WaitStatus.TIMED_OUT)
    assert times or verdict.decided_at >= now + 20
    assert "dop_v1_secret" not in str(event.payload)


@pytest.mark.parametrize("error", FAILURES, ids=repr)
@pytest.mark.parametrize("make", OPERATORS.values(), ids=OPERATORS)
def test_an_operator_leaves_the_retry_to_airflow(unreadable, sim, context, make, error):
    """Nothing was sent, and the next try may read the connection."""
    unreadable(error)

    with pytest.raises(AirflowException) as caught:
        make().execute(context)

    assert not isinstance(caught.value, AirflowFailException)
    assert caught.value.code == "not_sent"
    assert "dop_v1_secret" not in str(caught.value)
    assert sim.journal.entries == []


@pytest.mark.parametrize("make", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize(
    "fields",
    [{"password": ""}, {"conn_type": "http"}, {"extra": '{"expected-team": "prod"}'}, {"port": 1}],
    ids=repr,
)
def test_an_operator_fails_without_a_retry_on_an_invalid_connection(
    connection, sim, context, make, fields
):
    """It was read, and a retry would read the same."""
    connection(**fields)

    with pytest.raises(AirflowFailException) as caught:
        make().execute(context)

    assert caught.value.code == "invalid_input"
    assert sim.journal.entries == []


def test_a_sensor_fails_without_a_retry_on_an_invalid_connection(
    connection, sensor, context, monkeypatch
):
    """It was read twice, and is invalid."""
    monkeypatch.setattr(wait, "CONFIRMATION_DELAY", 0.0)
    connection(password="")

    with pytest.raises(AirflowFailException) as caught:
        sensor(timeout=30).execute(context)

    assert caught.value.code == WaitStatus.ACCESS_DENIED


def test_the_connection_test_names_the_failure(unreadable):
    """The Test button shows it."""
    unreadable(RuntimeError("of dop_v1_secret"))

    passed, message = DigitalOceanHook().test_connection()

    assert not passed
    assert "RuntimeError" in message
    assert "dop_v1_secret" not in message
