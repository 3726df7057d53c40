"""Image actions, headers, errors, pages and scopes over HTTP."""

from __future__ import annotations

import re

import pytest
import requests

from airflow_provider_do_images.simulator import ErrorStatus, Rules, Simulator

DAY = 24 * 3600


def error_of(answer):
    """Return status, id and message of an error response."""
    return answer.status_code, answer.json()["id"], answer.json()["message"]


def test_a_post_returns_201_with_the_action(ask, sim, snapshot):
    """The response has the action with an id above 2^31 and UTC times."""
    body = {"type": "transfer", "region": "ams3"}

    answer = ask("POST", f"/v2/images/{snapshot.id}/actions", body)

    action = answer.json()["action"]
    assert answer.status_code == 201
    assert action["id"] > 2**31
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", action["started_at"])
    assert (action["status"], action["completed_at"]) == ("in-progress", None)
    assert action["region"]["slug"] == action["region_slug"] == "ams3"


def test_a_transfer_can_hide_its_region(ask, sim, snapshot):
    """With the switch, ``region`` is null in all responses."""
    sim.state.rules = Rules(transfers_show_region=False)
    path = f"/v2/images/{snapshot.id}"
    posted = ask("POST", f"{path}/actions", {"type": "transfer", "region": "ams3"})
    sim.clock.advance(4800)

    shown = [
        posted.json()["action"],
        *ask("GET", f"{path}/actions").json()["actions"],
        ask("GET", "/v2/actions").json()["actions"][0],
    ]

    assert [(one["region"], one["region_slug"]) for one in shown] == [(None, None)] * 3
    assert [one["status"] for one in shown] == ["in-progress", "completed", "completed"]
    assert ask("GET", path).json()["image"]["regions"] == ["nyc3", "ams3"]


def test_a_converted_backup_keeps_its_id_and_no_longer_expires(ask, sim, backup):
    """The image is a snapshot at once, and still exists after 35 days."""
    answer = ask("POST", f"/v2/images/{backup.id}/actions", {"type": "convert"})
    action = answer.json()["action"]

    assert (action["type"], action["status"], action["region"]) == (
        "convert_to_snapshot",
        "completed",
        None,
    )
    sim.clock.advance(35 * DAY)
    assert ask("GET", f"/v2/images/{backup.id}").json()["image"]["type"] == "snapshot"


def test_regions_include_the_destination_after_completion(ask, sim, snapshot):
    """``regions`` includes the destination after completion; transfers run in parallel."""
    path = f"/v2/images/{snapshot.id}"
    for region in ("ams3", "sgp1"):
        ask("POST", f"{path}/actions", {"type": "transfer", "region": region})
    assert ask("GET", path).json()["image"]["regions"] == ["nyc3"]

    sim.clock.advance(4800)

    assert set(ask("GET", path).json()["image"]["regions"]) == {"nyc3", "ams3", "sgp1"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "transfer", "region": "nyc3"}, "already available"),
        ({"type": "transfer", "region": "mars1"}, "mars1 is not a valid region"),
        ({"type": "transfer"}, "not a valid region"),
        ({"type": "convert"}, "Only backups"),
    ],
)
def test_an_unprocessable_request_is_422(ask, snapshot, body, words):
    """Each invalid request has its own message."""
    status, name, message = error_of(ask("POST", f"/v2/images/{snapshot.id}/actions", body))

    assert (status, name) == (422, "unprocessable_entity")
    assert words in message


def test_backups_can_not_be_transferred(ask, backup):
    """The message is the reported one, with its misspelling."""
    body = {"type": "transfer", "region": "ams3"}

    assert error_of(ask("POST", f"/v2/images/{backup.id}/actions", body)) == (
        422,
        "unprocessable_entity",
        "Backups can not be transfered to other regions",
    )


