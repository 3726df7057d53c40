"""Tags written in another case than the account's, and names that no tag can have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.api import InvalidInputError, InvalidResponseError
from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector
from airflow_provider_do_images.core.snapshots.retention import RetentionPolicy
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator

BAD = ["", "a b", "a/b", "nächtlich", "nightly\n", " nightly", "x" * 256, 2026, None]


@pytest.fixture
def backup_row(sim):
    """Return the row of a restore point that is a backup."""
    droplet = sim.state.add_droplet("web-09")
    image = sim.state.add_backup(droplet, sim.clock.now() - 3600)
    return {
        "image_id": image.id,
        "droplet_id": droplet.id,
        "droplet_name": droplet.name,
        "type": "backup",
        "name": image.name,
        "policy": "nightly",
        "taken_at": datetime.fromtimestamp(image.created_at, UTC).isoformat(),
        "skip_reason": None,
    }


def convert(row, tags):
    """Run a convert task."""
    operator = DigitalOceanConvertImageOperator(
        task_id="convert", restore_point=row, tags=tags, verify_timeout=0.1, poll_interval=0.1
    )
    return operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})


@pytest.mark.usefixtures("connection")
def test_a_convert_tags_with_the_spelling_of_the_account(sim, backup_row):
    """The path of the tag is the answered one, and each tag is sent once."""
    sim.state.tags.add("nightly")

    convert(backup_row, ["Nightly", "NIGHTLY"])

    assert sim.state.images[backup_row["image_id"]].tags == ["nightly"]
    assert sim.journal.count("POST", "/v2/tags/nightly/resources", status=204) == 1
    assert sim.journal.count("POST", "/v2/tags/*/resources") == 1


def test_a_response_with_another_tag_is_not_used(sim, client, snapshot, monkeypatch):
    """A path is only built from a spelling of the requested tag."""
    monkeypatch.setattr(sim.state.tags, "register", lambda _: ["../images"])

    with pytest.raises(InvalidResponseError):
        client.tag_image(snapshot.id, "nightly")

    assert sim.journal.count("POST") == 1


@pytest.mark.parametrize("any_case", [True, False])
def test_droplets_are_selected_in_any_case(sim, client, any_case):
    """Those with GPUs too, whether or not the API's own filter minds the case."""
    sim.state.rules = replace(sim.state.rules, tag_filter_any_case=any_case)
    ids = [
        sim.state.add_droplet(name, tags=["Nightly"], size_slug=size).id
        for name, size in (("web", "s-1vcpu-2gb"), ("train", "gpu-h100x1-80gb"))
    ]

    found = DropletSelector.checked(None, None, "nIGHTLY").read(client)

    assert [droplet.id for droplet in found] == ids


def test_a_tag_in_another_case_protects(sim, client):
    """The image is retained for each spelling of the tag."""
    image = client.get_image(sim.state.add_image("a", tags=["Hands:Off"]).id)

    assert RetentionPolicy(protected_tag="hands:OFF").protects(image)
    assert not RetentionPolicy(protected_tag="hands").protects(image)


OPERATORS = {
    "find": lambda tag: DigitalOceanListRestorePointsOperator(task_id="t", policy="p", tag=tag),
    "audit": lambda tag: DigitalOceanAuditSnapshotsOperator(
        task_id="t", policy="p", tag=tag, regions=["ams3"], max_data_age=1, max_copy_age=1
    ),
    "protected": lambda tag: DigitalOceanPruneSnapshotsOperator(
        task_id="t", policy="p", keep_daily=1, protected_tag=tag
    ),
    "convert": lambda tag: DigitalOceanConvertImageOperator(
        task_id="t", restore_point={}, tags=[tag]
    ),
}


@pytest.mark.parametrize("tag", BAD, ids=repr)
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.usefixtures("connection")
def test_an_invalid_tag_is_refused_before_a_request(sim, backup_row, name, tag):
    """In every operator that has such a parameter."""
    operator = OPERATORS[name](tag)
    if name == "convert":
        operator.backup = backup_row

    with pytest.raises(PermanentTaskError) as failure:
        operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})

    assert failure.value.code == "invalid_input"
    assert sim.journal.entries == []


@pytest.mark.parametrize("option", ["--tag", "--protected-tag"])
def test_the_command_refuses_an_invalid_tag(sim, monkeypatch, option):
    """The exit code is 2, and no request is sent."""
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "dop_v1_any")
    usual = {"--url": sim.url, "--policy": "p", "--regions": "ams3", "--tag": "a"}
    usual |= {"--keep-daily": "1"}
    arguments = [part for pair in {**usual, option: "a b"}.items() for part in pair]

    assert main(["plan", *arguments]) == 2
    assert sim.journal.entries == []


@pytest.mark.parametrize("tag", [tag for tag in BAD if tag is not None], ids=repr)
def test_the_client_refuses_an_invalid_tag(sim, client, snapshot, tag):
    """In each method that has such a parameter."""
    for call in (
        lambda: list(client.list_images(tag=tag)),
        lambda: list(client.list_droplets(tag=tag)),
        lambda: client.all_droplets(tag=tag),
        lambda: client.tag_image(snapshot.id, tag),
    ):
        with pytest.raises(InvalidInputError):
            call()

    assert sim.journal.entries == []
