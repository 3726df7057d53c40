"""The operators in DAGs: what they return, what other tasks accept, and how they fail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task

from airflow_provider_do_images.api import ImageAction
from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ActionErrors, Rules

IMAGE = "{{ params.image }}"
PARAMS = {"image": 0, "region": "ams3"}
ROW = {*ImageAction.FIELDS, "image_id"}
KEYS = {*ROW, "droplet_id", "droplet_name", "submission", "wait_status", "error"}


def new_dag(dag_id):
    """Return a DAG under a name that Airflow finds in the module."""
    dag = globals()[dag_id] = DAG(dag_id, schedule=None, params=PARAMS)
    return dag


with new_dag("submit_only"):
    DigitalOceanConvertImageOperator(
        task_id="convert",
        image_id=IMAGE,
        digitalocean_conn_id="{{ params.get('connection', 'digitalocean_default') }}",
    ) >> DigitalOceanTransferImageOperator(
        task_id="transfer", image_id=IMAGE, region="{{ params.region }}"
    )

WAITS = {
    "here": {"wait_for_completion": True},
    "deferred": {"wait_for_completion": True, "deferrable": True},
}
for name, arguments in WAITS.items():
    with new_dag(f"submit_and_wait_{name}"):
        DigitalOceanTransferImageOperator(
            task_id="transfer",
            image_id=IMAGE,
            region="{{ params.region }}",
            poll_interval=0.3,
            timeout=60,
            **arguments,
        )
    with new_dag(f"impatient_{name}"):
        DigitalOceanTransferImageOperator(
            task_id="transfer",
            image_id=IMAGE,
            region="ams3",
            poll_interval=0.3,
            timeout=1.5,
            **arguments,
        )
    with new_dag(f"limited_{name}"):
        DigitalOceanTransferImageOperator(
            task_id="transfer",
            image_id=IMAGE,
            region="ams3",
            poll_interval=0.3,
            execution_timeout=timedelta(seconds=3),
            **arguments,
        )

    with new_dag(f"mapped_{name}"):
        DigitalOceanTransferImageOperator.partial(
            task_id="transfer", image_id=IMAGE, poll_interval=0.3, timeout=60, **arguments
        ).expand(region=["fra1", "ams3"])

with new_dag("hand_on_whole"):

    @task
    def image_of(params):
        """Return the run's image, as a task that finds it would."""
        return params["image"]

    transfer = DigitalOceanTransferImageOperator.partial(
        task_id="transfer", image_id=image_of()
    ).expand(region=["ams3", "sgp1"])
    DigitalOceanImageActionSensor.partial(
        task_id="wait", deferrable=True, poke_interval=0.3, timeout=60
    ).expand(action=transfer.output)

with new_dag("hand_on_ids"):
    transfer = DigitalOceanTransferImageOperator(
        task_id="transfer", image_id=IMAGE, region="ams3", deferrable=True
    )
    DigitalOceanImageActionSensor(
        task_id="wait",
        image_id=transfer.output["image_id"],
        action_id=transfer.output["action_id"],
        poke_interval=0.3,
        timeout=60,
    )

with new_dag("hand_on_wrongly"):
    single = DigitalOceanTransferImageOperator(task_id="single", image_id=IMAGE, region="ams3")
    mapped = DigitalOceanTransferImageOperator.partial(task_id="mapped", image_id=IMAGE).expand(
        region=["sgp1"]
    )
    DigitalOceanImageActionSensor.partial(task_id="expanded").expand(action=single.output)
    DigitalOceanImageActionSensor(task_id="unmapped", action=mapped.output)
    DigitalOceanImageActionSensor(
        task_id="jinja", action="{{ ti.xcom_pull(task_ids='single') }}"
    ).set_upstream(single)

with new_dag("history"):
    DigitalOceanListImageActionsOperator(task_id="all", image_id=IMAGE)
    DigitalOceanListImageActionsOperator(task_id="converts", image_id=IMAGE, type="convert")
    DigitalOceanListImageActionsOperator(
        task_id="some",
        image_id=IMAGE,
        status="completed",
        region="{{ params.region }}",
        since="2026-01-01T00:00:00Z",
        limit="1",
    )
    DigitalOceanListImageActionsOperator(task_id="wrong", image_id=IMAGE, status="done")

