"""A scheduler killed, an API down, a deferred task cleared: each POST is sent once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_do_images.simulator import HeldRequest

pytestmark = pytest.mark.system

COPY = [{"type": "transfer", "region": "ams3"}]


@pytest.fixture(params=[True, False], ids=["with regions", "without regions"])
def tells_region(request, simulator):
    """Whether transfers tell their region."""
    rules = simulator.state.rules
    simulator.state.rules = replace(rules, transfers_show_region=request.param)
    yield request.param
    simulator.state.rules = rules


@pytest.fixture
def run_copy(airflow, snapshot):
    """Start the DAG copy_and_wait for a new snapshot; return the run's id and the image."""

    def start():
        image = snapshot()
        return airflow.rest.trigger_dag("copy_and_wait", {"image_id": image.id}), image

    return start


@pytest.fixture
def run_deferred_copy(airflow, simulator, held_transfers, run_copy, wait_until):
    """Do the same, and wait until the task is deferred; return the action too."""

    def start():
        run_id, image = run_copy()
        wait_until(lambda: airflow.rest.count_tasks("copy_and_wait", run_id, "deferred") == 1)
        [action] = [a for a in simulator.state.actions.values() if a.resource_id == image.id]
        return run_id, image, action

    return start


@pytest.mark.usefixtures("tells_region")
def test_a_scheduler_killed_with_all_its_tasks_posts_once(airflow, simulator, run_copy, posts):
    """The scheduler and the task between POST and response die; both come back, one POST."""
    held = simulator.faults.add(HeldRequest(method="POST"))
    run_id, image = run_copy()
    assert held.reached.wait(60)

    airflow.kill("scheduler")
    held.release()
    simulator.faults.clear()
    airflow.start("scheduler")

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
    assert "ams3" in image.regions


def test_a_wait_outlasts_an_api_that_is_down(
    airflow, simulator, run_deferred_copy, wait_until, posts
):
    """The API is down until a poll has failed, and the wait continues."""
    run_id, image, action = run_deferred_copy()

    simulator.stop()
    missed = f"Polling action {action.id} failed"
    wait_until(lambda: missed in airflow.rest.logs("copy_and_wait", run_id, "copy"))
    simulator.start()
    simulator.state.finish_action(action.id)

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
    [row] = airflow.rest.task_instances("copy_and_wait", run_id)
    assert row["try_number"] == 1


def test_a_task_cleared_while_deferred_attaches_to_its_action(
    airflow, simulator, tells_region, run_deferred_copy, wait_until, posts
):
    """The log says that the action continues; the new try attaches to it and sends no POST."""
    if not tells_region:  # Airflow's state of the task says then which action it is
        pytest.importorskip("airflow.sdk.bases.resumablejobmixin", reason="since Airflow 3.3")
    run_id, image, action = run_deferred_copy()
    # SQLite gives the highest id again when its row is gone: without another trigger that came
    # later, the new wait would get the old one's id, and Airflow would let the old one go on.
    _, _, later = run_deferred_copy()

    airflow.rest.clear("copy_and_wait", run_id, ["copy"])

    def deferred_again():
        [row] = airflow.rest.task_instances("copy_and_wait", run_id)
        return (row["try_number"], row["state"]) == (2, "deferred")

    wait_until(deferred_again)
    assert airflow.rest.xcom("copy_and_wait", run_id, "copy", "action_id") == action.id
    assert airflow.rest.xcom("copy_and_wait", run_id, "copy", "submission") == "attached"
    words = f"(action {action.id}). DigitalOcean cannot cancel an action"
    wait_until(lambda: words in airflow.rest.logs("copy_and_wait", run_id, "copy"))
    for running in (action, later):
        simulator.state.finish_action(running.id)
    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
