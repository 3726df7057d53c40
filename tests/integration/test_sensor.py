"""The sensor by itself: what is a success, what it refuses, and what it logs of a skip."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.api import ActionStatus, ImageAction
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.wait.event import to_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.version_compat import AirflowSkipException

CONTEXT = {"ti": SimpleNamespace(get_first_reschedule_date=lambda _: None)}
MODES = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}


@pytest.fixture
def wait(connection):
    """Run a sensor, and return its result."""

    def execute(**arguments):
        sensor = DigitalOceanImageActionSensor(
            task_id="wait", **{"deferrable": False, "poke_interval": 0.01, **arguments}
        )
        return sensor.execute(CONTEXT)

    return execute


@pytest.mark.parametrize(
    "values", [{"wait_status": "completed"}, {"submission": "already_exists"}], ids=str
)
def test_a_row_that_needed_no_action_passes(wait, sim, values):
    """The submit has verified the copy, so no request is sent."""
    row = {**ActionResult(7, region="ams3").to_json(), **values}

    assert wait(action=row) == row
    assert sim.journal.entries == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"submission": "rejected", "error": "no"}, "rejected"),
        (
            {"submission": "submit_failed", "error": "502"},
            "submit_failed",
        ),
        ({"wait_status": "not_found"}, "not_found"),
        ({"wait_status": "timed_out"}, "timed_out"),
        ({"wait_status": "access_denied"}, "access_denied"),
        ({"wait_status": "something else"}, "no_action"),
        ({"submission": "already_exists", "wait_status": "errored"}, "errored"),
        ({"submission": "already_exists", "error": "no"}, "no_action"),
        ({"submission": "submitted"}, "no_action"),
        ({}, "no_action"),
    ],
    ids=str,
)
def test_any_other_row_without_an_action_fails_with_its_error(wait, sim, mode, values, code):
    """A copy that was not verified is not a success."""
    row = {**ActionResult(7, region="ams3").to_json(), **values}

    with pytest.raises(PermanentTaskError) as failure:
        wait(action=row, **MODES[mode])

    assert failure.value.code == code
    assert sim.journal.entries == []


def test_rows_without_their_keys_fail(wait, sim):
    """As one that only has nulls under the names of the API."""
    row = {**dict.fromkeys(ImageAction.FIELDS), "image_id": 7}

    for action in (row, {"image_id": 7}, {"id": None, "image_id": None}, [row]):
        with pytest.raises(PermanentTaskError):
            wait(action=action)
    assert sim.journal.entries == []


def test_ids_are_read_from_rows(wait, sim, snapshot):
    """``image_id=transfer.output, action_id=transfer.output`` means the ids in the row."""
    action = sim.state.add_action(snapshot.id, region="nyc3", status="completed")
    row = {"image_id": snapshot.id, "id": action.id, "type": "transfer"}

    assert wait(image_id=row, action_id=row)["id"] == action.id


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [
        {name: value}
        for name in ("poke_interval", "timeout", "verify_timeout")
        for value in (None, "soon", -1, True, float("nan"), float("inf"), 1e12, timedelta.max)
    ]
    + [
        {"poke_interval": 0},
        {"deferrable": "perhaps"},
        {"digitalocean_conn_id": 5},
        {"action": {"image_id": 7, "id": 9, "region_slug": 5}},
        {"action_id": None},
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_before_a_request(wait, sim, mode, arguments):
    """In every mode, when the task runs."""
    ids = {} if "action" in arguments else {"image_id": 7, "action_id": 9}

    with pytest.raises(PermanentTaskError) as failure:
        wait(**{**ids, **MODES[mode], **arguments})

    assert failure.value.code == "invalid_input"
    assert sim.journal.entries == []


@pytest.mark.parametrize("seconds", [5, 5.0, "5", timedelta(seconds=5)], ids=str)
def test_durations_have_any_form(wait, sim, snapshot, seconds):
    """Seconds, their text or a ``timedelta``, for each."""
    action = sim.state.add_action(snapshot.id, region="nyc3", status="completed")
    times = dict.fromkeys(("poke_interval", "timeout", "verify_timeout"), seconds)

    assert wait(image_id=snapshot.id, action_id=action.id, **times)["id"] == action.id


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("switch", ["soft_fail", "never_fail"])
def test_the_log_has_the_reason_of_a_skip(wait, sim, snapshot, capfd, mode, switch):
    """The failure, with its code, is logged before the skip."""
    action = sim.state.add_action(snapshot.id, region="nyc3", status="errored")

    with pytest.raises(AirflowSkipException):
        wait(image_id=snapshot.id, action_id=action.id, **MODES[mode], **{switch: True})

    assert "".join(capfd.readouterr()).count("[errored]") == 1


@pytest.mark.parametrize("switch", ["soft_fail", "never_fail"])
def test_a_deferred_failure_is_logged_before_the_skip(connection, capfd, switch):
    """It is logged once, also where Airflow times the deferral out."""
    sensor = DigitalOceanImageActionSensor(
        task_id="wait", image_id=7, action_id=9, deferrable=True, **{switch: True}
    )
    action = ImageAction(9, ActionStatus.ERRORED, "transfer", image_id=7)
    result = WaitResult(WaitStatus.ERRORED, WaitSpec(7, 9, 0.0, 9.0), time.time(), action)
    event = to_event([result], [])

    with pytest.raises(AirflowSkipException):
        sensor.resume_execution("execute_complete", {"event": event}, CONTEXT)
    assert "".join(capfd.readouterr()).count("[errored]") == 1

    with pytest.raises(AirflowSkipException):
        sensor.resume_execution(
            "__fail__", {"error": "Trigger timeout", "traceback": None}, CONTEXT
        )
    assert "".join(capfd.readouterr()).count("Trigger timeout") == 1
