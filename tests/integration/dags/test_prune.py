"""The prune operator in DAGs: the dry run, the plan, rendered templates, refusals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.pytest_plugin import TOKEN
from airflow_provider_do_images.simulator import ErrorStatus

GIVEN = {"policy": "prod", "keep_last": 2, "regions": [], "max_delete": 10, "dry_run": False}


def new_dag(dag_id):
    """Return a DAG under a name that Airflow finds in the module."""
    dag = globals()[dag_id] = DAG(dag_id, schedule=None, params=GIVEN)
    return dag


with new_dag("prune_by_default") as by_default:
    DigitalOceanPruneSnapshotsOperator(task_id="prune", policy="prod", keep_last=2)

with new_dag("prune_templated") as templated:
    DigitalOceanPruneSnapshotsOperator(
        task_id="prune",
        policy="{{ params.policy }}",
        keep_last="{{ params.keep_last }}",
        regions="{{ params.regions }}",
        max_delete="{{ params.max_delete }}",
        dry_run="{{ params.dry_run }}",
    )

with new_dag("prune_mapped") as mapped:
    DigitalOceanPruneSnapshotsOperator.partial(
        task_id="prune", keep_last=2, dry_run="{{ params.dry_run }}"
    ).expand(policy=["prod", "other"])


@pytest.fixture
def history(digitalocean):
    """Five snapshots of the policy and of a droplet in ams3, the newest first."""
    droplet = digitalocean.state.add_droplet("web-07", region="ams3")
    return [
        digitalocean.state.add_image(
            str(SnapshotName("prod", droplet.id, datetime.now(UTC) - timedelta(days=days))),
            regions=["ams3"],
        )
        for days in range(2, 7)
    ]


def remaining(digitalocean, history):
    """Return which of the snapshots still exist."""
    return [image for image in history if image.id in digitalocean.state.images]


@pytest.fixture
def start(run):
    """Return a function that runs the DAG; Airflow stores the parameters of the previous run."""
    return lambda **params: run(templated, **GIVEN | params)


def test_by_default_nothing_is_deleted(run, digitalocean, history):
    """A dry run sends no DELETE, warns, and returns the plan and the images to delete."""
    ended = run(by_default)

    assert ended.state == "success"
    assert digitalocean.journal.count("DELETE") == 0
    assert "DRY RUN: NOTHING WAS DELETED" in ended.log
    assert "would delete 3 images: 7.5 GiB, 0.45 USD per month." in ended.log
    plan = ended.xcom("prune", "plan")
    assert [row["decision"] for row in plan] == ["retain"] * 2 + ["delete"] * 3
    rows = ended.xcom("prune")
    assert rows == plan[:1:-1]
    assert not any(row["deleted"] for row in rows)
    assert f"delete image {history[2].id} ({history[2].name}, 2.5 GiB, of droplet web-07)" in (
        ended.log
    )


@pytest.mark.parametrize("value", [False, "false", "False"])
def test_it_deletes_the_images_of_the_plan(start, digitalocean, history, value):
    """As bool or as text; the returned rows have the deleted images."""
    ended = start(dry_run=value, regions=["ams3"])

    assert remaining(digitalocean, history) == history[:2]
    assert digitalocean.journal.count("DELETE", status=204) == 3
    rows = ended.xcom("prune")
    assert [row["image_id"] for row in rows] == [image.id for image in history[:1:-1]]
    assert all(row["deleted"] for row in rows)
    assert rows[0].keys() == ended.xcom("prune", "plan")[0].keys()
    assert "Deleted 3 images: 7.5 GiB, 0.45 USD per month." in ended.log


def test_a_second_run_deletes_nothing_more(start, digitalocean, history):
    """Nor does a cleared task."""
    start()

    assert start().xcom("prune") == []
    assert digitalocean.journal.count("DELETE") == 3


def test_a_dry_run_predicts_the_refusal(start, digitalocean, history):
    """With the same arguments it has the message of the real run; its rows are the plan's."""
    ended = start(max_delete=2, dry_run=True)

    assert ended.state == "success"
    assert "Prune would refuse: the plan deletes 3 images, more than max_delete=2" in ended.log
    assert len(ended.xcom("prune")) == 3


def test_too_many_are_refused_before_the_first(start, digitalocean, history):
    """The plan is in the XCom all the same."""
    ended = start(max_delete=2)

    assert ended.code == "too_many_deletions"
    assert digitalocean.journal.count("DELETE") == 0
    assert len(ended.xcom("prune", "plan")) == 5


def test_without_tag_read_nothing_is_deleted(start, digitalocean, history):
    """A token that cannot read tags could delete protected images; a dry run only warns."""
    digitalocean.tokens.allow(TOKEN, {"image:read", "image:delete", "droplet:read"})

    ended = start()

    assert (ended.code, "tag:read" in ended.failure) == ("forbidden", True)
    ended = start(dry_run=True)

    assert ended.state == "success"
    assert "Prune would refuse: " in ended.log
    assert digitalocean.journal.count("DELETE") == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_policy_without_images_is_warned_of(start, digitalocean, history, dry_run):
    """The task succeeds, and the log names the policies that exist."""
    ended = start(policy="prodd", dry_run=dry_run)

    assert ended.state == "success"
    assert re.search(r"warning.*'prodd'.*prod \(5\)", ended.log)
    assert ended.xcom("prune") == []


def test_a_region_without_snapshots_is_warned_of(start, digitalocean, history):
    """It may be misspelt; until it has a snapshot, all are retained."""
    ended = start(regions=["ams3", "ams33"])

    assert re.search(r"warning.*is in ams33, so nothing is deleted", ended.log)
    assert digitalocean.journal.count("DELETE") == 0


def test_the_plan_is_stored_before_the_first_delete(start, digitalocean, history):
    """A rejected DELETE leaves the XCom, and names image, droplet and request."""
    digitalocean.faults.add(ErrorStatus(422, method="DELETE"))

    ended = start()

    assert remaining(digitalocean, history) == history
    assert [row["deleted"] for row in ended.xcom("prune", "plan")] == [False] * 5
    assert ended.code == "unprocessable"
    for part in (f"image {history[4].id}", "web-07", "request id"):
        assert part in ended.failure


def test_it_can_be_mapped(run, digitalocean, history):
    """Over policies, with the dry run in the partial part."""
    ended = run(mapped)

    assert ended.tasks["prune"] == ["success", "success"]
    assert [len(ended.xcom("prune", map_index=index)) for index in (0, 1)] == [3, 0]
    assert remaining(digitalocean, history) == history[:2]
