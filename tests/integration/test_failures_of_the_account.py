"""What list, find, prune and audit say when they fail: of what, what was done, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_do_images.actions.messages import DELETES, LOOKS
from airflow_provider_do_images.operators.backups import DigitalOceanFindBackupOperator
from airflow_provider_do_images.operators.image_actions import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.images import (
    DigitalOceanAuditCopiesOperator,
    DigitalOceanPruneSnapshotsOperator,
)
from airflow_provider_do_images.simulator import Status

READ = {
    "list": (
        lambda: DigitalOceanListImageActionsOperator(task_id="t", image_id=7),
        "image 7: ",
        LOOKS,
    ),
    "find": (
        lambda: DigitalOceanFindBackupOperator(task_id="t", policy="nightly", droplet_id=42),
        "droplet 42: ",
        LOOKS,
    ),
    "prune": (
        lambda: DigitalOceanPruneSnapshotsOperator(task_id="t", policy="nightly", keep_last=1),
        "",
        DELETES,
    ),
    "audit": (
        lambda: DigitalOceanAuditCopiesOperator(
            task_id="t",
            policy="nightly",
            droplet_id=42,
            regions=["ams3"],
            max_data_age=1,
            max_copy_age=1,
        ),
        "droplet 42: ",
        LOOKS,
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_refusal_of_the_account_tells_the_request_and_what_clearing_does(
    sim, connection, fail, name
):
    """Prune says what it may delete, the others that they only read."""
    make, what, clearing = READ[name]
    sim.faults.add(Status(403, times=None))

    words = fail(make())

    assert "request id " in words
    assert words.startswith(what)
    assert words.endswith(f"{clearing} [forbidden]")


PRUNES_FAIL = {
    "too many": ({"max_delete": 1}, None, "too_many_deletions", "Nothing was deleted."),
    "no list of tags": ({}, Status(403, path="/v2/tags"), "forbidden", "Nothing was deleted."),
    "refused": ({}, Status(403, method="DELETE", skip=1), "forbidden", "1 of 2 DELETEs"),
    "no answer, and no look afterwards": (
        {},
        Status(500, method="DELETE"),
        "server_error",
        "0 of 2 DELETEs",
    ),
}


@pytest.mark.parametrize("why", PRUNES_FAIL)
def test_each_failure_of_a_prune_tells_what_was_deleted(sim, connection, fail, why):
    """And that clearing it deletes by a new plan."""
    connection(extra={"retries": 0})
    arguments, fault, code, done = PRUNES_FAIL[why]
    for day in (1, 2, 3):
        sim.state.add_image(f"nightly_42_2026010{day}T020000Z")
    if fault:
        sim.faults.add(replace(fault))
    if why.startswith("no answer"):
        # A look at each image comes before its DELETE, and this is the second one.
        sim.faults.add(Status(500, method="GET", path="/v2/images/*[0-9]", skip=1))

    words = fail(
        DigitalOceanPruneSnapshotsOperator(
            task_id="t",
            policy="nightly",
            keep_last=1,
            minimum_keep=1,
            prune_orphans=True,
            dry_run=False,
            **arguments,
        )
    )

    assert done in words
    assert words.endswith(f"{DELETES} [{code}]")


@pytest.mark.usefixtures("connection")
def test_an_audit_names_the_copy_that_is_left_elsewhere(sim, fail):
    """A region without a copy: the droplet, the region, and the last good copy with its age."""
    droplet = sim.state.add_droplet("web-1")
    image = sim.state.add_image(f"nightly_{droplet.id}_20260101T020000Z")

    words = fail(
        DigitalOceanAuditCopiesOperator(
            task_id="t",
            policy="nightly",
            droplet_id=droplet.id,
            regions=["ams3"],
            max_data_age=1,
            max_copy_age=1,
        )
    )

    assert f"droplet web-1 ({droplet.id}) in ams3: no snapshot of the policy is there" in words
    assert f"(Last good copy: image {image.id} in nyc3, of 2026-01-01T02:00:00Z, " in words
    assert words.endswith(f"{LOOKS} [audit_failed]")