DAGS = {key: value for key, value in globals().items() if isinstance(value, DAG)}


@pytest.fixture
def snapshot(digitalocean):
    """A snapshot in nyc3."""
    return digitalocean.state.add_image("a-snapshot")


@pytest.fixture
def backup(digitalocean):
    """A backup in nyc3."""
    return digitalocean.state.add_image("a-backup", type="backup")


def test_convert_and_transfer_return_the_nine_fields_and_the_image(run, digitalocean, backup):
    """Each result has the action's fields as the API names them; the ids are XComs of their own."""
    ended = run(DAGS["submit_only"], image=backup.id)

    convert, transfer = ended.xcom("convert"), ended.xcom("transfer")
    assert set(convert) == set(transfer) == KEYS
    assert (convert["type"], convert["status"], convert["region"]) == (
        "convert_to_snapshot",
        "completed",
        None,
    )
    assert (transfer["status"], transfer["region"]["slug"]) == ("in-progress", "ams3")
    assert "sizes" not in transfer["region"]
    keys = ("image_id", "action_id", "region", "submission")
    assert [ended.xcom("transfer", key) for key in keys] == [
        backup.id,
        transfer["id"],
        "ams3",
        "submitted",
    ]
    assert digitalocean.journal.count("POST") == 2


def test_a_submit_costs_two_gets_and_one_post(run, digitalocean, snapshot):
    """The image and its actions are read, then one POST is sent; there is no other request."""
    run(DAGS["submit_and_wait_here"], image=snapshot.id)

    image = f"/v2/images/{snapshot.id}"
    asked = [(entry.method, entry.path) for entry in digitalocean.journal.entries]
    assert asked[:3] == [("GET", image), ("GET", f"{image}/actions"), ("POST", f"{image}/actions")]
    assert asked[-1] == ("GET", image)
    looks = asked[3:-1]
    assert {method for method, _ in looks} == {"GET"}
    assert {path.rpartition("/")[0] for _, path in looks} == {f"{image}/actions"}


@pytest.mark.parametrize("name", WAITS)
def test_an_operator_that_waits_returns_the_finished_action(run, digitalocean, snapshot, name):
    """In the worker or deferred, the result is the completed action, and the copy exists."""
    ended = run(DAGS[f"submit_and_wait_{name}"], image=snapshot.id)

    result = ended.xcom("transfer")
    assert (ended.tasks["transfer"], result["status"]) == ("success", "completed")
    assert set(result) == KEYS
    assert "ams3" in digitalocean.state.images[snapshot.id].regions


@pytest.mark.parametrize("name", WAITS)
def test_mapped_transfers_without_regions_are_each_made_once(run, digitalocean, snapshot, name):
    """A third transfer of another client is in progress; in the worker and in the triggerer."""
    digitalocean.state.rules = Rules(transfers_show_region=False, transfer_seconds=900)
    digitalocean.state.begin_action("transfer", snapshot, region="blr1", seconds=1800)

    ended = run(DAGS[f"mapped_{name}"], image=snapshot.id)

    assert ended.tasks["transfer"] == ["success", "success"]
    rows = [ended.xcom("transfer", map_index=index) for index in (0, 1)]
    assert [(row["region_slug"], row["submission"], row["wait_status"]) for row in rows] == [
        ("fra1", "submitted", "completed"),
        ("ams3", "submitted", "completed"),
    ]
    assert digitalocean.journal.count("POST") == 2


@pytest.mark.parametrize("name", WAITS)
def test_an_errored_action_fails_an_operator_that_waits(run, digitalocean, snapshot, name):
    """The error has image, region, action and how long it ran, and may be retried."""
    digitalocean.faults.add(ActionErrors(seconds=1800))

    ended = run(DAGS[f"submit_and_wait_{name}"], image=snapshot.id)

    assert ended.tasks["transfer"] == "failed"
    action_id = ended.xcom("transfer", "action_id")
    assert ended.code == "errored"
    assert str(action_id) in ended.failure


