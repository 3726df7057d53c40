"""The hook, from an Airflow connection to the API's answers."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.api import (
    ImageAction,
    InvalidInputError,
    NotSentError,
    ServerError,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.simulator import ErrorStatus, ManualClock, Rules, Simulator
from airflow_provider_do_images.simulator.state.models import ActionOutcome

STATUSES = ["in-progress", "completed", "errored"]


@pytest.fixture
def hook(connection):
    """The hook of the connection ``digitalocean_default``."""
    return DigitalOceanHook()


def fields_of(sim, action_id):
    """Return the nine fields of an action as the simulator's own account has them."""
    action = sim.state.actions[action_id]
    region = sim.state.regions[action.region]
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.resource_id,
        "resource_type": "image",
        "region": region.name,
        "region_slug": region.slug,
    }


def shown_by(action: ImageAction):
    """Return the nine fields of an action as the hook gives them, times in Unix seconds."""
    values = {name: getattr(action, name) for name in ImageAction.FIELDS}
    for name in ("started_at", "completed_at"):
        values[name] = values[name] and int(values[name].timestamp())
    return {**values, "region": action.region.name, "status": str(action.status)}


@pytest.mark.parametrize("status", STATUSES)
def test_one_action_is_read_with_all_nine_fields(hook, sim, snapshot, status):
    """`GET .../actions/{id}`: each field has the value of the account, for each status."""
    action = sim.state.add_action(snapshot.id, region="ams3", status=status)

    found = hook.get_image_action(snapshot.id, action.id)

    assert shown_by(found) == fields_of(sim, action.id)
    assert (found.completed_at is None) == (status == "in-progress")


@pytest.mark.parametrize("status", STATUSES)
def test_the_history_is_read_with_all_nine_fields(hook, sim, snapshot, status):
    """`GET .../actions`: each field has the value of the account, for each status."""
    action = sim.state.add_action(snapshot.id, region="ams3", status=status)

    [found] = hook.list_image_actions(snapshot.id)

    assert shown_by(found) == fields_of(sim, action.id)


@pytest.mark.parametrize("status", STATUSES)
def test_an_action_is_submitted_and_answered_with_all_nine_fields(hook, sim, snapshot, status):
    """`POST .../actions`: the answer has each field, whatever becomes of the action at once."""
    sim.state.decide_outcome = lambda _: _fate(status)

    found = hook.transfer_image(snapshot.id, "ams3")

    assert str(found.status) == status
    assert shown_by(found) == fields_of(sim, found.id)


def test_a_convert_has_no_region(hook, backup):
    """The API gives it none; both fields exist and are null."""
    found = hook.convert_image(backup.id)

    assert (found.region, found.region_slug) == (None, None)
    assert found.to_json()["region"] is None


def test_nothing_is_read_before_the_first_call(sim):
    """A hook for a connection that is not there can be made; only its use fails."""
    hook = DigitalOceanHook("nowhere")

    with pytest.raises(NotSentError) as caught:
        hook.get_conn()

    assert "'nowhere'" in str(caught.value)

    assert sim.journal.entries == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": ""}, "token"),
        ({"host": "http://api.example.com"}, "https"),
        ({"host": "https://"}, "URL"),
        ({"port": 8080}, "port"),
        (
            {"extra": {"read_timeout": "soon"}},
            "read_timeout",
        ),
        ({"extra": {"read_timeout": 1e12}}, "read_timeout"),
        ({"extra": {"max_retries": -1}}, "retries"),
        ({"extra": {"verify": "/no/such.pem"}}, "verify"),
        ({"extra": {"verify": 1}}, "verify"),
        ({"extra": {"expected_team": 7}}, "expected_team"),
        ({"password": "two words"}, "token"),
    ],
)
def test_an_unusable_connection_is_refused_before_a_request(hook, sim, connection, fields, words):
    """The error names the connection and the field to fix; the journal stays empty."""
    connection(**fields)

    with pytest.raises(InvalidInputError, match=words) as caught:
        hook.get_conn()

    assert "'digitalocean_default'" in str(caught.value)
    assert sim.journal.entries == []


def test_a_port_of_0_is_none(hook, connection):
    """Airflow's form sends it with Test, for the field that it does not show."""
    connection(port=0)

    assert hook.test_connection()[0]


def test_an_empty_host_means_digitalocean(hook, connection):
    """Without a host the client talks to the real API."""
    connection(host="")

    assert hook.get_conn().base_url == "https://api.digitalocean.com"


def test_time_outs_come_from_the_extra(hook, connection):
    """``connect_timeout`` and ``read_timeout`` of the connection's extra are used."""
    connection(extra={"connect_timeout": 3, "read_timeout": "4.5"})

    assert hook.get_conn()._timeouts == (3.0, 4.5)


