"""A triggerer that dies in the middle of a wait."""

from __future__ import annotations


def test_a_wait_survives_a_triggerer_killed_with_sigkill(
    airflow, simulator, deferred_transfer, posts, wait_until
):
    """The next triggerer goes on with the wait: one run, one try, one POST."""
    waiting = deferred_transfer
    look = f"/v2/images/{waiting.image_id}/actions/{waiting.action_id}"
    looks = simulator.journal.count(method="GET", path=look)
    # A look after the deferral is the triggerer's: it is in the middle of the wait.
    wait_until(lambda: simulator.journal.count(method="GET", path=look) > looks)

    airflow.kill("triggerer")
    simulator.state.finish_action(waiting.action_id)
    airflow.start("triggerer")

    assert airflow.rest.wait_for_dag_run("transfer_image", waiting.run_id) == "success"
    rows = airflow.rest.task_instances("transfer_image", waiting.run_id)
    assert {row["task_id"]: row["try_number"] for row in rows} == {"transfer": 1, "transferred": 1}
    assert posts(waiting.image_id) == [{"type": "transfer", "region": "ams3"}]
    result = airflow.rest.xcom("transfer_image", waiting.run_id, "transferred")
    assert (result["id"], result["status"]) == (waiting.action_id, "completed")
