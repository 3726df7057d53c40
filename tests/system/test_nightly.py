"""The nightly pipeline, its audit and the DAG that runs on its copies, in a real Airflow."""

from __future__ import annotations

from collections import Counter

import pytest

pytestmark = pytest.mark.system

NIGHTLY, AUDIT = "nightly_backup_to_snapshot", "hourly_snapshot_audit"
ON_ASSET = "replicate_on_asset"
TAG = "four"
HOUR = 3600
REGIONS = {"nyc3", "ams3", "sgp1"}
KEPT = {"convert": 1, "ams3": 1, "sgp1": 1}
"""The POSTs that one droplet's backup calls for."""


@pytest.fixture
def add_droplet(simulator):
    """Add a droplet with the tag, and with a backup unless told otherwise; return it.

    No plan makes more of them: hours pass here while a test runs.
    """

    def add(name, *, backup=True):
        droplet = simulator.state.add_droplet(name, tags=[TAG])
        if backup:
            simulator.state.add_backup(droplet, simulator.clock.now() - HOUR)
        return droplet

    return add


@pytest.fixture
def kept(simulator):
    """Return the only snapshot of the policy of a droplet, in the simulator's own state."""

    def find(droplet):
        simulator.state.process_due_events()
        start = f"prod-nightly_{droplet.id}_"
        [image] = [i for i in simulator.state.images.values() if i.name.startswith(start)]
        return image

    return find


@pytest.fixture
def run(airflow):
    """Run a DAG for the tag to its end; return its id and state."""

    def run_to_end(dag_id):
        run_id = airflow.rest.trigger_dag(dag_id, {"tag": TAG})
        return run_id, airflow.rest.wait_for_dag_run(dag_id, run_id)

    return run_to_end


def states(airflow, dag_id, run_id):
    """Return the states of the tasks of a run, by task and by the name that Airflow shows."""
    rows = airflow.rest.task_instances(dag_id, run_id)
    return {(row["task_id"], row["rendered_map_index"]): row["state"] for row in rows}


def test_one_droplet_of_four_fails_and_three_are_copied(
    airflow, simulator, example_dags, add_droplet, kept, posts, run, wait_until
):
    """The copies start the DAG on them, the audit fails for the one, and clearing repairs it."""
    good = [add_droplet(f"web-{number}") for number in (1, 2, 3)]
    poor = add_droplet("web-4", backup=False)
    airflow.rest.wait_for_dag(ON_ASSET)

    def posted(droplet):
        seen = posts(kept(droplet).id)
        return Counter(body.get("region") or body["type"] for body in seen)

    run_id, state = run(NIGHTLY)

    assert state == "failed"
    tasks = states(airflow, NIGHTLY, run_id)
    assert [name for (_, name), end in tasks.items() if end == "failed"] == ["web-4"]
    assert tasks["prune", None] == "success"
    for task in ("protect_droplet.convert", "protect_droplet.replicate"):
        ended = {name for (id_, name), end in tasks.items() if (id_, end) == (task, "success")}
        assert ended == {"web-1", "web-2", "web-3"}

    audit_id, state = run(AUDIT)
    assert state == "failed"
    rows = airflow.rest.xcom(AUDIT, audit_id, "audit")
    assert {row["droplet_name"] for row in rows if not row["ok"]} == {"web-4"}
    assert len(rows) == 8

    wait_until(lambda: all("sfo3" in kept(droplet).regions for droplet in good))
    on_asset = airflow.rest.dag_runs(ON_ASSET)
    assert {row["run_type"] for row in on_asset} == {"asset_triggered"}
    for row in on_asset:
        assert airflow.rest.wait_for_dag_run(ON_ASSET, row["dag_run_id"]) == "success"
    for droplet in good:
        assert (kept(droplet).type, set(kept(droplet).regions)) == ("snapshot", {*REGIONS, "sfo3"})
        assert posted(droplet) == {**KEPT, "sfo3": 1}

    airflow.rest.pause_dag(ON_ASSET)
    simulator.state.add_backup(poor, simulator.clock.now() - HOUR)
    airflow.rest.clear(NIGHTLY, run_id)
    assert airflow.rest.wait_for_dag_run(NIGHTLY, run_id) == "success"
    assert run(AUDIT)[1] == "success"
    assert posted(poor) == KEPT
    assert set(kept(poor).regions) == REGIONS
    for droplet in good:
        assert posted(droplet) == {**KEPT, "sfo3": 1}