@pytest.mark.parametrize(("retries", "requests"), [(None, 5), ("0", 1), (2, 3)])
def test_retries_come_from_the_extra(hook, sim, snapshot, connection, retries, requests):
    """A request that fails each time is sent once, and so many times again; 4 by default."""
    connection(extra={} if retries is None else {"max_retries": retries})
    hook.get_conn()._sleep = lambda _: None
    sim.faults.add(ErrorStatus(500, path="/v2/images/*", times=None))

    with pytest.raises(ServerError):
        hook.get_conn().get_image(snapshot.id)

    assert len(sim.journal.entries) == requests


def test_requests_name_airflow_too(hook):
    """The User-Agent has the versions of the provider and of Airflow."""
    agent = hook.get_conn()._session.headers["User-Agent"]

    assert agent.startswith("airflow-provider-do-images/")
    assert " apache-airflow/3." in agent


def test_the_connection_test_reports_the_account(hook, sim):
    """A success has the number of images, the team and the requests left, in two requests."""
    images = [image for image in sim.state.images.values() if not image.public]

    ok, message = hook.test_connection()

    assert ok
    for part in (f" {len(images)} private images", sim.url, "'My Team' (5df3e300", "4998 of 5000"):
        assert part in message
    assert [entry.path for entry in sim.journal.entries] == ["/v2/images", "/v2/account"]


def test_the_connection_test_needs_only_image_read(hook, sim, connection):
    """A token with no other scope passes, and the message names the scope for the team."""
    sim.tokens.allow("narrow", {"image:read"})
    connection(password="narrow")

    ok, message = hook.test_connection()

    assert ok
    assert "account:read" in message


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("narrow", "image:read"),
        ("wrong", "revoked"),
        ("revoked", "revoked"),
    ],
)
def test_the_connection_test_says_what_to_fix(hook, sim, connection, token, words):
    """A token without the scope and an unknown or revoked one have different messages."""
    sim.tokens.allow("narrow", {"droplet:read"})
    sim.tokens.allow("revoked")
    sim.tokens.revoke("revoked")
    connection(password=token)

    ok, message = hook.test_connection()

    assert not ok
    assert words in message
    assert token not in message.replace("or revoked", "")


def test_the_connection_test_says_what_is_missing(hook, connection):
    """A connection without a token is reported without a request."""
    connection(password="")

    ok, message = hook.test_connection()

    assert not ok
    assert "'digitalocean_default'" in message


def _fate(status):
    return ActionOutcome() if status == "in-progress" else ActionOutcome(status, seconds=0)


@pytest.fixture
def used_up(connection):
    """A connection whose token has used more than its share."""
    with Simulator(clock=ManualClock(), rules=Rules(requests_per_hour=10)) as scarce:
        connection(host=scarce.url, extra={"rate_limit_reserve": 0.9})
        yield scarce


def test_below_the_reserve_a_request_waits_a_bounded_time(used_up, caplog, slept):
    """Each request is sent in the end, and the log has the remaining requests once."""
    image = used_up.state.add_image("a-snapshot")
    hook = DigitalOceanHook()
    hook.get_conn()._sleep = slept.append

    for _ in range(3):
        hook.get_conn().get_image(image.id)

    assert slept == [60.0, 60.0]
    assert len(used_up.journal.entries) == 3
    [words] = [text for text in caplog.messages if "requests an hour are left" in text]
    assert f"60 s before GET /v2/images/{image.id}" in words


def test_a_poll_waits_no_longer_than_its_interval(used_up, slept):
    """A poke may be late by one of its own intervals, whatever the budget is."""
    image = used_up.state.add_image("a-snapshot")
    action = used_up.state.add_action(image.id, region="ams3")
    hook = DigitalOceanHook(max_rate_limit_wait=5.0)
    hook.get_conn()._sleep = slept.append

    for _ in range(3):
        hook.get_conn().get_image_action(image.id, action.id)

    assert slept == [5.0, 5.0]


@pytest.mark.parametrize("reserve", [1, -0.5, "half", "50%"])
def test_an_unusable_reserve_is_refused(hook, connection, reserve):
    """The error names connection and setting."""
    connection(extra={"rate_limit_reserve": reserve})

    with pytest.raises(InvalidInputError, match="rate_limit_reserve"):
        hook.get_conn()


@pytest.mark.usefixtures("connection")
def test_a_task_leaves_the_reserved_share_of_a_minute_to_others(sim, snapshot, slept):
    """Half of 250 requests go at once, and the next one waits; a script's client never does."""
    hook = DigitalOceanHook()
    hook.get_conn()._sleep = slept.append
    for _ in range(125):
        hook.get_conn().get_image(snapshot.id)
    assert slept == []

    hook.get_conn().get_image(snapshot.id)

    assert [50 < pause <= 60 for pause in slept] == [True]
    assert sim.journal.count(status=429) == 0
