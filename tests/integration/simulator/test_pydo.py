"""DigitalOcean's own client works with the simulator."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from pydo import Client

from airflow_provider_do_images.simulator import (
    ErrorStatus,
    ManualClock,
    RateLimited,
    Simulator,
    TokenRevoked,
)

PLAIN = {"enforce_https": False}
"""By default pydo requires https; each call allows http."""


@pytest.fixture(scope="module")
def running():
    """A simulator with a manual clock."""
    with Simulator(clock=ManualClock()) as simulator:
        yield simulator


@pytest.fixture
def sim(running):
    """The simulator with the default account."""
    running.reset()
    return running


@pytest.fixture
def client(sim):
    """DigitalOcean's client for the simulator, without retries."""
    return Client(token="dop_v1_any", endpoint=sim.url, retry_total=0)


@pytest.fixture
def snapshot(sim):
    """A snapshot in nyc3."""
    return sim.state.add_image("a-snapshot", tags=["nightly"])


def all_pages(fetch, key):
    """Return the rows of all pages, as in pydo's README."""
    rows, page = [], 1
    while True:
        answer = fetch(page=page, per_page=5, **PLAIN)
        rows += answer[key]
        if "next" not in answer.get("links", {}).get("pages", {}):
            return rows, page
        page += 1


def test_image_actions(client, sim, snapshot):
    """A transfer is submitted, read, listed and completed."""
    body = {"type": "transfer", "region": "ams3"}

    posted = client.image_actions.post(image_id=snapshot.id, body=body, **PLAIN)["action"]
    sim.state.finish_action(posted["id"])
    read = client.image_actions.get(image_id=snapshot.id, action_id=posted["id"], **PLAIN)
    listed = client.image_actions.list(image_id=snapshot.id, **PLAIN)
    alone = client.actions.get(action_id=posted["id"], **PLAIN)

    assert (posted["status"], posted["region_slug"]) == ("in-progress", "ams3")
    assert read["action"]["status"] == "completed"
    assert alone == read
    assert [action["id"] for action in listed["actions"]] == [posted["id"]]
    assert client.images.get(image_id=snapshot.id, **PLAIN)["image"]["regions"] == ["nyc3", "ams3"]


def test_a_backup_is_converted(client, sim):
    """A backup becomes a snapshot of its droplet with the same id."""
    [web] = client.droplets.list(name="web-01", **PLAIN)["droplets"]
    backup = client.droplets.list_backups(droplet_id=web["id"], **PLAIN)["backups"][0]

    action = client.image_actions.post(image_id=backup["id"], body={"type": "convert"}, **PLAIN)[
        "action"
    ]

    assert (action["type"], action["status"]) == ("convert_to_snapshot", "completed")
    snapshots = client.droplets.list_snapshots(droplet_id=web["id"], **PLAIN)["snapshots"]
    assert backup["id"] in [row["id"] for row in snapshots]


