"""Answers of any kind: only documented errors leave the client, and no write is sent twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import asdict, is_dataclass
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_do_images.api import DigitalOceanError, ImageAction
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.api.http.retry import NO_RETRY, RetryPolicy
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait import flow as waiting
from airflow_provider_do_images.core.wait.event import read_event
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger
from devtools.answers import answers

TOKEN = "dop_v1_0123456789abcdef"
CALLS = {
    "convert": lambda client: client.convert_image(1),
    "transfer": lambda client: client.transfer_image(1, "ams3"),
    "rename": lambda client: client.rename_image(1, "a-name"),
    "delete": lambda client: client.delete_image(1),
    "tag": lambda client: client.tag_image(1, "nightly"),
    "action": lambda client: client.get_image_action(1, 2),
    "image": lambda client: client.get_image(1),
    "droplet": lambda client: client.get_droplet(1),
    "team": lambda client: client.get_team(),
    "count": lambda client: client.count_private_images(retry=NO_RETRY),
    "history": lambda client: list(client.list_image_actions(1, [])),
    "newest": lambda client: client.newest_image_actions(1).rows,
    "actions": lambda client: list(client.list_actions()),
    "page": lambda client: client.actions_page(1).problems,
    "images": lambda client: client.all_private_images(),
    "tagged": lambda client: list(client.list_images(tag="nightly")),
    "droplets": lambda client: client.all_droplets(tag="nightly"),
    "backups": lambda client: list(client.list_droplet_backups(1)),
    "tags": lambda client: list(client.list_tags()),
    "regions": lambda client: list(client.list_regions()),
}
HARMLESS = {403, 429}
"""Statuses after which a write may be sent again: the API has refused it."""


@pytest.fixture(scope="module")
def serve(server):
    """Let the server give some answers in turn; return the statuses given to each request."""

    def set_answers(some):
        given_to = defaultdict(list)
        turns = cycle(some)

        def answer(request):
            one = next(turns)
            given_to[request.method, request.path].append(one.status)
            return one.content

        server.requests.clear()
        server.answer = answer
        return given_to

    return set_answers


@pytest.mark.parametrize("name", CALLS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(answers(), min_size=1, max_size=3), team=st.sampled_from(["", "My Team"]))
def test_only_documented_errors_leave_the_client(server, serve, name, some, team):
    """And what leaves it as a value or a message can be logged, stored and sent on."""
    given_to = serve(some)
    policy = RetryPolicy(attempts=3)
    client = ApiClient(
        TOKEN,
        server.url,
        retry=policy,
        expected_team=team,
        sleep=lambda _: None,
        max_rate_limit_wait=60.0,
    )
    with client:
        try:
            result = CALLS[name](client)
        except DigitalOceanError as error:
            result = f"{error} {error.code}"[:5000]
    for one in result if isinstance(result, list) else [result]:
        row = one.to_json() if isinstance(one, ImageAction) else one
        values = asdict(one) if is_dataclass(one) else str(one)
        text = json.dumps([row, values], default=str, ensure_ascii=False, allow_nan=False)
        assert TOKEN not in text.encode("utf-8").decode()
        assert len(text) < 500_000
    assert len(server.requests) < 100
    for (method, _), statuses in given_to.items():
        assert method == "GET" or set(statuses[:-1]) <= HARMLESS


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(answers(), min_size=1, max_size=3))
def test_a_trigger_ends_with_one_event_that_says_how(server, serve, some):
    """It never breaks off: every answer is a poll that failed, or the end of the wait."""
    serve(some)
    with pytest.MonkeyPatch.context() as patch:
        fields = {"conn_type": "digitalocean", "host": server.url, "password": TOKEN}
        patch.setenv("AIRFLOW_CONN_DIGITALOCEAN_DEFAULT", json.dumps(fields))
        patch.setattr(waiting, "CONFIRMATION_DELAY", 0.01)
        event = asyncio.run(_event())

    _, [result] = read_event(json.loads(json.dumps(event, allow_nan=False)))
    assert result.status is not WaitStatus.INTERNAL_ERROR
    assert TOKEN not in json.dumps(event)


async def _event():
    now = time.time()
    trigger = DigitalOceanImageActionTrigger(
        waits=[WaitSpec(1, 2, now - 500, now + 0.05, "ams3", 0.05).to_json()],
        first_poll_at=now,
        poll_interval=0.02,
    )
    [event] = [event async for event in trigger.run()]
    return event.payload


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(answers(), min_size=1, max_size=3))
def test_the_hook_raises_only_documented_errors(server, serve, some):
    """Its own methods and the Test button."""
    serve(some)
    with pytest.MonkeyPatch.context() as patch:
        fields = {"conn_type": "digitalocean", "host": server.url, "password": TOKEN}
        extra = {"max_retries": 0}
        patch.setenv("AIRFLOW_CONN_DIGITALOCEAN_DEFAULT", json.dumps({**fields, "extra": extra}))
        passed, message = DigitalOceanHook().test_connection()
        assert isinstance(passed, bool)
        message.encode("utf-8")
        try:
            DigitalOceanHook().transfer_image(1, "ams3")
        except DigitalOceanError as error:
            str(error).encode("utf-8")
    assert sum(request.method == "POST" for request in server.requests) == 1
