"""Faults: the response, the account and the journal."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from airflow_provider_do_images.simulator import (
    ActionDisappears,
    ActionErrors,
    ActionStuck,
    ConcurrentAction,
    ConnectionReset,
    ErrorStatus,
    HeldRequest,
    HtmlResponse,
    InvalidJson,
    ManualClock,
    MissingRows,
    NoResponse,
    NotFoundAfterWrite,
    RateLimited,
    RegionsLag,
    RequestLost,
    ResponseLost,
    Simulator,
    SlowBody,
    TokenRevoked,
    TransientForbidden,
    TruncatedBody,
)

TRANSFER = {"type": "transfer", "region": "ams3"}


@pytest.fixture
def transfer(ask, snapshot):
    """Submit a transfer of the snapshot to ams3."""
    path = f"/v2/images/{snapshot.id}/actions"
    return lambda **arguments: ask("POST", path, TRANSFER, **arguments)


def begun(sim, image):
    """Return the actions of an image."""
    return [action for action in sim.state.actions.values() if action.resource_id == image.id]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, "application/json"),
        (502, "text/html"),
        (503, "application/json"),
        (504, "text/html"),
        (524, "text/html"),
    ],
)
def test_an_error_status_is_json_or_html(ask, sim, status, kind):
    """Errors are JSON or HTML by status, and ``html`` overrides it."""
    sim.faults.add(ErrorStatus(status))
    sim.faults.add(ErrorStatus(status, html=kind != "text/html"))

    usual, other = ask("GET", "/v2/account"), ask("GET", "/v2/account")

    assert (usual.status_code, other.status_code) == (status, status)
    assert usual.headers["content-type"].startswith(kind)
    assert not other.headers["content-type"].startswith(kind)
    assert ask("GET", "/v2/account").status_code == 200


@pytest.mark.parametrize("after", [True, False])
def test_an_error_is_returned_before_or_after_processing(sim, transfer, snapshot, after):
    """``after_processing`` handles the POST before the 500."""
    sim.faults.add(ErrorStatus(500, after_processing=after))

    assert transfer().status_code == 500

    assert len(begun(sim, snapshot)) == after


def test_both_kinds_of_429(ask, sim):
    """Only the 429 for the minute has ``retry-after``."""
    sim.faults.add(RateLimited(retry_after=7))
    sim.faults.add(RateLimited(burst=False))

    burst, hourly = ask("GET", "/v2/account"), ask("GET", "/v2/account")

    assert (burst.status_code, burst.headers["retry-after"]) == (429, "7")
    assert (hourly.status_code, "retry-after" in hourly.headers) == (429, False)
    assert hourly.headers["ratelimit-remaining"] == "0"
    assert hourly.json()["id"] == "too_many_requests"


def test_a_transient_403(ask, sim):
    """The first request is a 403, the next one succeeds."""
    sim.faults.add(TransientForbidden())

    assert [ask("GET", "/v2/account").status_code for _ in range(2)] == [403, 200]


@pytest.mark.parametrize("plain_text", [True, False])
def test_a_revoked_token_is_replaced(ask, sim, plain_text):
    """After the revocation only the replacement is valid."""
    sim.faults.add(TokenRevoked(replacement="new", plain_text=plain_text, skip=1))
    statuses = [ask("GET", "/v2/account").status_code for _ in range(3)]

    assert statuses == [200, 401, 401]
    assert ask("GET", "/v2/account", token="new").status_code == 200


@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        (RequestLost(), False),
        (ResponseLost(), True),
        (ConnectionReset(), False),
        (ConnectionReset(after_processing=True), True),
    ],
    ids=repr,
)
def test_a_broken_connection(sim, transfer, snapshot, fault, effect):
    """The client gets no response; the fault decides if the POST was handled."""
    sim.faults.add(fault)

    with pytest.raises(requests.ConnectionError):
        transfer()

    assert len(begun(sim, snapshot)) == effect
    assert [entry.status for entry in sim.journal.entries] == [None]


@pytest.mark.parametrize("after", [True, False])
def test_no_response(sim, transfer, snapshot, after):
    """The client's timeout ends the request."""
    sim.faults.add(NoResponse(after_processing=after))

    with pytest.raises(requests.ReadTimeout):
        transfer(timeout=0.5)

    assert len(begun(sim, snapshot)) == after


@pytest.mark.parametrize("before", [True, False])
def test_a_request_is_held_until_its_release(ask, sim, snapshot, before):
    """``before_processing`` handles the request after the release."""
    held = sim.faults.add(HeldRequest(before_processing=before))
    answers = []
    path = f"/v2/images/{snapshot.id}/actions"
    asking = threading.Thread(target=lambda: answers.append(ask("POST", path, TRANSFER)))
    asking.start()
    assert held.reached.wait(30)

    assert (len(begun(sim, snapshot)), answers) == (0 if before else 1, [])
    assert not held.processed.is_set()
    held.release()
    assert held.processed.wait(30)
    assert len(begun(sim, snapshot)) == 1
    asking.join(30)

    assert answers[0].status_code == 201
    assert len(begun(sim, snapshot)) == 1


def test_broken_bodies(ask, sim):
    """A body can be slow, truncated, invalid or HTML."""

    def ask_with(fault):
        sim.faults.clear()
        sim.faults.add(fault)
        return ask("GET", "/v2/account")

    begin = time.monotonic()
    assert ask_with(SlowBody(seconds=0.6)).json()["account"]
    assert time.monotonic() - begin >= 0.5
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask_with(TruncatedBody())
    with pytest.raises(requests.JSONDecodeError):
        ask_with(InvalidJson()).json()
    page = ask_with(HtmlResponse())
    assert (page.status_code, page.text[:15]) == (200, "<!DOCTYPE html>")


