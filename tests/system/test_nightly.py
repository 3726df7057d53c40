"""The nightly pipeline, its audit and the DAG that runs on its copies, in a real Airflow."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

NIGHTLY, AUDIT, ON_ASSET = "nightly_backup_to_snapshot", "hourly_copy_audit", "replicate_on_asset"
HOUR = 3600
TIMEOUT = 400.0
"""Seconds for a run of some sixty tasks, on a machine that has other things to do as well."""
WANTED = {"nyc3", "ams3", "sgp1"}
KEPT = {"convert": 1, "ams3": 1, "sgp1": 1}
"""The POSTs that one droplet's backup calls for."""


@pytest.fixture(scope="module")
def add_droplet(simulator):
    """Add a droplet with a tag, and with a backup unless told otherwise; return it.

    No plan makes more of them: hours pass here while a test runs.
    """

    def add(name, tag, *, backup=True):
        droplet = simulator.state.add_droplet(name, tags=[tag])
        if backup:
            simulator.state.add_backup(droplet, simulator.clock.now() - HOUR)
        return droplet

    return add


@pytest.fixture(scope="module")
def seen(simulator):
    """Count the POSTs for each image of a droplet: ``{image id: {what: how often}}``."""

    def count(droplet):
        ids = {i.id for i in simulator.state.images.values() if i.droplet_id == droplet.id}
        found = {}
        for entry in simulator.journal.entries:
            parts = entry.path.split("/")
            if entry.method == "POST" and parts[-1] == "actions" and int(parts[-2]) in ids:
                what = entry.body.get("region") or entry.body["type"]
                found.setdefault(int(parts[-2]), Counter())[what] += 1
        return found

    return count


@pytest.fixture(scope="module")
def kept(simulator):
    """Return the snapshots of the policy of a droplet, in the simulator's own state."""

    def find(droplet):
        simulator.state.settle()
        start = f"prod-nightly_{droplet.id}_"
        return [i for i in simulator.state.images.values() if i.name.startswith(start)]

    return find


def run(airflow, dag_id, tag):
    """Run a DAG to its end; return its id and state."""
    run_id = airflow.rest.trigger_dag(dag_id, {"tag": tag})
    return run_id, airflow.rest.wait_for_dag_run(dag_id, run_id, TIMEOUT)


def states(airflow, dag_id, run_id):
    """Return the states of the tasks of a run, by task and by the name that Airflow shows."""
    rows = airflow.rest.task_instances(dag_id, run_id)
    return {(row["task_id"], row["rendered_map_index"]): row["state"] for row in rows}


def test_the_copies_of_a_night_set_off_the_dag_that_is_scheduled_on_them(
    airflow, simulator, add_droplet, kept, seen, wait_until
):
    """It copies the image once more, to a region of its own."""
    droplet = add_droplet("alone-1", "alone", backup=False)
    name = f"prod-nightly_{droplet.id}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    image = simulator.state.add_image(name, regions=WANTED, droplet_id=droplet.id)
    airflow.rest.wait_for_dag(ON_ASSET)

    run_id, state = run(airflow, NIGHTLY, "alone")
    wait_until(lambda: airflow.rest.dag_runs(ON_ASSET))

    assert state == "success"
    assert states(airflow, NIGHTLY, run_id) == {
        ("find", None): "success",
        ("keep.convert", "alone-1"): "success",
        ("keep.replicate", "alone-1"): "success",
        ("prune", None): "success",
        ("all_kept", None): "success",
    }
    for told in airflow.rest.dag_runs(ON_ASSET):
        assert told["run_type"] == "asset_triggered"
        assert airflow.rest.wait_for_dag_run(ON_ASSET, told["dag_run_id"]) == "success"
        assert states(airflow, ON_ASSET, told["dag_run_id"])["replicate", "alone-1"] == "success"
    assert kept(droplet) == [image]
    assert set(image.regions) == WANTED | {"sfo3"}
    assert seen(droplet) == {image.id: {"sfo3": 1}}


@pytest.mark.timeout(3 * TIMEOUT)
def test_one_droplet_of_twenty_fails_and_nineteen_are_copied(
    airflow, simulator, add_droplet, kept, seen
):
    """The audit tells of the one until it is mended and the run cleared; only it is posted then."""
    airflow.rest.pause_dag(ON_ASSET)  # it has been seen above
    good = [add_droplet(f"web-{number}", "twenty") for number in range(1, 20)]
    poor = add_droplet("web-20", "twenty", backup=False)

    run_id, state = run(airflow, NIGHTLY, "twenty")

    assert state == "failed"
    tasks = states(airflow, NIGHTLY, run_id)
    names = [droplet.name for droplet in good]
    assert [name for (task, name), end in tasks.items() if end == "failed"] == ["web-20"]
    assert tasks["prune", None] == "success"
    for task in ("keep.convert", "keep.replicate"):
        ended = [name for (id_, name), end in tasks.items() if (id_, end) == (task, "success")]
        assert sorted(ended) == sorted(names)
    for droplet in good:
        [image] = kept(droplet)
        assert (image.type, set(image.regions)) == ("snapshot", WANTED)
        assert seen(droplet) == {image.id: KEPT}
    log = airflow.rest.logs(NIGHTLY, run_id, "find")
    assert f"No restore point for droplet web-20 ({poor.id}): its backups are switched off." in log

    audit_id, state = run(airflow, AUDIT, "twenty")
    assert state == "failed"
    rows = airflow.rest.xcom(AUDIT, audit_id, "audit")
    assert {row["droplet_name"] for row in rows if not row["ok"]} == {"web-20"}
    assert len(rows) == 40

    simulator.state.add_backup(poor, simulator.clock.now() - HOUR)
    airflow.rest.clear(NIGHTLY, run_id)
    assert airflow.rest.wait_for_dag_run(NIGHTLY, run_id, TIMEOUT) == "success"
    assert run(airflow, AUDIT, "twenty")[1] == "success"
    for droplet in [*good, poor]:
        [image] = kept(droplet)
        assert seen(droplet) == {image.id: KEPT}
