"""What the client does when a response is late, broken, rejected or lost."""

from __future__ import annotations

import http.server
import threading
import traceback

import psutil
import pytest

from airflow_provider_do_images.api import (
    ApiError,
    AuthenticationError,
    DigitalOceanError,
    InvalidResponseError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.api.http.retry import NO_RETRY
from airflow_provider_do_images.simulator import (
    ConnectionReset,
    ErrorStatus,
    HtmlResponse,
    InvalidJson,
    NoResponse,
    RateLimited,
    RequestLost,
    ResponseLost,
    SlowBody,
    TokenRevoked,
    TransientForbidden,
    TruncatedBody,
)

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture
def client(sim, slept):
    """A client with a timeout of a second, whose sleeps take no time."""
    with ApiClient(TOKEN, sim.url, read_timeout=1.0, sleep=slept.append) as client:
        yield client


PASSING = [
    ErrorStatus(500),
    ErrorStatus(502),
    ErrorStatus(503),
    ErrorStatus(504),
    ErrorStatus(524),
    RateLimited(retry_after=7),
    RateLimited(burst=False),
    RequestLost(),
    ResponseLost(),
    ConnectionReset(),
    NoResponse(),
    SlowBody(seconds=2),
    TruncatedBody(),
    InvalidJson(),
    HtmlResponse(),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_a_get_is_sent_again_after_a_temporary_fault(client, sim, slept, snapshot, fault):
    """One fault costs a GET one sleep; the second response is returned."""
    sim.faults.add(fault)

    assert client.get_image(snapshot.id).id == snapshot.id

    assert sim.journal.count("GET") == 2
    assert len(slept) == 1


def test_a_get_fails_after_five_attempts(client, sim, slept, snapshot):
    """A persistent fault raises its error, which has the number of attempts."""
    sim.faults.add(ErrorStatus(503, times=None))

    with pytest.raises(ServerError):
        client.get_image(snapshot.id)

    assert sim.journal.count("GET") == 5
    assert slept == sorted(slept)


def test_a_polling_get_is_sent_once(client, sim, snapshot):
    """The next poll is the repeat, so a fault is raised at once."""
    sim.faults.add(ErrorStatus(500))

    with pytest.raises(ServerError):
        client.get_image(snapshot.id, retry=NO_RETRY)

    assert sim.journal.count("GET") == 1


def test_the_pause_after_a_burst_429_is_at_least_retry_after(client, sim, slept, snapshot):
    """``retry-after`` is a lower bound."""
    sim.faults.add(RateLimited(retry_after=7))

    client.get_image(snapshot.id)

    assert slept[0] >= 7


def test_the_hourly_429_is_waited_out_without_a_hint(client, sim, slept, snapshot):
    """Without ``retry-after`` the pause is long, since requests come back one by one."""
    sim.faults.add(RateLimited(burst=False))

    client.get_image(snapshot.id)

    assert slept[0] >= 30


@pytest.mark.parametrize("fault", [RateLimited(retry_after=1), RateLimited(burst=False)], ids=repr)
def test_a_rate_limited_post_is_sent_again(client, sim, snapshot, fault):
    """A 429 certainly had no effect: the POST is sent again, and one action starts."""
    sim.faults.add(fault)

    client.transfer_image(snapshot.id, "ams3")

    assert sim.journal.count("POST") == 2
    assert _transfers(sim, snapshot) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ResponseLost(), TransportError),
        (ConnectionReset(after_processing=True), TransportError),
        (NoResponse(after_processing=True), TransportError),
        (SlowBody(seconds=2), TransportError),
        (TruncatedBody(), TransportError),
        (InvalidJson(), InvalidResponseError),
        (HtmlResponse(), InvalidResponseError),
        (ErrorStatus(500, after_processing=True), ServerError),
        (ErrorStatus(504, after_processing=True), ServerError),
    ],
    ids=repr,
)
def test_a_post_without_a_clear_response_is_never_sent_again(client, sim, snapshot, fault, error):
    """The client raises instead, because the action has started."""
    sim.faults.add(fault)

    with pytest.raises(error):
        client.transfer_image(snapshot.id, "ams3")

    assert sim.journal.count("POST") == 1
    assert _transfers(sim, snapshot) == 1


def test_a_post_without_a_connection_is_sent_again(slept, caplog):
    """Nothing was sent, so it is tried to the end, and Airflow may retry."""
    nobody = "http://127.0.0.1:9"
    with (
        ApiClient("token", nobody, sleep=slept.append) as client,
        pytest.raises(NotSentError) as caught,
    ):
        client.transfer_image(1, "ams3")

    assert len(slept) == 4
    said = f"no connection to the API at {nobody} (NewConnectionError); nothing was sent (POST "
    assert said in str(caught.value)
    assert "tried 5 times)" in str(caught.value)
    assert "/v2/images/1/actions, tried 2 times). Resending in " in caplog.text


