"""What a worker or a triggerer logs when Airflow stops a task during a wait."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_do_images.operators.image_actions import DigitalOceanTransferImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from devtools.airflow_compat import TaskDeferred

GOES_ON = "DigitalOcean cannot cancel an action"


def test_a_stopped_operator_logs_what_continues(sim, snapshot, connection, task_context, capfd):
    """The line has the ids of the action; no request is sent."""
    operator = DigitalOceanTransferImageOperator(
        task_id="copy",
        image_id=snapshot.id,
        region="ams3",
        wait_for_completion=True,
        deferrable=True,
    )
    with pytest.raises(TaskDeferred):
        operator.execute(task_context)
    [action] = [one for one in sim.state.actions.values() if one.resource_id == snapshot.id]
    asked = len(sim.journal.entries)

    operator.on_kill()

    assert f"image {snapshot.id} to ams3 (action {action.id}). {GOES_ON}" in "".join(
        capfd.readouterr()
    )
    assert len(sim.journal.entries) == asked


def test_a_stopped_replication_logs_what_continues(sim, snapshot, connection, task_context, capfd):
    """One line names each copy in progress, and no completed one."""
    operator = DigitalOceanReplicateImageOperator(
        task_id="copies",
        image_id=snapshot.id,
        regions=["nyc3", "ams3", "sgp1"],
        deferrable=True,
    )
    with pytest.raises(TaskDeferred):
        operator.execute(task_context)
    capfd.readouterr()

    operator.on_kill()

    said = "".join(capfd.readouterr())
    assert said.count(GOES_ON) == 1
    assert "to nyc3" not in said
    assert all(f"image {snapshot.id} to {region} (action" in said for region in ("ams3", "sgp1"))


def test_a_stopped_sensor_logs_what_continues(sim, snapshot, connection, task_context, capfd):
    """The sensor is stopped while it pokes."""
    action = sim.state.begin_action("transfer", snapshot, region="ams3", seconds=600)
    sensor = DigitalOceanImageActionSensor(
        task_id="copied", image_id=snapshot.id, action_id=action.id
    )
    assert not sensor.poke(task_context).is_done

    sensor.on_kill()

    assert f"image {snapshot.id} (action {action.id}). {GOES_ON}" in "".join(capfd.readouterr())


def test_a_stopped_trigger_logs_what_continues(sim, snapshot, connection, task_context, capfd):
    """One action or several, each with its ids; Airflow 3.3 and newer stop it so."""
    one = DigitalOceanTransferImageOperator(
        task_id="copy",
        image_id=snapshot.id,
        region="ams3",
        wait_for_completion=True,
        deferrable=True,
    )
    several = DigitalOceanReplicateImageOperator(
        task_id="copies", image_id=snapshot.id, regions=["ams3", "sgp1"], deferrable=True
    )
    for operator, regions in ((one, ["ams3"]), (several, ["ams3", "sgp1"])):
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(task_context)
        capfd.readouterr()

        asyncio.run(deferred.value.trigger.on_kill())

        said = "".join(capfd.readouterr())
        assert said.count(GOES_ON) == 1
        assert all(f"image {snapshot.id} to {region} (action" in said for region in regions)
