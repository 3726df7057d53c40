"""The log of a sensor in reschedule mode, where each poll is a process of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ErrorStatus
from devtools.airflow_compat import AirflowRescheduleException


@pytest.fixture
def poll(sim, snapshot, connection, capfd):
    """Run the poll with this number, and return its log."""
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


def test_failed_polls_are_logged_at_first_and_every_ten_minutes(sim, poll):
    """Of forty polls, one every thirty seconds, that is two lines."""
    sim.faults.add(ErrorStatus(503, times=None))

    told = [number for number in range(40) if "failed; still waiting" in poll(number)]

    assert told == [0, 20]


def test_successful_polls_log_the_wait_once(poll):
    """The first poll does."""
    assert [number for number in range(22) if "Waiting for" in poll(number)] == [0]
