"""The steps of docs/tokens.md and docs/accounts.md work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.operators.image_actions import DigitalOceanTransferImageOperator
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ManualClock, TokenRevoked
from airflow_provider_do_images.version_compat import AirflowFailException

PAGE = Path(__file__).parent.parent.parent / "docs" / "accounts.md"
TOKEN = "dop_v1_0123456789abcdef"
ALL_BUT_DELETE = {"image:read", "image:update", "droplet:read", "tag:read"}


@pytest.fixture
def submit(connection, snapshot, task_context, monkeypatch):
    """Run a task that submits a transfer to ams3 and does not wait for it."""
    monkeypatch.setattr(wait, "CONFIRMATION_DELAY", 0.0)
    return lambda image_id=snapshot.id: DigitalOceanTransferImageOperator(
        task_id="copy", image_id=image_id, region="ams3"
    ).execute(task_context)


@pytest.fixture
def old_snapshots(sim):
    """Five snapshots of a policy, of which keep_last=2 retains two."""
    sim.reset(ManualClock(datetime.now(UTC).timestamp()))
    droplet = sim.state.add_droplet("web-1")
    return [
        sim.state.add_image(
            str(SnapshotName("nightly", droplet.id, datetime.now(UTC) - timedelta(days=days)))
        )
        for days in range(2, 7)
    ]


@pytest.fixture
def prune(connection, task_context, old_snapshots):
    """Run the prune task."""
    return lambda: DigitalOceanPruneSnapshotsOperator(
        task_id="prune", policy="nightly", keep_last=2, dry_run=False
    ).execute(task_context)


def waiting_for(row, task_context):
    """Return a sensor that has polled once for the action of a row."""
    sensor = DigitalOceanImageActionSensor(task_id="copied", action=row)
    assert not sensor.poke(task_context).is_done
    return sensor


def test_a_rotated_token_is_one_401_and_no_failure(sim, submit, connection, task_context):
    """The new token is in the connection before the old one is deleted; the wait continues."""
    sensor = waiting_for(submit(), task_context)
    sim.tokens.allow("new")
    connection(password="new")
    sim.state.finish_action(sensor.action["id"])

    assert sensor.poke(task_context).is_done
    assert sim.journal.count(status=401) == 1
    assert sim.journal.count("POST") == 1


def test_a_token_deleted_too_early_is_mended_by_a_clear(sim, submit, connection, task_context):
    """The wait ends; with the new token the cleared task attaches and posts nothing."""
    sensor = waiting_for(submit(), task_context)
    sim.tokens.allow("new")
    with pytest.raises(AirflowFailException, match=r"\[access_denied\]$"):
        sensor.poke(task_context)

    connection(password="new")
    again = submit()

    assert (again["submission"], again["id"]) == ("attached", sensor.action["id"])
    assert sim.journal.count("POST") == 1


def test_a_submit_with_a_deleted_token_posts_nothing(sim, submit):
    """It fails without retries at its first request."""
    sim.tokens.allow("new")

    with pytest.raises(AirflowFailException, match=r"\[unauthorized\]$"):
        submit()

    assert sim.journal.count() == sim.journal.count("GET", status=401) == 1


def test_without_image_delete_nothing_is_deleted(sim, prune, old_snapshots):
    """The first DELETE is sent twice and is the last; the message names the scope."""
    sim.tokens.allow(TOKEN, ALL_BUT_DELETE)

    with pytest.raises(AirflowFailException, match=r"0 of 3 .* image:delete.* \[forbidden\]$"):
        prune()

    assert all(image.id in sim.state.images for image in old_snapshots)
    deletes = [entry for entry in sim.journal.entries if entry.method == "DELETE"]
    assert {(entry.path, entry.status) for entry in deletes} == {
        (f"/v2/images/{old_snapshots[-1].id}", 403)
    }


def test_all_the_rest_works_without_image_delete(sim, submit):
    """The same token submits."""
    sim.tokens.allow(TOKEN, ALL_BUT_DELETE)

    assert submit()["submission"] == "submitted"


def test_a_token_deleted_during_a_prune_stops_it(sim, prune, old_snapshots):
    """The image that it is at stays, and so do those behind it."""
    sim.faults.add(TokenRevoked(path="/v2/images/*", skip=3))

    with pytest.raises(AirflowFailException, match=r"1 of 3 .* \[unauthorized\]$"):
        prune()

    assert sum(image.id not in sim.state.images for image in old_snapshots) == 1
    assert sim.journal.count("DELETE") == 1


def test_a_half_changed_connection_writes_nothing(sim, prune, submit, connection, old_snapshots):
    """The token of one account with the expected team of the other: nothing but GETs."""
    connection(extra={"expected_team": "The new team"})

    for task in (prune, submit):
        with pytest.raises(AirflowFailException, match=r"\[wrong_team\]$"):
            task()

    assert sim.journal.count() == sim.journal.count("GET")


def test_a_task_of_the_old_account_posts_nothing(sim, submit):
    """Its image is not found in the new one, and it fails without retries."""
    with pytest.raises(AirflowFailException, match=r"\[not_found\]$"):
        submit(4711)

    assert sim.journal.count() == sim.journal.count("GET")


def test_an_orphan_from_another_account_is_left_alone(sim, prune, old_snapshots, client):
    """Its name has the id of a droplet that this account does not have."""
    for droplet_id in list(sim.state.droplets):
        client.send("DELETE", f"/v2/droplets/{droplet_id}", "droplet:delete")

    assert prune() == []
    assert all(image.id in sim.state.images for image in old_snapshots)


def test_the_account_check_writes_nothing(sim, monkeypatch, capsys):
    """The page's command runs without droplets, with a wrong region, and without a scope."""
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
    arguments = ["--url", sim.url, "--policy", "prod-nightly", "--tag", "mine", "--keep-daily", "7"]
    codes = [main(["plan", *arguments, "--regions", "ams3"])]
    droplet = sim.state.add_droplet("web-1", tags=["mine"])
    codes += [main(["plan", *arguments, "--regions", "xyz1"])]
    sim.state.add_droplet("web-2")
    sim.tokens.allow(TOKEN, {"droplet:read", "image:read", "tag:read"})
    codes += [main(["plan", *arguments, "--regions", "ams3"])]
    for day in (1, 2, 3, 4):
        sim.state.add_image(f"prod-nightly_{droplet.id}_2026010{day}T000000Z")
    few = ("--keep-daily", "1", "--max-delete", "1")
    codes += [main(["plan", *arguments, "--regions", "nyc3", *few])]
    sim.tokens.allow(TOKEN, {"image:read"})
    codes += [main(["plan", *arguments, "--regions", "ams3"])]

    assert codes == [2, 2, 0, 0, 1]
    assert sim.journal.count() == sim.journal.count("GET")
    printed = "".join(capsys.readouterr())
    texts = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(texts) == 7
    patterns = [re.escape(text).replace(re.escape("..."), ".*") for text in texts]
    assert [one for one in patterns if not re.search(one, printed)] == []
