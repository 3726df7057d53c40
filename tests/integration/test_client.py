"""The client's verbs, over HTTP."""

from __future__ import annotations

from itertools import islice

import pytest

from airflow_provider_do_images.api import InvalidInputError, NotFoundError, UnprocessableError
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.simulator import Simulator


def test_convert_turns_a_backup_into_a_snapshot(client, backup):
    """The answer is the completed action, under the name that the API gives it."""
    action = client.convert_image(backup.id)

    assert (action.type, action.status, action.image_id) == (
        "convert_to_snapshot",
        "completed",
        backup.id,
    )
    assert client.get_image(backup.id).type == "snapshot"


def test_transfer_copies_an_image_to_a_region(client, sim, snapshot):
    """The response is the running action; when it has completed, the image has the region."""
    action = client.transfer_image(snapshot.id, "ams3")
    assert (action.type, action.status, action.region_slug) == ("transfer", "in-progress", "ams3")

    sim.state.finish_action(action.id)

    assert client.get_image_action(snapshot.id, action.id).status == "completed"
    assert client.get_image(snapshot.id).regions == ("nyc3", "ams3")


def test_an_action_of_another_image_is_not_found(client, snapshot, backup):
    """An action is read under its own image only; the error names both ids and the request."""
    action = client.transfer_image(snapshot.id, "ams3")

    with pytest.raises(NotFoundError) as caught:
        client.get_image_action(backup.id, action.id)

    assert (caught.value.image_id, caught.value.action_id) == (backup.id, action.id)
    assert (caught.value.status, caught.value.error_id) == (404, "not_found")
    assert caught.value.request_id


def test_a_rejection_has_the_message_of_the_api(client, backup):
    """The error of a backup's transfer has the message, the image, the region and a fix."""
    with pytest.raises(UnprocessableError) as caught:
        client.transfer_image(backup.id, "ams3")

    error = caught.value
    assert error.message == "Backups can not be transfered to other regions"
    assert (error.image_id, error.region, error.status) == (backup.id, "ams3", 422)
    assert error.request_id in str(error)


def test_the_history_of_an_image_is_read_page_by_page(client, sim, snapshot):
    """All rows come, newest first; the second page is requested only when it is needed."""
    for _ in range(205):
        sim.state.add_action(snapshot.id, status="completed")
    rows = client.list_image_actions(snapshot.id)

    first = list(islice(rows, 200))
    assert sim.journal.count(path=f"/v2/images/{snapshot.id}/actions") == 1
    ids = [action.id for action in [*first, *rows]]

    assert len(ids) == 205
    assert ids == sorted(ids, reverse=True)
    assert sim.journal.count(path=f"/v2/images/{snapshot.id}/actions") == 2


def test_an_odd_row_does_not_fail_its_page(client, sim, snapshot, caplog):
    """A row with an unknown status is left out and logged; the others are returned."""
    known = sim.state.add_action(snapshot.id, status="completed")
    sim.state.add_action(snapshot.id, status="queued")

    rows = list(client.list_image_actions(snapshot.id))

    assert [row.id for row in rows] == [known.id]
    assert "queued" in caplog.text


def test_an_odd_row_is_logged_once(client, sim, snapshot, caplog):
    """A submit that waits for a known status reads the row every few seconds."""
    strange = sim.state.add_action(snapshot.id, status="queued")
    for _ in range(3):
        list(client.list_image_actions(snapshot.id))
    another = sim.state.add_action(snapshot.id, status="paused")
    list(client.list_image_actions(snapshot.id))

    told = [text for text in caplog.messages if "Left out a row" in text]
    assert [str(strange.id) in told[0], str(another.id) in told[1]] == [True, True]
    assert len(told) == 2


def test_the_accounts_actions_are_listed(client, sim, snapshot):
    """The account's list has the actions of all images, the newest first."""
    action = sim.state.add_action(snapshot.id, status="completed")

    assert next(iter(client.list_actions())).id == action.id


def test_images_are_listed_by_kind_and_tag(client, sim):
    """Private images by default, all on demand, and those with a tag."""
    tagged = sim.state.add_image("tagged", tags=["nightly"])

    own = {image.id for image in client.list_images()}
    everything = {image.id for image in client.list_images(private=False)}

    assert tagged.id in own
    assert own < everything
    assert [image.id for image in client.list_images(tag="nightly")] == [tagged.id]
    assert client.count_private_images() == len(own)


def test_droplets_and_their_backups_are_found(client, sim):
    """A droplet is found by name and by tag, and its backups by its id."""
    [web] = client.list_droplets(name="web-01")
    assert web.id in [droplet.id for droplet in client.list_droplets(tag="prod")]

    backups = list(client.list_droplet_backups(web.id))

    assert {backup.type for backup in backups} == {"backup"}
    assert {backup.id for backup in backups} == set(
        sim.state.image_index.oldest_first(("droplet", web.id, "backup"))
    )


def test_regions_are_listed(client):
    """Regions have their slug, and whether they are available for droplets."""
    regions = {region.slug: region for region in client.list_regions()}

    assert regions["nyc3"].available
    assert not regions["ams2"].available


@pytest.mark.parametrize("image_id", [0, -5, "abc", "", "12.5", None, True, 2.0])
def test_an_invalid_image_id_is_refused_before_a_request(client, sim, image_id):
    """Every method names the parameter in its error, and the journal stays empty."""
    calls = (
        lambda: client.convert_image(image_id),
        lambda: client.transfer_image(image_id, "ams3"),
        lambda: client.get_image_action(image_id, 1),
        lambda: client.get_image(image_id),
        lambda: list(client.list_image_actions(image_id)),
    )
    for call in calls:
        with pytest.raises(InvalidInputError, match="image_id"):
            call()

    assert sim.journal.entries == []


@pytest.mark.parametrize("region", ["", " ", "New York", "NYC3", "nyc3/../x", None, 3])
def test_a_malformed_region_is_refused_before_a_request(client, sim, snapshot, region):
    """The journal stays empty."""
    with pytest.raises(InvalidInputError):
        client.transfer_image(snapshot.id, region)

    assert sim.journal.entries == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example.com", "must use https"),
        ("https://", "must be a URL"),
        ("api.example.com", "must be a URL"),
        ("https://user:secret@api.example.com", "must not contain"),
        ("https://api.example.com/v2", "nothing behind the host"),
    ],
)
def test_an_unsafe_base_url_is_refused(url, words):
    """A URL that would send the token elsewhere fails when the client is made."""
    with pytest.raises(InvalidInputError, match=words):
        ApiClient("token", url)


def test_requests_name_the_provider_and_keep_the_connection():
    """All requests of a client use one connection, and a User-Agent that names the provider."""
    with Simulator() as alone, ApiClient("token", alone.url) as client:
        connections = alone._server.server_state.connections
        seen = []
        for _ in range(3):
            client.count_private_images()
            seen += connections

    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert client._session.headers["User-Agent"].startswith("airflow-provider-do-images/")


def test_the_client_has_the_rate_limit_of_its_last_response(client, snapshot):
    """It can be read after a request."""
    client.get_image(snapshot.id)

    assert (client.rate_limit.limit, client.rate_limit.remaining) == (5000, 4999)
