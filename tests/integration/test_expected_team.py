"""A connection that names its team: nothing is written to another."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.api import AuthenticationError, InvalidInputError, NotSentError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.simulator import ErrorStatus, TokenRevoked

TEAM = "5df3e3004a17e242b7c20ca6c9fc25b701a47ece"
WRITES = {
    "transfer": lambda client, image: client.transfer_image(image.id, "ams3"),
    "convert": lambda client, image: client.convert_image(image.id),
    "rename": lambda client, image: client.rename_image(image.id, "another-name"),
    "delete": lambda client, image: client.delete_image(image.id),
    "tag": lambda client, image: client.tag_image(image.id, "keep"),
}


@pytest.fixture
def client(connection):
    """Return the client of a connection that expects a team."""

    def expecting(team, **fields):
        connection(extra={"expected_team": team}, **fields)
        client = DigitalOceanHook().get_conn()
        client._sleep = lambda _: None
        return client

    return expecting


@pytest.fixture
def sent(sim):
    """Return the methods and paths in the journal."""
    return lambda: [f"{entry.method} {entry.path}" for entry in sim.journal.entries]


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_to_another_team(client, sent, snapshot, write):
    """Every kind of write is refused, names both teams, and sends only GET /v2/account."""
    with pytest.raises(InvalidInputError, match=r"'My Team' .*'Another'"):
        WRITES[write](client("Another"), snapshot)

    assert sent() == ["GET /v2/account"]


def test_another_team_is_remembered(client, sent, snapshot):
    """Each write is refused, and the team is read once."""
    stranger = client("Another")
    for _ in range(3):
        with pytest.raises(InvalidInputError):
            stranger.transfer_image(snapshot.id, "ams3")

    assert sent() == ["GET /v2/account"]


@pytest.mark.parametrize("team", ["My Team", TEAM, f" {TEAM} "])
def test_the_right_team_is_read_once_before_the_first_write(client, sent, snapshot, team):
    """It is given by its name or its uuid; the next writes do not read it again."""
    ours = client(team)

    ours.transfer_image(snapshot.id, "ams3")
    ours.transfer_image(snapshot.id, "sgp1")

    post = f"POST /v2/images/{snapshot.id}/actions"
    assert sent() == ["GET /v2/account", post, post]


@pytest.mark.parametrize("team", ["", None])
def test_without_an_expected_team_the_team_is_not_read(client, sent, snapshot, team):
    """An empty field costs no request."""
    client(team).transfer_image(snapshot.id, "ams3")

    assert sent() == [f"POST /v2/images/{snapshot.id}/actions"]


def test_reads_are_for_any_team(client, sent, snapshot):
    """Reads do not request the team."""
    assert client("Another").get_image(snapshot.id).id == snapshot.id
    assert sent() == [f"GET /v2/images/{snapshot.id}"]


def test_a_token_that_may_not_read_its_team_writes_nothing(client, sim, sent, snapshot):
    """The error names the scope to add, and a retry does not help."""
    sim.tokens.allow("narrow", {"image:read", "image:update"})

    with pytest.raises(InvalidInputError, match="account:read"):
        client("My Team", password="narrow").transfer_image(snapshot.id, "ams3")

    assert set(sent()) == {"GET /v2/account"}


def test_a_team_that_cannot_be_read_now_leaves_the_write_to_a_retry(client, sim, sent, snapshot):
    """After several 5xx the write counts as not sent; later it works."""
    ours = client("My Team")
    sim.faults.add(ErrorStatus(500, path="/v2/account", times=5))

    with pytest.raises(NotSentError):
        ours.transfer_image(snapshot.id, "ams3")
    assert sent() == ["GET /v2/account"] * 5

    ours.transfer_image(snapshot.id, "ams3")
    assert sent()[5:] == ["GET /v2/account", f"POST /v2/images/{snapshot.id}/actions"]


def test_a_revoked_token_is_reported_as_such(client, sim, snapshot):
    """A 401 for the account has the message of a 401 for the write."""
    sim.faults.add(TokenRevoked(path="/v2/account"))

    with pytest.raises(AuthenticationError):
        client("My Team").transfer_image(snapshot.id, "ams3")


@pytest.mark.parametrize(
    ("team", "scopes", "ok", "words"),
    [
        ("My Team", None, True, "'My Team'"),
        ("Another", None, False, "'Another'"),
        ("My Team", {"image:read"}, False, "account:read"),
    ],
)
def test_the_connection_test_reads_the_team(client, connection, sim, team, scopes, ok, words):
    """Another team, or one that cannot be read, fails the test before a task does."""
    sim.tokens.allow("token", scopes)
    client(team, password="token")

    passed, message = DigitalOceanHook().test_connection()

    assert passed is ok
    assert words in message
