"""From restore points to snapshots in DAGs: mapped rows, in the worker and deferred."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task

from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.simulator import Rules

HOUR = 3600


def new_dag(dag_id):
    """Return a DAG under a name that Airflow finds in the module."""
    dag = globals()[dag_id] = DAG(
        dag_id, schedule=None, params={"tag": "shop", "policy": "nightly", "on_missing": "fail"}
    )
    return dag


def find():
    """Return a task that finds by the run's parameters."""
    return DigitalOceanListRestorePointsOperator(
        task_id="find",
        tag="{{ params.tag }}",
        policy="{{ params.policy }}",
        on_missing="{{ params.on_missing }}",
        max_backup_age="129600",
    )


for name, deferrable in (("here", False), ("deferred", True)):
    with new_dag(f"keep_{name}"):
        DigitalOceanConvertImageOperator.partial(
            task_id="convert",
            tags=["{{ params.policy }}"],
            deferrable=deferrable,
            poll_interval=0.3,
            timeout=30,
        ).expand(restore_point=find().output)

with new_dag("hand_rows_wrongly"):
    found = find()

    @task
    def first(rows):
        """Return the first row."""
        return rows[0]

    DigitalOceanConvertImageOperator(task_id="whole_list", restore_point=found.output)
    DigitalOceanConvertImageOperator.partial(task_id="apart").expand(
        restore_point=first(found.output)
    )
    DigitalOceanConvertImageOperator(
        task_id="jinja", restore_point="{{ ti.xcom_pull(task_ids='find') }}"
    ).set_upstream(found)
    DigitalOceanConvertImageOperator(task_id="an_id", restore_point=5)
    DigitalOceanConvertImageOperator(task_id="result", restore_point={"id": 5, "image_id": 6})

DAGS = {key: value for key, value in globals().items() if isinstance(value, DAG)}


@pytest.fixture
def droplets(digitalocean):
    """Three droplets with tag ``shop``: two with backups, the last one with none yet."""
    state = digitalocean.state
    made = [state.add_droplet(f"shop-{n}", tags=["shop"], backups="daily") for n in (1, 2, 3)]
    for droplet in made[:2]:
        state.add_backup(droplet, digitalocean.clock.now() - 6 * HOUR)
    for droplet in made:
        droplet.next_window_at = None  # hours pass while a test runs, and no backup is made in them
    return made


def policy_snapshots(digitalocean):
    """Return the snapshots of the policy."""
    images = digitalocean.state.images.values()
    return [one for one in images if one.type == "snapshot" and one.name.startswith("nightly_")]


@pytest.mark.parametrize("name", ["here", "deferred"])
def test_one_droplet_fails_and_the_others_get_snapshots(run, digitalocean, droplets, name):
    """Each row is a mapped task; the missing droplet fails with the reason; a repeat posts none."""
    digitalocean.state.rules = Rules(convert_seconds=HOUR, rename_backup=False)

    ended = run(DAGS[f"keep_{name}"])

    assert ended.tasks["convert"] == ["success", "success", "failed"]
    assert "nothing to convert for droplet shop-3" in ended.log
    results = [ended.xcom("convert", map_index=index) for index in (0, 1)]
    assert [result["droplet_name"] for result in results] == ["shop-1", "shop-2"]
    assert {result["wait_status"] for result in results} == {"completed"}
    assert [
        missing["droplet_name"] for missing in ended.xcom("find", "droplets_without_restore_point")
    ] == ["shop-3"]
    assert [image.tags for image in policy_snapshots(digitalocean)] == [["nightly"], ["nightly"]]
    assert digitalocean.journal.count("POST", "/v2/images/*/actions") == 2

    again = run(DAGS[f"keep_{name}"])

    assert again.tasks["convert"] == ["success", "success", "failed"]
    assert digitalocean.journal.count("POST", "/v2/images/*/actions") == 2


@pytest.mark.parametrize(("on_missing", "states"), [("skip", ["skipped"]), ("ignore", [])])
def test_a_missing_droplet_is_skipped_or_left(run, droplets, on_missing, states):
    """The run succeeds, and the XCom names the droplet all the same."""
    ended = run(DAGS["keep_here"], on_missing=on_missing)

    assert ended.state == "success"
    assert ended.tasks["convert"] == ["success", "success", *states]
    assert len(ended.xcom("find", "droplets_without_restore_point")) == 1


def test_rows_passed_in_a_wrong_way_fail_with_the_right_line(run, digitalocean, droplets):
    """A whole list, one key of a row, text, an id, another row: nothing is posted."""
    ended = run(DAGS["hand_rows_wrongly"])

    states = ("whole_list", "jinja", "an_id", "result")
    assert {ended.tasks[task_id] for task_id in states} == {"failed"}
    assert set(ended.tasks["apart"]) == {"failed"}
    for line in (
        "DigitalOceanConvertImageOperator.partial(task_id=...).expand(restore_point=find.output)",
        "DigitalOceanConvertImageOperator(task_id=..., restore_point=row) without .expand()",
        "whole row: restore_point=row, or .expand(restore_point=find.output) to map",
        "restore_point must be a whole row (restore_point=row), not only an id; got 5",
        "restore_point must be the result of DigitalOceanListRestorePointsOperator: a whole row",
    ):
        assert line in ended.log
    assert digitalocean.journal.count("POST") == 0