def test_pages_are_followed_to_the_end(client, sim, snapshot):
    """All pages of images and actions are read in order."""
    for _ in range(12):
        sim.state.add_action(snapshot.id, status="completed")

    images, image_pages = all_pages(client.images.list, "images")
    actions, action_pages = all_pages(client.actions.list, "actions")

    assert len(images) == len(sim.state.images)
    assert image_pages == -(-len(images) // 5)
    assert [row["id"] for row in actions] == sorted(sim.state.actions, reverse=True)
    assert action_pages == 3


def test_images_are_filtered_renamed_and_deleted(client, snapshot):
    """Filters, renames and deletions work."""
    tagged = client.images.list(tag_name="nightly", **PLAIN)["images"]
    client.images.update(image_id=snapshot.id, body={"name": "renamed"}, **PLAIN)

    assert [image["id"] for image in tagged] == [snapshot.id]
    assert client.images.get(image_id=snapshot.id, **PLAIN)["image"]["name"] == "renamed"
    client.images.delete(image_id=snapshot.id, **PLAIN)
    with pytest.raises(HttpResponseError):
        client.images.delete(image_id=snapshot.id, **PLAIN)


def test_snapshots_have_string_ids(client, sim, snapshot):
    """A snapshot is listed, read and deleted by its string id."""
    listed = client.snapshots.list(resource_type="droplet", **PLAIN)["snapshots"]
    read = client.snapshots.get(snapshot_id=str(snapshot.id), **PLAIN)["snapshot"]
    client.snapshots.delete(snapshot_id=str(snapshot.id), **PLAIN)

    assert str(snapshot.id) in [row["id"] for row in listed]
    assert read["name"] == "a-snapshot"
    assert snapshot.id not in sim.state.images


def test_a_droplet_is_snapshotted(client, sim):
    """The action refers to the droplet; the image appears after completion."""
    web = client.droplets.list(name="web-01", **PLAIN)["droplets"][0]
    body = {"type": "snapshot", "name": "by-hand"}

    action = client.droplet_actions.post(droplet_id=web["id"], body=body, **PLAIN)["action"]
    sim.state.finish_action(action["id"])

    ended = client.droplet_actions.get(droplet_id=web["id"], action_id=action["id"], **PLAIN)
    assert (ended["action"]["status"], ended["action"]["resource_id"]) == ("completed", web["id"])
    names = [row["name"] for row in client.images.list(private=True, **PLAIN)["images"]]
    assert "by-hand" in names


def test_account_regions_and_tags(client, snapshot):
    """The account, regions and tags can be read, and an image can be tagged."""
    assert client.account.get(**PLAIN)["account"]["status"] == "active"
    assert "nyc3" in [row["slug"] for row in client.regions.list(**PLAIN)["regions"]]
    client.tags.create(body={"name": "weekly"}, **PLAIN)
    resources = {"resources": [{"resource_id": str(snapshot.id), "resource_type": "image"}]}
    client.tags.assign_resources(tag_id="weekly", body=resources, **PLAIN)

    assert client.tags.get(tag_id="weekly", **PLAIN)["tag"]["resources"]["images"]["count"] == 1
    client.tags.unassign_resources(tag_id="weekly", body=resources, **PLAIN)
    client.tags.delete(tag_id="weekly", **PLAIN)
    names = [row["name"] for row in client.tags.list(**PLAIN)["tags"]]
    assert "weekly" not in names
    assert "prod" in names


def refused(call, **arguments):
    """Return the status and the error of a rejected call."""
    try:
        answer = call(**arguments, **PLAIN)
    except HttpResponseError as error:
        return error.status_code, None
    # pydo hands 404, of snapshots also 400, over as a result, as its methods document.
    assert set(answer) >= {"id", "message"}
    return None, answer["id"]


def test_client_errors(client, sim, snapshot):
    """The client reports 400, 401, 403, 404 and 422."""
    backup = sim.state.add_image("a-backup", type="backup")
    transfer = {"type": "transfer", "region": "ams3"}

    assert refused(client.images.get, image_id=1) == (None, "not_found")
    assert refused(client.droplets.list_backups, droplet_id=1) == (None, "not_found")
    assert refused(client.actions.get, action_id=1) == (None, "not_found")
    assert refused(client.image_actions.post, image_id=snapshot.id, body={"type": "explode"}) == (
        None,
        "not_found",
    )
    assert refused(client.snapshots.get, snapshot_id=str(backup.id)) == (None, "bad_request")
    assert refused(client.image_actions.post, image_id=backup.id, body=transfer)[0] == 422
    sim.tokens.allow("dop_v1_any", {"image:read"})
    assert refused(client.image_actions.post, image_id=snapshot.id, body=transfer)[0] == 403
    sim.faults.add(TokenRevoked())
    assert refused(client.images.get, image_id=snapshot.id)[0] == 401


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (RateLimited(retry_after=3), 429),
        (RateLimited(burst=False), 429),
        (ErrorStatus(500), 500),
        (ErrorStatus(502), 502),
        (ErrorStatus(503), 503),
        (ErrorStatus(504), 504),
        (ErrorStatus(524), 524),
        (ErrorStatus(502, html=False), 502),
    ],
    ids=repr,
)
def test_rate_limits_and_server_errors(client, sim, fault, status):
    """429 and 5xx, as JSON or HTML, are errors with their status."""
    sim.faults.add(fault)

    with pytest.raises(HttpResponseError) as caught:
        client.account.get(**PLAIN)

    assert caught.value.status_code == status


def test_pydo_waits_for_retry_after(sim):
    """The retries of pydo wait for ``retry-after`` and succeed."""
    sim.faults.add(RateLimited(retry_after=1))

    account = Client(token="dop_v1_any", endpoint=sim.url).account.get(**PLAIN)

    assert account["account"]["status"] == "active"
    assert [entry.status for entry in sim.journal.entries] == [429, 200]
