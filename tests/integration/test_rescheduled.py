"""What a sensor in reschedule mode tells, whose every look is a process that knows no other."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ErrorStatus
from devtools.older_airflow import AirflowRescheduleException


@pytest.fixture
def look(sim, snapshot, connection, capfd):
    """Make the look with this number, and return what was told of it."""
    action = sim.state.add_action(snapshot.id, region="nyc3")
    begun = datetime.now(UTC)

    def poll_once(number):
        ti = SimpleNamespace(get_first_reschedule_date=lambda _: begun if number else None)
        sensor = DigitalOceanImageActionSensor(
            task_id="t", image_id=snapshot.id, action_id=action.id, mode="reschedule"
        )
        capfd.readouterr()
        with pytest.raises(AirflowRescheduleException):
            sensor.execute({"ti": ti, "task_reschedule_count": number})
        return "".join(capfd.readouterr())

    return poll_once


def test_failing_looks_are_told_at_first_and_every_ten_minutes(sim, look):
    """Of forty looks, one every thirty seconds, that is two lines."""
    sim.faults.add(ErrorStatus(503, times=None))

    told = [number for number in range(40) if "failed, the wait goes on" in look(number)]

    assert told == [0, 20]


def test_looks_that_succeed_tell_once_what_is_waited_for(look):
    """At the first one."""
    assert [number for number in range(22) if "Waiting for" in look(number)] == [0]
