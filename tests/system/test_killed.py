"""Processes that die at the worst moment, and runs that are cleared: each POST is seen once."""

from __future__ import annotations

import time

import pytest

from airflow_provider_do_images.simulator import Held

COPY = [{"type": "transfer", "region": "ams3"}]


@pytest.fixture
def held_post(simulator):
    """The next POST takes effect, and its answer is held back until the test lets go."""
    fault = simulator.faults.add(Held(method="POST"))
    yield fault
    fault.release()
    simulator.faults.clear()


@pytest.fixture
def run_copy(airflow, snapshot):
    """Start the DAG copy_and_wait for a new snapshot; return the run's id and the image."""

    def start():
        image = snapshot()
        return airflow.rest.trigger_dag("copy_and_wait", {"image_id": image.id}), image

    return start


@pytest.fixture
def state_of(airflow):
    """Tell the state of the only task of a run of copy_and_wait."""

    def state(run_id):
        [row] = airflow.rest.task_instances("copy_and_wait", run_id)
        return row["state"]

    return state


def test_a_task_killed_between_post_and_answer_posts_once(
    airflow, simulator, held_post, run_copy, posts
):
    """SIGKILL before the answer arrives: the retry finds the action and joins it."""
    run_id, image = run_copy()
    assert held_post.reached.wait(120)

    airflow.kill_task_of(simulator.url)
    held_post.release()

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
    assert "ams3" in image.regions
    assert airflow.rest.xcom("copy_and_wait", run_id, "copy", "outcome") in {
        "joined_running",
        "already_there",
    }


def test_a_scheduler_killed_with_all_its_tasks_posts_once(
    airflow, simulator, held_post, run_copy, posts
):
    """The scheduler and the task between POST and answer die; both come back, one POST."""
    run_id, image = run_copy()
    assert held_post.reached.wait(120)

    airflow.kill("scheduler")
    held_post.release()
    airflow.start("scheduler")

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
    assert "ams3" in image.regions


def test_fifty_waits_survive_a_triggerer_killed_with_sigkill(airflow, simulator, wait_until):
    """In the middle of fifty deferred waits the triggerer dies: all go on in the next one."""
    state = simulator.state
    state.hold_actions = True
    running = [
        state.begin_action("transfer", state.add_image(f"copy-{n}"), region="ams3", seconds=1)
        for n in range(50)
    ]
    state.hold_actions = False
    actions = [
        {"id": action.id, "image_id": action.resource_id, "region_slug": "ams3"}
        for action in running
    ]
    posted = simulator.journal.count("POST")
    run_id = airflow.rest.trigger_dag("many_waits", {"actions": actions})

    def deferred():
        rows = airflow.rest.task_instances("many_waits", run_id)
        return sum(row["state"] == "deferred" for row in rows)

    wait_until(lambda: deferred() == 50, timeout=150)

    airflow.kill("triggerer")
    for action in running:
        simulator.state.finish_action(action.id)
    airflow.start("triggerer")

    assert airflow.rest.wait_for_dag_run("many_waits", run_id) == "success"
    rows = airflow.rest.task_instances("many_waits", run_id)
    assert [row["state"] for row in rows] == ["success"] * 51
    assert simulator.journal.count("POST") == posted


def test_a_wait_outlasts_an_api_that_is_down(
    airflow, simulator, held_transfers, run_copy, state_of, wait_until, posts
):
    """The API is away for two of its minutes and until it is missed: the wait goes on."""
    run_id, image = run_copy()
    wait_until(lambda: state_of(run_id) == "deferred")

    [action] = [a for a in simulator.state.actions.values() if a.resource_id == image.id]
    missed = f"A look at action {action.id} failed, the wait goes on"
    simulator.stop()
    time.sleep(2)
    wait_until(lambda: missed in airflow.rest.logs("copy_and_wait", run_id, "copy"))
    simulator.start()
    simulator.state.finish_action(action.id)

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY
    [row] = airflow.rest.task_instances("copy_and_wait", run_id)
    assert row["try_number"] == 1


def test_a_task_cleared_while_deferred_joins(
    airflow, simulator, held_transfers, run_copy, state_of, wait_until, posts
):
    """The log says that the action goes on; the new try takes it and posts nothing."""
    run_id, image = run_copy()
    wait_until(lambda: state_of(run_id) == "deferred")
    # SQLite gives the highest id again when its row is gone: without another trigger that came
    # later, the new wait would get the old one's id, and Airflow would let the old one go on.
    later_id, later_image = run_copy()
    wait_until(lambda: state_of(later_id) == "deferred")
    first = airflow.rest.xcom("copy_and_wait", run_id, "copy", "action_id")

    airflow.rest.clear("copy_and_wait", run_id, ["copy"])
    wait_until(lambda: airflow.rest.task_instances("copy_and_wait", run_id)[0]["try_number"] == 2)
    wait_until(lambda: state_of(run_id) == "deferred")
    assert airflow.rest.xcom("copy_and_wait", run_id, "copy", "action_id") == first
    assert airflow.rest.xcom("copy_and_wait", run_id, "copy", "outcome") == "joined_running"
    words = f"(action {first}). DigitalOcean has no way to cancel an action: it goes on"
    wait_until(lambda: words in airflow.rest.logs("copy_and_wait", run_id, "copy"))
    for action in list(simulator.state.actions.values()):
        if action.resource_id in (image.id, later_image.id):
            simulator.state.finish_action(action.id)

    assert airflow.rest.wait_for_dag_run("copy_and_wait", run_id) == "success"
    assert posts(image.id) == COPY


def test_a_whole_successful_run_that_is_cleared_posts_nothing(airflow, simulator):
    """The nightly example, cleared after its success, finds everything there and succeeds."""
    run_id = airflow.rest.trigger_dag("backup_to_snapshot")
    assert airflow.rest.wait_for_dag_run("backup_to_snapshot", run_id) == "success"
    image_id = airflow.rest.xcom("backup_to_snapshot", run_id, "newest_backup")
    posted = simulator.journal.count("POST")
    tasks = {row["task_id"] for row in airflow.rest.task_instances("backup_to_snapshot", run_id)}

    airflow.rest.clear("backup_to_snapshot", run_id, sorted(tasks))

    assert airflow.rest.wait_for_dag_run("backup_to_snapshot", run_id) == "success"
    assert simulator.journal.count("POST") == posted
    assert airflow.rest.xcom("backup_to_snapshot", run_id, "newest_backup") == image_id
    assert airflow.rest.xcom("backup_to_snapshot", run_id, "convert", "outcome") == "already_there"
