"""The replicate operator in DAGs: rows, states, retries and asset events."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from airflow.sdk import DAG, AssetAlias, task

from airflow_provider_do_images.api import ImageAction
from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.simulator import ActionErrors, ActionStuck, Rules

KEYS = {
    *ImageAction.FIELDS,
    "image_id",
    "droplet_id",
    "droplet_name",
    "submission",
    "wait_status",
    "error",
}
REGIONS = ["ams3", "nyc3", "sgp1"]
WAYS = {"deferred": {}, "here": {"deferrable": False}}


def new_dag(dag_id):
    """Return a DAG under a name that Airflow finds in the module."""
    dag = globals()[dag_id] = DAG(dag_id, schedule=None, params={"image": 0})
    return dag


for name, arguments in WAYS.items():
    with new_dag(f"replicate_{name}"):
        DigitalOceanReplicateImageOperator(
            task_id="copies",
            image_id="{{ params.image }}",
            regions="{{ params.get('regions', 'ams3,nyc3,sgp1') }}",
            allow_partial="{{ params.get('partial', 'False') }}",
            outlets=[AssetAlias(f"copies-{name}")],
            poll_interval=0.3,
            timeout=60,
            **arguments,
        )
    with new_dag(f"replicate_impatient_{name}"):
        DigitalOceanReplicateImageOperator(
            task_id="copies",
            image_id="{{ params.image }}",
            regions=REGIONS,
            poll_interval=0.3,
            timeout=2,
            **arguments,
        )
    with new_dag(f"replicate_limited_{name}"):
        DigitalOceanReplicateImageOperator(
            task_id="copies",
            image_id="{{ params.image }}",
            regions=REGIONS,
            poll_interval=0.3,
            execution_timeout=timedelta(seconds=3),
            **arguments,
        )

with new_dag("convert_and_replicate"):
    convert = DigitalOceanConvertImageOperator(task_id="convert", image_id="{{ params.image }}")
    DigitalOceanReplicateImageOperator(
        task_id="copies", image=convert.output, regions=REGIONS, poll_interval=0.3
    )

with new_dag("replicate_rows"):

    @task
    def rows(params):
        """Return rows as a task that finds or converts would."""
        return [
            {"image_id": image_id, "droplet_id": number, "droplet_name": f"web-{number}"}
            for number, image_id in enumerate(params["image"], 1)
        ]

    DigitalOceanReplicateImageOperator.partial(
        task_id="copies", regions=["ams3"], poll_interval=0.3
    ).expand(image=rows())

DAGS = {key: value for key, value in globals().items() if isinstance(value, DAG)}


@pytest.fixture
def snapshot(digitalocean):
    """A snapshot in nyc3."""
    return digitalocean.state.add_image("a-snapshot")


@pytest.fixture
def asset_events(airflow_db):
    """Return the events of an alias so far, as pairs of address and extra."""
    from airflow.models.asset import AssetAliasModel  # noqa: PLC0415  after the database is made
    from airflow.utils.session import create_session  # noqa: PLC0415

    def events(alias):
        with create_session() as session:
            models = session.query(AssetAliasModel).filter_by(name=alias)
            found = {event.id: event for model in models for event in model.asset_events}
            return [(found[key].asset.uri, found[key].extra) for key in sorted(found)]

    return events


def ends(ended):
    """Return what became of each region."""
    return [
        (row["region_slug"], row["submission"], row["wait_status"]) for row in ended.xcom("copies")
    ]


def posts(digitalocean):
    """Return the regions that were posted to."""
    entries = digitalocean.journal.entries
    return [entry.body["region"] for entry in entries if entry.method == "POST"]


@pytest.mark.parametrize("name", WAYS)
def test_all_regions_end_in_rows_in_their_order(run, digitalocean, snapshot, name):
    """In the worker and deferred: the same keys in each row, and the ids before the wait."""
    digitalocean.state.rules = Rules(transfer_seconds=1)  # both have ended by the first poll
    ended = run(DAGS[f"replicate_{name}"], image=snapshot.id)

    assert ended.tasks["copies"] == "success"
    assert ends(ended) == [
        ("ams3", "submitted", "completed"),
        ("nyc3", "already_exists", "completed"),
        ("sgp1", "submitted", "completed"),
    ]
    assert [set(row) for row in ended.xcom("copies")] == [KEYS] * 3
    assert ended.xcom("copies", "replication_status") == "completed"
    assert ended.xcom("copies", "image_id") == snapshot.id
    ids = {row["region_slug"]: row["id"] for row in ended.xcom("copies")}
    assert ended.xcom("copies", "action_ids") == ids
    assert set(ended.xcom("copies", "expected_seconds")) == {"ams3", "sgp1"}
    assert set(digitalocean.state.images[snapshot.id].regions) == set(REGIONS)
    told = re.findall(r"(\w+)  action \d+  completed after ", ended.log)
    assert sorted(set(told)) == ["ams3", "sgp1"]


@pytest.mark.parametrize("name", WAYS)
def test_transfers_without_regions_are_waited_for(run, digitalocean, snapshot, name):
    """A transfer of another client made one of the copies; the other is posted once."""
    digitalocean.state.rules = Rules(transfers_show_region=False, transfer_seconds=900)
    digitalocean.state.begin_action("transfer", snapshot, region="sgp1", seconds=1800)

    ended = run(DAGS[f"replicate_{name}"], image=snapshot.id)

    assert ended.tasks["copies"] == "success"
    assert ends(ended) == [
        ("ams3", "submitted", "completed"),
        ("nyc3", "already_exists", "completed"),
        ("sgp1", "already_exists", "completed"),
    ]
    assert posts(digitalocean) == ["ams3"]
    extra = ended.xcom("copies", "expected_seconds")
    assert extra == {"ams3": None}


@pytest.mark.parametrize("name", WAYS)
def test_one_errored_region_is_partial_and_the_retry_posts_only_that(
    run, digitalocean, snapshot, name
):
    """The rows are pushed before the task fails; the next try submits the missing region."""
    digitalocean.faults.add(ActionErrors(region="sgp1", seconds=1800))

    first = run(DAGS[f"replicate_{name}"], image=snapshot.id)

    assert first.tasks["copies"] == "failed"
    assert first.xcom("copies", "replication_status") == "partial"
    assert [end for _, _, end in ends(first)] == ["completed", "completed", "errored"]
    words = first.failure
    assert first.code == "copies_missing"
    assert "sgp1" in words
    assert sorted(posts(digitalocean)) == ["ams3", "sgp1"]

    second = run(DAGS[f"replicate_{name}"], image=snapshot.id)

    assert second.xcom("copies", "replication_status") == "completed"
    assert [outcome for _, outcome, _ in ends(second)] == [
        "already_exists",
        "already_exists",
        "submitted",
    ]
    assert sorted(posts(digitalocean)) == ["ams3", "sgp1", "sgp1"]


def test_a_partial_may_be_a_success(run, digitalocean, snapshot):
    """The XCom replication_status and the log say that it is partial."""
    digitalocean.faults.add(ActionErrors(region="sgp1", seconds=60))

    ended = run(DAGS["replicate_deferred"], image=snapshot.id, partial="True")

    assert ended.tasks["copies"] == "success"
    assert ended.xcom("copies", "replication_status") == "partial"
    assert "2 of 3 copies" in ended.log


def test_nothing_there_fails_though_a_partial_would_not(run, digitalocean, snapshot):
    """Not one copy is no success."""
    digitalocean.faults.add(ActionErrors(seconds=60, times=None))

    ended = run(DAGS["replicate_deferred"], image=snapshot.id, regions="ams3", partial="True")

    assert ended.tasks["copies"] == "failed"
    assert ended.xcom("copies", "replication_status") == "failed"
    assert ends(ended) == [("ams3", "submitted", "errored")]


def test_a_rejected_region_is_a_row_and_the_others_continue(run, digitalocean, snapshot):
    """A retry does not help, though the possible copy is made."""
    digitalocean.state.regions["sgp1"].features = ()

    ended = run(DAGS["replicate_deferred"], image=snapshot.id)

    assert ended.tasks["copies"] == "failed"
    assert ended.xcom("copies", "replication_status") == "partial"
    assert ends(ended)[2] == ("sgp1", "rejected", None)
    assert "PermanentTaskError" in ended.log
    assert ended.code == "copies_missing"


@pytest.mark.parametrize("name", WAYS)
def test_a_timeout_keeps_the_rows_of_finished_copies(run, digitalocean, snapshot, name):
    """This holds for Airflow's own limit, too."""
    digitalocean.state.rules = Rules(transfer_seconds=600)
    digitalocean.faults.add(ActionStuck(region="sgp1"))

    for dag in (f"replicate_impatient_{name}", f"replicate_limited_{name}"):
        ended = run(DAGS[dag], image=snapshot.id)

        assert ended.tasks["copies"] == "failed"
        assert [end for _, _, end in ends(ended)] == ["completed", "completed", "timed_out"]
        assert ended.code == "copies_missing"
    assert "ExecutionTimeoutError" in ended.log
    assert sorted(posts(digitalocean)) == ["ams3", "sgp1"]


