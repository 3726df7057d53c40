"""The control interface, over HTTP."""

from __future__ import annotations

import threading

import pytest
import requests

from airflow_provider_do_images.simulator import ManualClock, Simulator

TOKEN = {"Authorization": "Bearer dop_v1_secret"}


@pytest.fixture(scope="module")
def controlled():
    """A simulator with the control interface and a manual clock."""
    with Simulator(clock=ManualClock(), control=True) as running:
        yield running


@pytest.fixture
def control(controlled):
    """Send a request to the control interface; return its JSON."""
    controlled.reset()

    def send(method, path, body=None, status=200):
        key = {"X-Control-Key": controlled.control_key}
        answer = requests.request(
            method, f"{controlled.url}/_control{path}", json=body, headers=key, timeout=5
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def get(sim, path):
    """Send a request to the API."""
    return requests.get(f"{sim.url}{path}", headers=TOKEN, timeout=30)


def test_it_is_disabled_by_default():
    """Without ``control`` its paths are a 404."""
    with Simulator() as sim:
        assert sim.control_key is None
        assert get(sim, "/_control/journal").status_code == 404


@pytest.mark.parametrize("headers", [{}, TOKEN, {"X-Control-Key": "guess"}])
def test_an_api_token_is_not_valid(controlled, headers):
    """Requests without the key are rejected without effect."""
    answer = requests.post(f"{controlled.url}/_control/reset", headers=headers, timeout=30)

    assert answer.status_code == 403


def test_the_journal_lists_and_counts_requests(controlled, control):
    """Requests are listed with token fingerprints and counted by endpoint."""
    get(controlled, "/v2/images/1")
    get(controlled, "/v2/images/2")

    journal = control("GET", "/journal")

    assert journal["counts"] == {"GET /v2/images/{image_id}": 2}
    assert [entry["path"] for entry in journal["entries"]] == ["/v2/images/1", "/v2/images/2"]
    assert {entry["status"] for entry in journal["entries"]} == {404}
    assert len(journal["entries"][0]["token_fingerprint"]) == 12
    assert "dop_v1_secret" not in str(journal)
    control("DELETE", "/journal")
    assert control("GET", "/journal")["entries"] == []


def test_the_clock_is_advanced(controlled, control):
    """Advancing the clock runs due events."""
    image = controlled.state.add_image("a-snapshot")
    action = controlled.state.begin_action("transfer", image, region="ams3", seconds=600)
    before = control("GET", "/clock")["now"]

    assert control("POST", "/clock", {"advance": 600})["now"] == before + 600

    found = get(controlled, f"/v2/actions/{action.id}").json()["action"]
    assert found["status"] == "completed"


def test_faults_are_added_listed_and_removed(controlled, control):
    """A fault added over HTTP applies like one added in Python."""
    fault = {"fault": "ErrorStatus", "status": 503, "times": None}

    assert control("POST", "/faults", fault)["faults"][0]["status"] == 503
    assert get(controlled, "/v2/regions").status_code == 503
    control("DELETE", "/faults")
    assert get(controlled, "/v2/regions").status_code == 200


def test_held_requests_are_released(controlled, control):
    """The control interface releases held requests."""
    control("POST", "/faults", {"fault": "HeldRequest"})
    answers = []
    asking = threading.Thread(target=lambda: answers.append(get(controlled, "/v2/regions")))
    asking.start()
    assert controlled.faults.all[0].reached.wait(5)
    assert answers == []

    assert control("POST", "/faults/release") == {"released": 1}

    asking.join(5)
    assert answers[0].status_code == 200


def test_an_action_is_finished(controlled, control):
    """A running action can be ended once; an unknown id is an error."""
    image = controlled.state.add_image("a-snapshot")
    action = controlled.state.add_action(image.id, region="ams3")

    ended = control("POST", f"/actions/{action.id}/finish", {"status": "errored"})

    assert ended == {"id": action.id, "status": "errored"}
    assert (
        "errored already" in control("POST", f"/actions/{action.id}/finish", status=400)["message"]
    )
    assert "no action 7" in control("POST", "/actions/7/finish", status=400)["message"]


def test_tokens_are_allowed_and_revoked(controlled, control):
    """Once a token is added, only added tokens are valid, until they are revoked."""
    control("POST", "/tokens", {"allow": "dop_v1_secret", "scopes": ["regions:read"]})
    assert get(controlled, "/v2/regions").status_code == 200
    assert get(controlled, "/v2/images").status_code == 403

    control("POST", "/tokens", {"revoke": "dop_v1_secret"})

    assert get(controlled, "/v2/regions").status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clock", {"advance": "soon"}),
        ("/clock", {"advance": -1}),
        ("/clock", {"advance": 1e300}),
        ("/faults", {"fault": "Nonsense"}),
        ("/actions/{}/finish", {"status": ["errored"]}),
        ("/tokens", {}),
        ("/tokens", {"allow": ""}),
        ("/tokens", {"scopes": ["image:read"]}),
        ("/tokens", {"allow": "dop_v1_secret", "scopes": "image:read"}),
    ],
)
def test_invalid_bodies_are_errors(controlled, control, path, body):
    """An invalid body is a 400 with one line and without effect."""
    path = path.format(next(iter(controlled.state.actions)))
    assert "\n" not in control("POST", path, body, status=400)["message"]