@pytest.mark.parametrize("name", WAITS)
def test_a_timeout_says_that_the_action_continues(run, digitalocean, snapshot, name):
    """An operator that times out names the ids of its action."""
    digitalocean.state.hold_actions = True

    ended = run(DAGS[f"impatient_{name}"], image=snapshot.id)

    assert ended.tasks["transfer"] == "failed"
    assert ended.code == "timed_out"


@pytest.mark.parametrize("name", WAITS)
def test_an_execution_timeout_has_the_same_message(run, digitalocean, snapshot, name):
    """Airflow's own limit, in the worker and deferred, has the words of any timeout."""
    digitalocean.state.hold_actions = True

    ended = run(DAGS[f"limited_{name}"], image=snapshot.id)

    assert ended.tasks["transfer"] == "failed"
    assert ended.code == "timed_out"
    assert "ExecutionTimeoutError" in ended.log
    assert str(ended.xcom("transfer", "action_id")) in ended.failure


def test_a_sensor_names_the_task_to_clear(run, digitalocean, snapshot):
    """After an errored action it is the submitting task that has to run again."""
    digitalocean.faults.add(ActionErrors(region="sgp1", seconds=60))

    ended = run(DAGS["hand_on_whole"], image=snapshot.id)

    assert ended.tasks["wait"] == ["success", "failed"]
    assert (ended.code, "(transfer)" in ended.failure) == ("errored", True)


def test_rows_are_passed_on_and_mapped(run, digitalocean, snapshot):
    """``.expand(action=transfer.output)`` waits for each of several transfers."""
    ended = run(DAGS["hand_on_whole"], image=snapshot.id)

    assert ended.tasks["wait"] == ["success", "success"]
    results = [ended.xcom("wait", map_index=index) for index in (0, 1)]
    assert [result["region_slug"] for result in results] == ["ams3", "sgp1"]
    assert digitalocean.journal.count("POST") == 2


@pytest.mark.parametrize("tells_region", [True, False])
def test_ids_are_passed_on_by_their_keys(run, digitalocean, snapshot, tells_region):
    """``transfer.output["action_id"]`` works; ``deferrable`` alone lets no operator wait."""
    digitalocean.state.rules = Rules(transfers_show_region=tells_region)
    ended = run(DAGS["hand_on_ids"], image=snapshot.id)

    assert ended.xcom("transfer")["status"] == "in-progress"
    assert ended.xcom("wait")["id"] == ended.xcom("transfer", "action_id")


def test_a_row_passed_in_a_wrong_way_fails_with_the_right_line(run, snapshot):
    """One row expanded, several not expanded, and text: each message shows the fix."""
    ended = run(DAGS["hand_on_wrongly"], image=snapshot.id)

    assert set(ended.tasks["expanded"]) == {"failed"}
    assert (ended.tasks["unmapped"], ended.tasks["jinja"]) == ("failed", "failed")
    for line in ("action=transfer.output", ".expand(action=transfers.output)"):
        assert line in ended.log


def test_a_second_run_posts_nothing_and_returns_the_same(run, digitalocean, snapshot):
    """It finds the copies there and returns the actions that made them, also by their ids."""
    for name in ("hand_on_whole", "hand_on_ids"):
        first = run(DAGS[name], image=snapshot.id)
        posts = digitalocean.journal.count("POST")
        map_index = 0 if name == "hand_on_whole" else -1

        ended = run(DAGS[name], image=snapshot.id)

        assert digitalocean.journal.count("POST") == posts
        assert ended.xcom("transfer", "submission", map_index=map_index) == "already_exists"
        results = [one.xcom("wait", map_index=map_index) for one in (first, ended)]
        # A sensor that has only the ids does not know how the action was obtained.
        again = {} if name == "hand_on_ids" else {"submission": "already_exists"}
        assert results[1] == {**results[0], **again}
        assert results[0]["status"] == "completed"


