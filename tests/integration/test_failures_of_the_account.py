"""Failures of restore points, prune, audit and list have a code, ids and the deleted images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.simulator import ErrorStatus

READ = {
    "list": (
        lambda: DigitalOceanListImageActionsOperator(task_id="t", image_id=7),
        "image 7: ",
    ),
    "find": (
        lambda: DigitalOceanListRestorePointsOperator(task_id="t", policy="nightly", droplet_id=42),
        "droplet 42: ",
    ),
    "prune": (
        lambda: DigitalOceanPruneSnapshotsOperator(task_id="t", policy="nightly", keep_last=1),
        "",
    ),
    "audit": (
        lambda: DigitalOceanAuditSnapshotsOperator(
            task_id="t",
            policy="nightly",
            droplet_id=42,
            regions=["ams3"],
            max_data_age=1,
            max_copy_age=1,
        ),
        "droplet 42: ",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_rejected_read_has_the_ids(sim, connection, fail, name):
    """DigitalOcean's support needs the request id."""
    make, what = READ[name]
    sim.faults.add(ErrorStatus(403, times=None))

    error = fail(make())

    assert error.code == "forbidden"
    assert "request id " in str(error)
    assert str(error).startswith(what)


PRUNES_FAIL = {
    "too many": ({"max_delete": 1}, None, "too_many_deletions", "Nothing was deleted."),
    "no list of tags": ({}, ErrorStatus(403, path="/v2/tags"), "forbidden", "Nothing was deleted."),
    "refused": ({}, ErrorStatus(403, method="DELETE", skip=1), "forbidden", "1 of 2 DELETEs"),
    "no answer, and no look afterwards": (
        {},
        ErrorStatus(500, method="DELETE"),
        "server_error",
        "0 of 2 DELETEs",
    ),
}


@pytest.mark.parametrize("why", PRUNES_FAIL)
def test_a_failed_prune_counts_its_deletes(sim, connection, fail, why):
    """The reader needs to know whether images are missing now."""
    connection(extra={"max_retries": 0})
    arguments, fault, code, done = PRUNES_FAIL[why]
    for day in (1, 2, 3):
        sim.state.add_image(f"nightly_42_2026010{day}T020000Z")
    if fault:
        sim.faults.add(replace(fault))
    if why.startswith("no answer"):
        # Each image is read before its DELETE; this is the second read.
        sim.faults.add(ErrorStatus(500, method="GET", path="/v2/images/*[0-9]", skip=1))

    error = fail(
        DigitalOceanPruneSnapshotsOperator(
            task_id="t",
            policy="nightly",
            keep_last=1,
            min_keep=1,
            prune_orphans=True,
            dry_run=False,
            **arguments,
        )
    )

    assert error.code == code
    assert done in str(error)


@pytest.mark.usefixtures("connection")
def test_an_audit_logs_a_good_copy_elsewhere(sim, fail, capfd):
    """A restore would use the last good copy."""
    droplet = sim.state.add_droplet("web-1")
    image = sim.state.add_image(f"nightly_{droplet.id}_20260101T020000Z")

    error = fail(
        DigitalOceanAuditSnapshotsOperator(
            task_id="t",
            policy="nightly",
            droplet_id=droplet.id,
            regions=["ams3"],
            max_data_age=1,
            max_copy_age=1,
        )
    )

    assert error.code == "audit_failed"
    assert f"droplet web-1 ({droplet.id}) in ams3" in str(error)
    assert f"image {image.id} in nyc3, of 2026-01-01T02:00:00Z" in "".join(capfd.readouterr())
