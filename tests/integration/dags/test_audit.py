"""The audit operator in a DAG: all rows, and one failure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator

GIVEN = {
    "policy": "prod",
    "tag": "nightly",
    "droplet_id": "",
    "regions": ["nyc3", "ams3"],
    "max_data_age": 50 * 3600,
    "max_copy_age": 26 * 3600,
}

with DAG("audit", schedule=None, params=GIVEN) as audit:
    DigitalOceanAuditSnapshotsOperator(
        task_id="audit", **{name: f"{{{{ params.{name} }}}}" for name in GIVEN}
    )


@pytest.fixture
def snapshots(digitalocean):
    """Two droplets with a tag, and a snapshot of each that is 20 hours old."""
    found = []
    for name in ("web-08", "web-09"):
        droplet = digitalocean.state.add_droplet(name, tags=["nightly"])
        moment = datetime.now(UTC) - timedelta(hours=20)
        found.append(
            digitalocean.state.add_image(
                str(SnapshotName("prod", droplet.id, moment)), regions=["nyc3", "ams3"]
            )
        )
    return found


@pytest.fixture
def start(run):
    """Return a function that runs the DAG; Airflow stores the parameters of the previous run."""
    return lambda **params: run(audit, **GIVEN | params)


def test_all_is_well(start, digitalocean, snapshots):
    """A row for each droplet and region, and nothing but GETs."""
    ended = start()

    assert ended.state == "success"
    rows = ended.xcom("audit")
    assert [(row["droplet_name"], row["region"], row["ok"]) for row in rows] == [
        (name, region, True) for name in ("web-08", "web-09") for region in ("nyc3", "ams3")
    ]
    assert {entry.method for entry in digitalocean.journal.entries} == {"GET"}


def test_one_missing_copy_fails_with_all_rows(start, snapshots):
    """The message names the missing copy, and the XCom has the other rows as well."""
    snapshots[1].regions.remove("ams3")

    ended = start()

    assert ended.state == "failed"
    assert [row["ok"] for row in ended.xcom("audit")] == [True, True, True, False]
    assert ended.code == "audit_failed"
    assert "web-09" in ended.failure


def test_an_old_copy_fails_with_the_last_good_one(start, snapshots):
    """Which image it is, of when, and how old."""
    ended = start(max_data_age=19 * 3600)

    assert ended.state == "failed"
    assert ended.code == "audit_failed"
    assert f"image {snapshots[0].id} in " in ended.log


def test_every_row_names_the_last_good_copy(start, digitalocean, snapshots):
    """Also where the region has none, and where the message has no room for more."""
    for number in range(11):
        digitalocean.state.add_droplet(f"new-{number}", tags=["nightly"])
    snapshots[1].regions.remove("ams3")

    ended = start(regions=["ams3"])

    assert " and 2 more. " in ended.failure
    rows = {row["droplet_name"]: row for row in ended.xcom("audit")}
    assert len(rows) == 13
    assert rows["new-10"]["last_good_copy"] is None
    assert rows["web-09"]["image_id"] is None
    for row, image, regions in (
        (rows["web-08"], snapshots[0], "nyc3, ams3"),
        (rows["web-09"], snapshots[1], "nyc3"),
    ):
        assert re.fullmatch(
            rf"Last good copy: image {image.id} in {regions}, of \S+Z, 20 h 0 min old\.",
            row["last_good_copy"],
        )


def test_a_tag_without_droplets_is_not_a_success(start, digitalocean):
    """Otherwise a misspelt tag would never raise an alarm."""
    assert start(tag="nobody").code == "invalid_input"