@pytest.mark.parametrize("name", WAITS)
def test_an_existing_copy_is_not_waited_for(run, digitalocean, snapshot, name):
    """A cleared task that submitted and waited sends two GETs and returns the same action."""
    first = run(DAGS[f"submit_and_wait_{name}"], image=snapshot.id).xcom("transfer")
    asked = len(digitalocean.journal.entries)

    again = run(DAGS[f"submit_and_wait_{name}"], image=snapshot.id).xcom("transfer")

    assert again == {**first, "submission": "already_exists"}
    assert len(digitalocean.journal.entries) == asked + 2


def test_a_copy_without_a_known_action_passes_the_sensor(run, digitalocean):
    """Nothing is posted; the row has all keys, null where unknown, and the sensor succeeds."""
    image = digitalocean.state.add_image("everywhere", regions=["ams3", "sgp1"])

    ended = run(DAGS["hand_on_whole"], image=image.id)

    assert digitalocean.journal.count("POST") == 0
    assert ended.tasks["wait"] == ["success", "success"]
    result = ended.xcom("wait", map_index=0)
    assert set(result) == KEYS
    assert (result["id"], result["status"], result["region_slug"]) == (None, None, "ams3")
    assert ended.xcom("transfer", "submission", map_index=0) == "already_exists"


def test_a_running_transfer_is_attached(run, digitalocean, snapshot):
    """A second submit of the same transfer takes the running action and posts nothing."""
    digitalocean.state.hold_actions = True
    first = run(DAGS["submit_only"], image=snapshot.id).xcom("transfer")

    second = run(DAGS["submit_only"], image=snapshot.id)

    assert second.xcom("transfer", "submission") == "attached"
    assert second.xcom("transfer")["id"] == first["id"]
    assert digitalocean.journal.count("POST") == 1


@pytest.mark.parametrize(
    ("conf", "name"),
    [
        ({"image": "abc"}, "image_id"),
        ({"image": -1}, "image_id"),
        ({"image": 5, "connection": "nowhere"}, "digitalocean_conn_id"),
    ],
)
def test_invalid_input_fails_before_a_request(run, digitalocean, conf, name):
    """The message names the parameter and a valid value; the journal stays empty."""
    ended = run(DAGS["submit_only"], **conf)

    assert ended.tasks["convert"] == "failed"
    assert ended.code in ("invalid_input", "connection_unreadable", "not_sent")
    assert name in ended.failure
    assert digitalocean.journal.entries == []


def test_a_rejection_has_the_message_of_the_api(run, backup):
    """A 422 fails the task with the API's message and the id of the request."""
    ended = run(DAGS["submit_and_wait_here"], image=backup.id)

    assert ended.code == "unprocessable"
    assert "Backups can not be transfered to other regions" in ended.failure
    assert re.search(r"status 422, unprocessable_entity, request id [0-9a-f-]{36}", ended.failure)


def test_an_expired_backup_names_the_task_to_clear(run):
    """After a 404 on convert the task that selected the backup must select again."""
    ended = run(DAGS["submit_only"], image=12345)

    assert ended.code == "not_found"


def test_history_is_filtered(run, digitalocean, backup):
    """By status, type, region, time and number, or not at all; an invalid filter fails."""
    state = digitalocean.state
    state.add_action(backup.id, type="convert_to_snapshot", status="completed")
    for status in ("completed", "completed", "errored", "in-progress"):
        newest = state.add_action(backup.id, region="ams3", status=status)

    ended = run(DAGS["history"], image=backup.id)

    assert [set(row) for row in ended.xcom("all")] == [ROW] * 5
    assert ended.xcom("all")[0]["id"] == newest.id
    assert [row["type"] for row in ended.xcom("converts")] == ["convert_to_snapshot"]
    [row] = ended.xcom("some")
    assert (row["status"], row["region_slug"]) == ("completed", "ams3")
    assert ended.tasks["wrong"] == "failed"
    assert (ended.code, "'done'" in ended.failure) == ("invalid_input", True)
