"""The sensor in its three modes: the same result, the same message, the same state."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Thread

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ErrorStatus

MODES = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}
SWITCHES = ("none", "soft_fail", "silent_fail", "never_fail")


def waiting_dag(dag_id, **arguments):
    """Return a DAG with one sensor, whose ids are parameters of the run."""
    with DAG(dag_id, schedule=None, params={"image": 0, "action": 0}) as dag:
        DigitalOceanImageActionSensor(
            task_id="wait",
            image_id="{{ params.image }}",
            action_id="{{ params.action }}",
            poke_interval=0.3,
            **arguments,
        )
    globals()[dag_id] = dag  # where Airflow finds it
    return dag


WAITING = {
    (name, switch): waiting_dag(
        f"wait_{name}_{switch}",
        timeout=1.2,
        **arguments,
        **({} if switch == "none" else {switch: True}),
    )
    for name, arguments in MODES.items()
    for switch in SWITCHES
}
PATIENT = {
    name: waiting_dag(f"wait_long_{name}", timeout=60, **arguments)
    for name, arguments in MODES.items()
}
PROVING = {
    name: waiting_dag(f"prove_{name}", verify_timeout=1, **arguments)
    for name, arguments in MODES.items()
}


LIMITED = {
    (name, switch): waiting_dag(
        f"limited_{name}_{switch}",
        execution_timeout=timedelta(seconds=3),
        **MODES[name],
        **({} if switch == "none" else {switch: True}),
    )
    for name in ("poke", "deferrable")
    for switch in ("none", "soft_fail")
}


SHORT_LEGS = waiting_dag(
    "wait_in_short_legs", timeout=5.0, execution_timeout=timedelta(seconds=4), **MODES["reschedule"]
)


@pytest.fixture
def snapshot(digitalocean):
    """A snapshot in nyc3."""
    return digitalocean.state.add_image("a-snapshot")


@pytest.fixture(params=MODES)
def mode(request):
    """The mode of the sensor."""
    return request.param


@pytest.mark.parametrize(
    ("status", "switch"),
    [
        *(("errored", switch) for switch in SWITCHES),
        ("in-progress", "none"),
        ("in-progress", "soft_fail"),
        ("completed", "none"),
    ],
)
def test_all_modes_have_the_same_outcome(run, digitalocean, snapshot, status, switch):
    """Success returns the nine fields and the image; failure and timeout fail or skip."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3", status=status)

    ends = {}
    for name in MODES:
        ended = run(WAITING[name, switch], image=snapshot.id, action=action.id)
        ends[name] = (ended.tasks["wait"], ended.xcom("wait"), ended.code)
        if ended.tasks["wait"] == "failed":
            assert str(action.id) in ended.failure

    assert ends["poke"] == ends["reschedule"] == ends["deferrable"]
    state, result, code = ends["poke"]
    if status == "completed":
        assert (state, result["id"], result["status"]) == ("success", action.id, "completed")
        assert result["image_id"] == snapshot.id
        return
    assert state == ("skipped" if switch in ("soft_fail", "never_fail") else "failed")
    assert result is None
    if state == "failed":
        assert code == ("errored" if status == "errored" else "timed_out")


def test_the_sensor_waits_for_a_running_action(run, digitalocean, snapshot, mode):
    """The action is polled until it is completed, and verified."""
    action = digitalocean.state.begin_action("transfer", snapshot, region="ams3", seconds=10**6)
    path = f"/v2/images/{snapshot.id}/actions/{action.id}"

    def finish_after_a_look():
        while not digitalocean.journal.count(path=path):
            time.sleep(0.01)
        digitalocean.state.finish_action(action.id)

    thread = Thread(target=finish_after_a_look, daemon=True)
    thread.start()
    ended = run(PATIENT[mode], image=snapshot.id, action=action.id)
    thread.join()

    assert ended.tasks["wait"] == "success"
    assert ended.xcom("wait")["region_slug"] == "ams3"
    assert digitalocean.journal.count(path=path) >= 2
    assert digitalocean.journal.count("POST") == 0


def test_a_failed_poll_does_not_end_the_wait(run, digitalocean, snapshot, mode):
    """After a 500 the next poll is the repeat."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3", status="completed")
    digitalocean.faults.add(ErrorStatus(500))

    ended = run(PATIENT[mode], image=snapshot.id, action=action.id)

    assert ended.tasks["wait"] == "success"


def test_an_action_with_an_unknown_status_fails(run, digitalocean, snapshot, mode):
    """An unknown status is neither a success nor an endless wait."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3", status="queued")

    ended = run(WAITING[mode, "none"], image=snapshot.id, action=action.id)

    assert ended.tasks["wait"] == "failed"
    assert ended.code == "unknown_status"


def test_a_revoked_token_ends_the_wait(run, digitalocean, snapshot, mode):
    """A second 401, after the connection was read again, fails with the fix."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3", status="completed")
    digitalocean.tokens.allow("another")

    ended = run(WAITING[mode, "none"], image=snapshot.id, action=action.id)

    assert ended.tasks["wait"] == "failed"
    assert ended.code == "access_denied"


def test_a_completed_transfer_that_is_not_there_fails(run, digitalocean, snapshot, mode):
    """Completed is not enough: an image that does not list the region ends as unverified."""
    action = digitalocean.state.add_action(snapshot.id, region="ams3", status="completed")

    ended = run(PROVING[mode], image=snapshot.id, action=action.id)

    assert ended.tasks["wait"] == "failed"
    assert ended.code == "unverified"


@pytest.mark.parametrize("switch", ["none", "soft_fail"])
def test_an_execution_timeout_has_the_message_of_any_timeout(run, digitalocean, snapshot, switch):
    """Airflow's own limit ends poked and deferred waits with the same words."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3")

    for name in ("poke", "deferrable"):
        ended = run(LIMITED[name, switch], image=snapshot.id, action=action.id)

        assert ended.tasks["wait"] == ("skipped" if switch == "soft_fail" else "failed")
        if switch == "none":
            assert ended.code == "timed_out"
            assert "ExecutionTimeoutError" in ended.log


def test_an_execution_timeout_applies_to_each_process(run, digitalocean, snapshot):
    """A rescheduled sensor with short polls ends by its own timeout, without a retry."""
    action = digitalocean.state.add_action(snapshot.id, region="nyc3")

    ended = run(SHORT_LEGS, image=snapshot.id, action=action.id)

    assert ended.tasks["wait"] == "failed"
    assert ended.code == "timed_out"
    assert "SensorTimeoutError" in ended.log