def test_rows_of_a_page_are_missing(ask, sim):
    """Rows of one list are missing, and its total still counts them."""
    sim.faults.add(MissingRows(path="/v2/images*", rows=2, skip=1))
    image_id = next(iter(sim.state.images))

    pages = [ask("GET", "/v2/images?per_page=5").json() for _ in range(3)]

    ids = [[row["id"] for row in page["images"]] for page in pages]
    assert ids[1] == ids[0][2:]
    assert ids[2] == ids[0]
    assert [page["meta"]["total"] for page in pages] == [len(sim.state.images)] * 3
    sim.faults.add(MissingRows(times=None))
    assert ask("GET", f"/v2/images/{image_id}").json()["image"]["id"] == image_id
    sim.faults.add(InvalidJson())
    assert ask("GET", "/v2/images").status_code == 200


def test_a_new_action_is_not_found_at_first(ask, sim, transfer, snapshot):
    """The first reads are a 404, but the list has the action."""
    sim.faults.add(NotFoundAfterWrite(reads=2))
    action_id = transfer().json()["action"]["id"]
    path = f"/v2/images/{snapshot.id}/actions"

    statuses = [ask("GET", f"{path}/{action_id}").status_code for _ in range(3)]

    assert statuses == [404, 404, 200]
    assert [row["id"] for row in ask("GET", path).json()["actions"]] == [action_id]


def test_another_client_starts_an_action(ask, sim, snapshot):
    """An action with an undocumented status appears in the lists."""
    sim.faults.add(ConcurrentAction(image_id=snapshot.id))

    [action] = ask("GET", f"/v2/images/{snapshot.id}/actions").json()["actions"]

    assert (action["status"], action["region_slug"]) == ("queued", "fra1")


@pytest.mark.parametrize(
    ("fault", "status", "arrives"),
    [
        (ActionErrors(), "errored", False),
        (ActionStuck(), "in-progress", False),
        (RegionsLag(seconds=5000), "completed", False),
        (ActionErrors(region="sgp1"), "completed", True),
    ],
    ids=repr,
)
def test_action_faults_change_the_outcome(ask, sim, transfer, snapshot, fault, status, arrives):
    """An action errors, is stuck, or has a late effect; other regions are not affected."""
    sim.faults.add(fault)
    action_id = transfer().json()["action"]["id"]
    sim.clock.advance(4800)

    action = ask("GET", f"/v2/actions/{action_id}").json()["action"]

    assert action["status"] == status
    assert ("ams3" in snapshot.regions) == arrives
    if isinstance(fault, RegionsLag):
        sim.clock.advance(5000)
        assert "ams3" in ask("GET", f"/v2/images/{snapshot.id}").json()["image"]["regions"]


def test_an_action_disappears_with_its_image(ask, sim, transfer, snapshot):
    """The action and the image are a 404."""
    sim.faults.add(ActionDisappears(seconds=60))
    action_id = transfer().json()["action"]["id"]
    sim.clock.advance(60)

    assert ask("GET", f"/v2/actions/{action_id}").status_code == 404
    assert ask("GET", f"/v2/images/{snapshot.id}").status_code == 404


def test_faults_match_by_method_path_and_number(ask, sim):
    """A fault applies ``times`` times to matching requests after ``skip`` matches."""
    sim.faults.add(ErrorStatus(503, method="get", path="/v2/images/*", skip=1, times=2))

    def statuses(path):
        return [ask("GET", path).status_code for _ in range(4)]

    assert statuses("/v2/regions") == [200] * 4
    assert statuses("/v2/images/1") == [404, 503, 503, 404]


def test_a_fault_can_be_delayed(ask, sim):
    """``delay_seconds`` counts virtual time from the addition of the fault."""
    sim.faults.add(ErrorStatus(503, delay_seconds=60))

    assert ask("GET", "/v2/account").status_code == 200
    sim.clock.advance(60)
    assert ask("GET", "/v2/account").status_code == 503


def test_probabilities_depend_on_the_seed():
    """A seed determines the affected requests."""

    def affected(seed):
        with Simulator(clock=ManualClock(), seed=seed) as simulator:
            simulator.faults.add(ErrorStatus(503, probability=0.5, times=None))
            session = requests.Session()
            session.headers["Authorization"] = "Bearer x"
            answers = [session.get(f"{simulator.url}/v2/account", timeout=30) for _ in range(30)]
            return [answer.status_code for answer in answers]

    assert affected(1) == affected(1) != affected(2)
    assert 5 < affected(1).count(503) < 25


def test_faults_are_combined(sim, transfer, snapshot):
    """Faults can be combined, and the journal has the names of both."""
    sim.faults.add(NotFoundAfterWrite())
    sim.faults.add(TruncatedBody())

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        transfer()

    [action] = begun(sim, snapshot)
    assert action.not_found_reads == 2
    assert sim.journal.entries[0].fault == "NotFoundAfterWrite, TruncatedBody"


def test_a_stop_does_not_wait_for_held_requests():
    """A stop closes held connections at once."""
    ended = threading.Event()

    def ask(url):
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=60)
        ended.set()

    with Simulator() as simulator:
        held = simulator.faults.add(HeldRequest())
        threading.Thread(target=ask, args=(f"{simulator.url}/v2/account",)).start()
        assert held.reached.wait(30)
    assert ended.wait(30)
