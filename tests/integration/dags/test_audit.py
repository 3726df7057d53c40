"""The audit operator in a DAG: all rows, and one failure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.actions.policy import SnapshotName
from airflow_provider_do_images.operators.images import DigitalOceanAuditCopiesOperator

GIVEN = {
    "policy": "prod",
    "tag": "nightly",
    "droplet_id": "",
    "regions": ["nyc3", "ams3"],
    "max_data_age": 50 * 3600,
    "max_copy_age": 26 * 3600,
}

with DAG("audit", schedule=None, params=GIVEN) as audit:
    DigitalOceanAuditCopiesOperator(
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
    """Return a function that runs the DAG; Airflow keeps the parameters of the run before."""
    return lambda **params: run(audit, **GIVEN | params)


def failure(ended):
    """Return the words of the last exception in the log."""
    return re.findall(r"^(?:\w+\.)*\w*TaskError: (.*)$", ended.log, re.MULTILINE)[-1]


def test_all_is_well(start, digitalocean, snapshots):
    """A row for each droplet and region, and nothing but GETs."""
    ended = start()

    assert ended.state == "success"
    rows = ended.xcom("audit")
    assert [(row["droplet_name"], row["region"], row["ok"]) for row in rows] == [
        (name, region, True) for name in ("web-08", "web-09") for region in ("nyc3", "ams3")
    ]
    assert {entry.method for entry in digitalocean.journal.entries} == {"GET"}
    assert "All 4 copies of policy prod are there and new enough" in ended.log


def test_one_missing_copy_fails_with_all_rows(start, snapshots):
    """The message names it; the rows of the others are there, too."""
    snapshots[1].regions.remove("ams3")

    ended = start()

    assert ended.state == "failed"
    assert [row["ok"] for row in ended.xcom("audit")] == [True, True, True, False]
    words = failure(ended)
    assert words.startswith("1 of 4 copies of policy 'prod' are missing or too old: droplet web-09")
    assert "in ams3: no snapshot of the policy is there" in words


def test_an_old_copy_fails_with_the_last_good_one(start, snapshots):
    """Which image it is, of when, and how old."""
    ended = start(max_data_age=19 * 3600)

    assert ended.state == "failed"
    words = failure(ended)
    assert "its data are 20 h 0 min old, more than 19 h 0 min" in words
    assert f"Last good copy: image {snapshots[0].id} in " in words


def test_every_row_names_the_last_good_copy(start, digitalocean, snapshots):
    """Also where the region has none, and where the message has no room for more."""
    for number in range(11):
        digitalocean.state.add_droplet(f"new-{number}", tags=["nightly"])
    snapshots[1].regions.remove("ams3")

    ended = start(regions=["ams3"])

    assert "; and 2 more. " in failure(ended)
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


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"policy": ""}, "policy must be"),
        ({"regions": []}, "regions must be a list of region slugs, at least one"),
        ({"regions": "ams3 sgp1"}, "each of regions must be a region slug"),
        ({"droplet_id": 5}, "exactly one of droplet_id, droplet_name and tag"),
        ({"tag": ""}, "exactly one of droplet_id, droplet_name and tag"),
        ({"max_data_age": 0}, "max_data_age must be seconds above 0"),
        ({"max_copy_age": "a day"}, "max_copy_age must be seconds above 0"),
    ],
    ids=str,
)
def test_bad_input_is_refused_before_anything_is_sent(start, digitalocean, params, words):
    """With the name of the parameter."""
    ended = start(**params)

    assert ended.state == "failed"
    assert words in failure(ended)
    assert digitalocean.journal.entries == []


def test_a_tag_that_nobody_has_is_no_success(start, digitalocean):
    """Else a misspelt tag would never alarm."""
    assert "there are no droplets with tag 'nobody'" in failure(start(tag="nobody"))