@pytest.mark.parametrize("body", [{}, {"type": "explode"}, {"type": 5}])
def test_an_unknown_action_type_is_404(ask, snapshot, body):
    """A missing and an unknown type have the same message."""
    status, _, message = error_of(ask("POST", f"/v2/images/{snapshot.id}/actions", body))

    assert (status, message) == (404, "The specified action type is not available.")


@pytest.mark.parametrize(
    "path", ["/v2/images/1", "/v2/images/1/actions", "/v2/actions/1", "/v2/droplets/1", "/v3", "/"]
)
def test_an_unknown_object_is_404(ask, path):
    """The error id is not_found, and the request id is in body and header."""
    answer = ask("GET", path)

    assert error_of(answer)[:2] == (404, "not_found")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("body", ["[1, 2]", "{", "[" * 100_000], ids=["list", "half", "deep"])
def test_a_body_without_a_json_object_is_400(sim, snapshot, body):
    """An invalid body is a 400 and is in the journal."""
    url, headers = f"{sim.url}/v2/images/{snapshot.id}/actions", {"Authorization": "Bearer x"}

    assert requests.post(url, data=body, headers=headers, timeout=30).status_code == 400
    assert sim.journal.count("POST", status=400) == 1


def test_deleting_twice_is_422_and_reading_404(ask, snapshot):
    """The deletion is recorded as an action, and old actions remain readable."""
    path = f"/v2/images/{snapshot.id}"

    assert [ask("DELETE", path).status_code for _ in range(2)] == [204, 422]
    assert ask("GET", path).status_code == 404
    [action] = ask("GET", f"{path}/actions").json()["actions"]
    assert (action["type"], action["status"]) == ("image_destroy", "completed")


def test_pages_are_linked(ask, sim):
    """Links are absolute and keep the parameters; pages have 20 rows by default, at most 200."""
    for number in range(230):
        sim.state.add_image(f"image-{number}", tags=["many"])

    first = ask("GET", "/v2/images?tag_name=many").json()
    large = ask("GET", "/v2/images?tag_name=many&per_page=999&page=2").json()

    assert (len(first["images"]), first["meta"]["total"]) == (20, 230)
    assert first["links"]["pages"] == {
        "next": f"{sim.url}/v2/images?page=2&tag_name=many",
        "last": f"{sim.url}/v2/images?page=12&tag_name=many",
    }
    assert len(large["images"]) == 30
    assert set(large["links"]["pages"]) == {"first", "prev"}


def test_a_single_page_has_no_links(ask):
    """``links`` is an empty object."""
    assert ask("GET", "/v2/regions?per_page=200").json()["links"] == {}


def test_a_trailing_slash_is_tolerated(ask, snapshot):
    """The response is the same with and without the slash."""
    path = f"/v2/images/{snapshot.id}"

    assert ask("GET", path).json() == ask("GET", f"{path}/").json()


def test_responses_have_rate_limit_headers(ask, sim):
    """The remaining requests decrease; a 401 has no rate limit headers."""
    left = [int(ask("GET", "/v2/account").headers["ratelimit-remaining"]) for _ in range(3)]

    assert left == [4999, 4998, 4997]
    sim.faults.add(ErrorStatus(401, skip=1))
    for token in (None, "dop_v1_any"):
        unknown = ask("GET", "/v2/account", token=token)
        assert error_of(unknown)[:2] == (401, "unauthorized")
        assert not [name for name in unknown.headers if name.startswith("ratelimit")]