def test_the_row_of_a_convert_is_accepted(run, digitalocean):
    """``image=convert.output``; a backup that is not converted fails with that advice."""
    backup = digitalocean.state.add_image("a-backup", type="backup")

    refused = run(DAGS["replicate_deferred"], image=backup.id)
    assert refused.code == "invalid_input"
    assert posts(digitalocean) == []

    ended = run(DAGS["convert_and_replicate"], image=backup.id)
    assert [end for _, _, end in ends(ended)] == ["completed"] * 3


def test_rows_are_mapped_and_name_their_droplets(run, digitalocean):
    """``.expand(image=rows.output)``: each row has its droplet."""
    images = [digitalocean.state.add_image(f"image-{number}").id for number in (1, 2)]

    ended = run(DAGS["replicate_rows"], image=images)

    assert ended.tasks["copies"] == ["success", "success"]
    for number, image_id in enumerate(images):
        [row] = ended.xcom("copies", map_index=number)
        assert (row["image_id"], row["droplet_id"], row["droplet_name"]) == (
            image_id,
            number + 1,
            f"web-{number + 1}",
        )


@pytest.mark.parametrize("name", WAYS)
def test_each_completed_copy_is_an_asset_event(run, digitalocean, snapshot, asset_events, name):
    """It has the address and the details of the copy; a failed partial emits none."""
    digitalocean.faults.add(ActionErrors(region="sgp1", seconds=60))
    told_before = asset_events(f"copies-{name}")
    failed = run(DAGS[f"replicate_{name}"], image=snapshot.id)
    assert failed.tasks["copies"] == "failed"
    assert asset_events(f"copies-{name}") == told_before

    ended = run(DAGS[f"replicate_{name}"], image=snapshot.id)

    told = asset_events(f"copies-{name}")[len(told_before) :]
    address = f"digitalocean://images/{snapshot.id}"
    assert [uri for uri, _ in told] == [f"{address}/{region}" for region in REGIONS]
    row = ended.xcom("copies")[2]
    extra = {key: value for key, value in told[2][1].items() if not key.startswith("from")}
    assert extra.pop("seconds") > 0
    assert extra == {
        "image_id": snapshot.id,
        "region": "sgp1",
        "action_id": row["id"],
        "droplet_id": None,
        "droplet_name": None,
        "submission": "submitted",
    }
    assert [one["submission"] for _, one in told] == [
        "already_exists",
        "already_exists",
        "submitted",
    ]


def test_the_log_has_the_typical_duration_and_warns_of_a_slow_copy(run, digitalocean):
    """It is from the account's history; the XCom has the median."""
    other, image = (
        digitalocean.state.add_image(name, size_gigabytes=40.0) for name in ("other", "image")
    )
    digitalocean.state.begin_action("transfer", other, region="ams3", seconds=60)
    digitalocean.state.rules = Rules(transfer_seconds=1800)
    time.sleep(0.1)

    ended = run(DAGS["replicate_deferred"], image=image.id, regions="ams3,sgp1")

    assert ended.xcom("copies", "expected_seconds") == {"ams3": 60.0, "sgp1": None}
    assert (
        "Recent copies of about 40 GiB to ams3 took 1 min 0 s (median of the last 1)" in ended.log
    )
    assert re.search(
        r"to ams3 \(action \d+\) (took|has been in progress for) .*; recent", ended.log
    )
