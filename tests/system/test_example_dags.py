"""Each DAG in example_dags/, as it is but for its time of day, in a real Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_do_images.api import ApiClient
from airflow_provider_do_images.core.snapshots.naming import SnapshotName

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parent.parent.parent / "example_dags"
ELSEWHERE = {"nightly_backup_to_snapshot", "hourly_snapshot_audit", "replicate_on_asset"}
"""What test_nightly.py runs."""

EXAMPLES = sorted({path.stem for path in FOLDER.glob("*.py")} - ELSEWHERE)


@dataclass
class Plan:
    """What a DAG is given, and what must have come of it.

    :param conf: the run's parameters
    :param image_id: the image that it deals with
    :param posts: bodies of the POSTs that the image must have seen, in any order
    :param regions: where the image must be in the end
    :param run_id: the run, once it is started
    """

    conf: dict[str, Any]
    image_id: int
    posts: list[dict[str, str]]
    regions: set[str] = field(default_factory=lambda: {"nyc3"})
    run_id: str = ""


@pytest.fixture(scope="module")
def plans(simulator, token, backup, snapshot) -> dict[str, Plan]:
    """What each example is for."""
    state = simulator.state
    [web] = [droplet for droplet in state.droplets.values() if droplet.name == "web-01"]
    backups = [image for image in state.images.values() if image.type == "backup"]
    newest = max(
        (image for image in backups if image.droplet_id == web.id), key=lambda i: i.created_at
    )
    first = state.add_droplet("first")
    newest_of_first = state.add_backup(first, simulator.clock.now())
    to_convert, to_copy, copied = backup(), snapshot(), snapshot()
    running = ApiClient(token, simulator.url).transfer_image(copied.id, "fra1")
    convert = {"type": "convert"}
    watched = {
        "image_id": copied.id,
        "posts": [copy_to("fra1")],  # this fixture's own; the DAGs only look
        "regions": {"nyc3", "fra1"},
    }
    return {
        "backup_to_snapshot": Plan(
            {},
            newest.id,
            [convert, copy_to("ams3"), copy_to("sfo3"), copy_to("sgp1")],
            {web.region, "ams3", "sfo3", "sgp1"},
        ),
        "convert_image": Plan({"image_id": to_convert.id}, to_convert.id, [convert]),
        "first_copy": Plan(
            {"droplet": "first"},
            newest_of_first.id,
            [convert, copy_to("ams3"), copy_to("sgp1")],
            {"nyc3", "ams3", "sgp1"},
        ),
        "prune_snapshots": Plan({}, unkept(state).id, [], {"nyc3", "ams3", "sgp1"}),
        "list_image_actions": Plan({"image_id": copied.id}, copied.id, [copy_to("fra1")]),
        "transfer_image": Plan(
            {"image_id": to_copy.id, "region": "sgp1"},
            to_copy.id,
            [copy_to("sgp1")],
            {"nyc3", "sgp1"},
        ),
        "wait_for_image_action": Plan({"image_id": copied.id, "action_id": running.id}, **watched),
    }


@pytest.fixture(scope="module")
def started(airflow, example_dags, plans) -> dict[str, Plan]:
    """All examples, running side by side."""
    for dag_id, plan in plans.items():
        plan.run_id = airflow.rest.trigger_dag(dag_id, plan.conf)
    return plans


def unkept(state: Any) -> Any:
    """Return a snapshot that no rule of the prune example keeps: a day has a newer one."""
    droplet = state.add_droplet("pruned")
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    taken = [noon - timedelta(days=2), noon - timedelta(days=4), noon - timedelta(days=4, hours=6)]
    names = [str(SnapshotName("first-copy", droplet.id, moment)) for moment in taken]
    regions = ["nyc3", "ams3", "sgp1"]
    return [state.add_image(name, regions=regions, droplet_id=droplet.id) for name in names][-1]


def copy_to(region: str) -> dict[str, str]:
    """Return the body of a POST that starts a transfer."""
    return {"type": "transfer", "region": region}


def test_every_example_is_tested(plans):
    """No example is forgotten here, and none is here that is gone."""
    assert sorted(plans) == EXAMPLES


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_an_example_does_what_it_is_for(dag_id, airflow, simulator, started, posts):
    """The run succeeds, the image is where it should be, and each POST was seen once."""
    plan = started[dag_id]

    state = airflow.rest.wait_for_dag_run(dag_id, plan.run_id)

    rows = airflow.rest.task_instances(dag_id, plan.run_id)
    assert (state, {row["state"] for row in rows}) == ("success", {"success"})
    simulator.state.process_due_events()
    image = simulator.state.images[plan.image_id]
    assert image.type == "snapshot"
    assert set(image.regions) >= plan.regions
    assert sorted(posts(image.id), key=str) == sorted(plan.posts, key=str)


def test_the_list_example_returns_the_history(airflow, started):
    """The list operator's XCom holds the running transfer's row."""
    plan = started["list_image_actions"]
    airflow.rest.wait_for_dag_run("list_image_actions", plan.run_id)

    rows = airflow.rest.xcom("list_image_actions", plan.run_id, "transfers")

    assert [row["region_slug"] for row in rows] == ["fra1"]


def test_the_prune_example_only_says_what_it_would_delete(airflow, started):
    """Its row is there, and it is not deleted."""
    plan = started["prune_snapshots"]
    airflow.rest.wait_for_dag_run("prune_snapshots", plan.run_id)

    rows = airflow.rest.xcom("prune_snapshots", plan.run_id, "prune")

    assert [
        (row["decision"], row["deleted"]) for row in rows if row["image_id"] == plan.image_id
    ] == [("delete", False)]


def test_the_report_names_every_copy(airflow, started):
    """The last task of the nightly example returns a line for each region."""
    plan = started["backup_to_snapshot"]
    airflow.rest.wait_for_dag_run("backup_to_snapshot", plan.run_id)

    lines = airflow.rest.xcom("backup_to_snapshot", plan.run_id, "report")

    assert len(lines) == 3
    assert all(f"image {plan.image_id} is in " in line for line in lines)