def test_the_headers_are_the_recorded_ones(ask, sim, snapshot):
    """All responses have the proxy's headers; 204 and 503 have the recorded exceptions."""
    found, missing = ask("GET", "/v2/account"), ask("GET", "/v2/images/1")
    deleted = ask("DELETE", f"/v2/images/{snapshot.id}")
    sim.faults.add(ErrorStatus(503))
    unavailable, unknown = ask("GET", "/v2/account"), ask("GET", "/v2/account", token=None)

    edge = {"x-request-id", "x-runtime", "x-gateway", "x-response-from", "cf-ray", "server"}
    for answer in (found, missing, deleted, unavailable, unknown):
        assert edge <= set(answer.headers)
    assert "etag" in found.headers
    assert "etag" not in missing.headers
    assert [answer.headers.get("content-type") for answer in (missing, deleted, unavailable)] == [
        "application/json; charset=utf-8",
        None,
        "application/json",
    ]
    assert unavailable.headers["connection"] == "close"
    assert "ratelimit-remaining" in unavailable.headers
    assert (unknown.headers["content-type"], unknown.json()) == (
        "application/json",
        {"id": "unauthorized", "message": "Unable to authenticate you"},
    )


def test_the_limit_per_minute_uses_virtual_time(ask, sim):
    """The 251st request of a minute is rejected, and accepted after the minute."""
    for _ in range(250):
        sim.limits.count_request("dop_v1_any")
    refused = ask("GET", "/v2/account")

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    sim.clock.advance(60)
    assert ask("GET", "/v2/account").status_code == 200


def test_retry_after_is_in_real_seconds():
    """At speed 30 a minute takes 2 s, which is the value of ``retry-after``."""
    with Simulator(speed=30) as simulator:
        for _ in range(250):
            simulator.limits.count_request("token")

        budget = simulator.limits.status("token")

    assert budget.retry_after == 2


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v2/images", "image:read"),
        ("GET", "/v2/actions", "actions:read"),
        ("GET", "/v2/droplets", "droplet:read"),
        ("GET", "/v2/regions", "regions:read"),
        ("GET", "/v2/account", "account:read"),
        ("GET", "/v2/snapshots", "snapshot:read"),
        ("GET", "/v2/tags", "tag:read"),
    ],
)
def test_each_call_needs_its_scope(ask, sim, method, path, scope):
    """A request without the scope is a 403; with the scope it succeeds."""
    sim.tokens.allow("dop_v1_any", {"nothing:read"})
    assert error_of(ask(method, path)) == (
        403,
        "forbidden",
        "you do not have access for the attempted action",
    )

    sim.tokens.allow("dop_v1_any", {scope})

    assert ask(method, path).status_code == 200


def test_fields_without_scope_are_empty(ask, sim):
    """Tags need ``tag:read``, and sizes of regions ``sizes:read``."""
    sim.tokens.allow("dop_v1_any", {"droplet:read", "regions:read"})

    droplet = ask("GET", "/v2/droplets").json()["droplets"][0]
    region = ask("GET", "/v2/regions").json()["regions"][0]

    assert (droplet["tags"], droplet["backup_ids"], droplet["image"]) == ([], [], {})
    assert region["sizes"] == []


def test_unavailable_regions_accept_images(ask, sim, snapshot):
    """Regions that are unavailable or not listed accept transfers."""
    for region in ("ams2", "ric1"):
        body = {"type": "transfer", "region": region}
        assert ask("POST", f"/v2/images/{snapshot.id}/actions", body).status_code == 201

    listed = ask("GET", "/v2/regions?per_page=200").json()["regions"]
    assert not next(region for region in listed if region["slug"] == "ams2")["available"]
    assert "ric1" not in [region["slug"] for region in listed]


@pytest.mark.parametrize(
    ("rules", "links"),
    [
        (Rules(), {"links": {}}),
        (Rules(single_page_links="pages"), {"links": {"pages": {}}}),
        (Rules(single_page_links="absent"), {}),
    ],
    ids=lambda value: getattr(value, "single_page_links", ""),
)
def test_single_page_links_can_be_changed(rules, links):
    """A switch selects each observed form of ``links``."""
    with Simulator(rules=rules) as simulator:
        headers = {"Authorization": "Bearer x"}
        answer = requests.get(f"{simulator.url}/v2/droplets", headers=headers, timeout=30).json()

    assert {key: value for key, value in answer.items() if key == "links"} == links