def test_a_single_403_on_a_working_token_is_sent_once_more(client, sim, snapshot):
    """Temporary 403s happen in practice."""
    client.get_image(snapshot.id)
    sim.faults.add(TransientForbidden())

    assert client.get_image(snapshot.id).id == snapshot.id


def test_a_single_403_among_other_faults_is_sent_once_more(client, sim, snapshot):
    """It counts by itself, however often the request was sent again for other reasons."""
    client.get_image(snapshot.id)
    for fault in (ErrorStatus(500), ErrorStatus(502), TransientForbidden()):
        sim.faults.add(fault)

    assert client.get_image(snapshot.id).id == snapshot.id


def test_a_403_that_stays_names_the_scope(client, sim, snapshot):
    """The request is sent twice, then the error names the scope that it needs."""
    client.get_image(snapshot.id)
    sim.tokens.allow(TOKEN, {"image:read"})

    with pytest.raises(PermissionDeniedError, match="image:update"):
        client.transfer_image(snapshot.id, "ams3")

    assert sim.journal.count("POST") == 2


def test_a_403_on_a_new_token_is_final(client, sim, snapshot):
    """The request is sent once if the token never worked."""
    sim.faults.add(TransientForbidden(times=None))

    with pytest.raises(PermissionDeniedError):
        client.get_image(snapshot.id)

    assert len(sim.journal.entries) == 1


@pytest.mark.parametrize("plain_text", [False, True])
def test_a_401_is_final(client, sim, snapshot, plain_text):
    """A revoked token raises at once, whatever the body is."""
    sim.faults.add(TokenRevoked(plain_text=plain_text))

    with pytest.raises(AuthenticationError):
        client.get_image(snapshot.id)

    assert len(sim.journal.entries) == 1


def test_the_hours_budget_is_respected(client, sim, snapshot):
    """When 5,000 requests are used up, the error is the one for rate limits."""
    for _ in range(20):
        for _ in range(250):
            sim.limits.count_request(TOKEN)
        sim.clock.advance(61)

    with pytest.raises(RateLimitedError) as caught:
        client.get_image(snapshot.id, retry=NO_RETRY)

    assert caught.value.retry_after is None


def test_a_redirect_is_not_followed():
    """The token is not sent elsewhere: the error names the host as the cause."""
    asked = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{port}/stolen")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with (
            ApiClient("token", f"http://127.0.0.1:{port}") as client,
            pytest.raises(ApiError, match="redirect"),
        ):
            client.get_image(1)
        server.shutdown()

    assert asked == ["/v2/images/1"]


def test_no_error_shows_the_token(client, sim, snapshot, caplog):
    """Neither message, repr, traceback nor log of any failure has it."""
    caplog.set_level("DEBUG")
    shown = [repr(client), repr(client._session.auth)]
    for fault in [*PASSING, TransientForbidden(), TokenRevoked()]:
        sim.faults.clear()
        sim.faults.add(fault)
        try:
            client.get_image(snapshot.id, retry=NO_RETRY)
        except DigitalOceanError as error:
            shown += [str(error), repr(error), "".join(traceback.format_exception(error))]

    assert len(shown) > 2 * len(PASSING)
    assert TOKEN not in "\n".join([*shown, caplog.text])


def _transfers(sim, image):
    actions = [a for a in sim.state.actions.values() if a.resource_id == image.id]
    return len([action for action in actions if action.type == "transfer"])


def sockets_to(sim):
    """Return this process's own ports that are connected with the simulator."""
    port = int(sim.url.rpartition(":")[2])
    links = psutil.Process().net_connections(kind="tcp")
    return {link.laddr.port for link in links if link.raddr and link.raddr.port == port}


@pytest.mark.parametrize("fault", [ErrorStatus(500), ErrorStatus(404), HtmlResponse()], ids=repr)
def test_a_stored_error_holds_no_connection_open(sim, slept, fault):
    """After ``close`` there is no socket, even if the error is still referenced."""
    before = sockets_to(sim)
    sim.faults.add(fault)
    client = ApiClient("any", sim.url, retry=NO_RETRY)

    with pytest.raises(DigitalOceanError) as kept:
        client.get_image(1)
    client.close()

    assert sockets_to(sim) <= before
    assert kept.value.__traceback__ is not None
