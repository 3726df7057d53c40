"""One shared poller for many waits: its requests are counted, and no wait delays another."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.simulator import (
    ErrorStatus,
    HtmlResponse,
    NoResponse,
    RequestLost,
    TransientForbidden,
)
from devtools.answer_server import AnswerServer, json_answer

FEED = "/v2/actions"
ALWAYS = {"times": None}
SHORT = 0.5
"""Real seconds until an answer that never comes is given up."""
SINGLE = "GET /v2/images/{image_id}/actions/{action_id}"
OF_IMAGE = "GET /v2/images/{image_id}/actions"


@pytest.fixture
def outcomes(run, wait_for):
    """Wait for many actions at once, with something going on beside; return how often each end."""

    def ends(actions, *beside, **arguments):
        async def all_of_them():
            tasks = [asyncio.create_task(coroutine) for coroutine in beside]
            verdicts = await asyncio.gather(*(wait_for(a, **arguments) for a in actions))
            await asyncio.gather(*tasks)
            return verdicts

        return Counter(verdict.status for verdict in run(all_of_them()))

    return ends


@pytest.fixture
def no_feed(sim):
    """A token that may not read the account's list of actions."""
    sim.tokens.allow("narrow", {"image:read"})
    return {"token": "narrow"}


def test_two_hundred_waits_cost_what_one_page_costs(sim, transfers, finish, outcomes):
    """Each cycle reads one page of actions; one page of images verifies all completed ones."""
    actions = transfers(images=20, regions=10)

    ends = outcomes(actions, finish(*actions, seconds=3.0))

    assert ends == {WaitStatus.COMPLETED: 200}

    asked = sim.journal.counts()
    assert SINGLE not in asked
    assert asked["GET /v2/images"] == 1
    assert len(sim.journal.entries) < 20


def test_ten_regions_of_one_image_are_one_list_and_one_verification(
    sim, transfers, finish, outcomes
):
    """The image's own list has them all, without the account's other actions."""
    actions = transfers(images=1, regions=10)

    assert outcomes(actions, finish(*actions)) == {WaitStatus.COMPLETED: 10}

    asked = sim.journal.counts()
    assert set(asked) == {OF_IMAGE, "GET /v2/images/{image_id}"}
    assert asked["GET /v2/images/{image_id}"] == 1


def test_one_wait_reads_its_own_action_alone(sim, transfers, finish, outcomes):
    """Nothing is read that no wait needs."""
    actions = transfers(images=1)

    assert outcomes(actions, finish(*actions)) == {WaitStatus.COMPLETED: 1}

    assert set(sim.journal.counts()) == {SINGLE, "GET /v2/images/{image_id}"}


def test_old_actions_are_read_by_image(sim, transfers, finish, outcomes):
    """Three single reads cost less than the pages down to these actions."""
    actions = transfers(images=3)
    other = sim.state.add_image("another")
    for _ in range(2000):
        sim.state.add_action(other.id, region="fra1")

    assert outcomes(actions, finish(*actions, seconds=1.0)) == {WaitStatus.COMPLETED: 3}

    assert sim.journal.count(path=FEED) <= 3


@pytest.mark.parametrize(
    "fault",
    [
        ErrorStatus(500, **ALWAYS),
        HtmlResponse(**ALWAYS),
        NoResponse(**ALWAYS),
        ErrorStatus(404, **ALWAYS),
    ],
    ids=["500", "html", "hang", "404"],
)
def test_a_broken_list_of_actions_is_not_read_again(sim, transfers, finish, outcomes, fault):
    """After its second failure the images are read, and its rows end no wait."""
    sim.faults.add(dataclasses.replace(fault, path=FEED))
    actions = transfers(images=5)

    assert outcomes(actions, finish(*actions), read_timeout=SHORT) == {WaitStatus.COMPLETED: 5}

    assert sim.journal.count(path=FEED) == 2


def test_a_token_without_actions_read_reads_by_image(sim, transfers, finish, outcomes, no_feed):
    """The rejected list is requested twice, and then no more."""
    actions = transfers(images=5, regions=2)

    ends = outcomes(actions, finish(*actions, seconds=0.5), **no_feed)

    assert ends == {WaitStatus.COMPLETED: 10}
    assert sim.journal.count(path=FEED, status=403) == sim.journal.count(path=FEED) == 2
    assert SINGLE not in sim.journal.counts()


def test_a_passing_refusal_does_not_end_the_use_of_the_list(sim, transfers, finish, outcomes):
    """After a single 403 the poller still reads by page."""
    sim.faults.add(TransientForbidden(path=FEED))
    actions = transfers(images=5)

    assert outcomes(actions, finish(*actions)) == {WaitStatus.COMPLETED: 5}

    assert sim.journal.count(path="/v2/images/*/actions*") == 0


def test_after_an_outage_the_list_is_used_again(sim, transfers, finish, outcomes):
    """The images failed as well, so the list is requested next."""
    sim.faults.add(RequestLost(times=7))  # the list, then three times the list and an image
    actions = transfers(images=5)

    assert outcomes(actions, finish(*actions, seconds=2.5)) == {WaitStatus.COMPLETED: 5}

    of_images = [entry for entry in sim.journal.entries if "/actions/" in entry.path]
    assert {entry.fault for entry in of_images} == {"RequestLost"}


def test_a_foreign_row_ends_no_wait(sim, transfers, finish, outcomes):
    """An action of another client with an unknown status is skipped."""
    actions = transfers(images=5)
    sim.state.add_action(actions[0].resource_id, region="fra1", status="queued")

    assert outcomes(actions, finish(*actions)) == {WaitStatus.COMPLETED: 5}


def test_an_unknown_status_ends_its_own_wait_alone(sim, transfers, finish, outcomes):
    """The wait for this action ends as unknown_status; the others complete."""
    actions = transfers(images=5)
    strange = sim.state.add_action(actions[0].resource_id, region="fra1", status="queued")

    ends = outcomes([strange, *actions], finish(*actions))

    assert ends == {WaitStatus.UNKNOWN_STATUS: 1, WaitStatus.COMPLETED: 5}


def test_an_action_that_is_not_found_ends_its_own_wait_alone(sim, transfers, finish, outcomes):
    """An id that no page has is read by itself, and ends as not_found."""
    actions = transfers(images=5)
    lost = sim.state.add_action(actions[0].resource_id, region="fra1")
    sim.state.discard(lost)

    ends = outcomes([lost, *actions], finish(*actions), running_for=500)

    assert ends == {WaitStatus.NOT_FOUND: 1, WaitStatus.COMPLETED: 5}


@pytest.mark.parametrize("fault", [NoResponse, ErrorStatus, RequestLost])
def test_images_that_never_respond_delay_no_other(sim, transfers, finish, outcomes, no_feed, fault):
    """Four that always fail, and come first, time out; the others complete."""
    broken, working = transfers(images=4), transfers(images=4)
    for action in broken:
        sim.faults.add(fault(path=f"/v2/images/{action.resource_id}/*", **ALWAYS))

    ends = outcomes(
        [*broken, *working], finish(*working), reserve=0.0, read_timeout=SHORT, **no_feed
    )

    assert ends == {WaitStatus.TIMED_OUT: 4, WaitStatus.COMPLETED: 4}


def test_a_failed_verification_delays_no_other(sim, transfers, finish, outcomes):
    """An image that cannot be read makes its own wait unverified, and no other."""
    actions = transfers(images=3)
    sim.faults.add(NoResponse(path="/v2/images", **ALWAYS))
    sim.faults.add(NoResponse(path=f"/v2/images/{actions[0].resource_id}", **ALWAYS))

    ends = outcomes(actions, finish(*actions), seconds=20.0, read_timeout=SHORT)

    assert ends == {WaitStatus.UNVERIFIED: 1, WaitStatus.COMPLETED: 2}
    assert sim.journal.count(path="/v2/images") == 1


def test_lagging_verifications_share_their_reads(sim, transfers, finish, outcomes, monkeypatch):
    """Ten waits on one image are verified again at about the same time."""
    monkeypatch.setattr(wait, "VERIFY_INTERVAL", 0.5)
    actions = transfers(images=1, regions=10)
    path = f"/v2/images/{actions[0].resource_id}"
    sim.faults.add(ErrorStatus(500, path=path, times=None))

    ends = outcomes(actions, finish(*actions))

    assert ends == {WaitStatus.UNVERIFIED: 10}
    assert sim.journal.count(path=path) <= 33  # eleven reads; one by one it would be 110


def test_a_list_of_images_that_repeats_itself_is_not_read_for_ever(run, wait_for):
    """Its total grows with each page; the images are then read one by one."""
    actions = [SimpleNamespace(id=id_, resource_id=id_ + 100, region="ams3") for id_ in range(1, 5)]
    rows = [
        {"id": one.id, "status": "completed", "type": "transfer", "region_slug": "ams3"}
        | {"resource_id": one.resource_id, "resource_type": "image"}
        for one in actions
    ]

    def answer(request):
        kind = request.path.removeprefix("/v2/").partition("/")[0]
        if request.path == "/v2/actions":
            return json_answer({"actions": rows, "meta": {"total": 4}})
        if request.path == "/v2/images":
            links = {"pages": {"next": "https://example.com/?page=9"}}
            total = {"total": request.page * 200 + 1}
            images = [{"id": 7, "type": "snapshot", "regions": []}]
            return json_answer({kind: images, "meta": total, "links": links})
        id_ = int(request.path.rpartition("/")[2])
        return json_answer({"image": {"id": id_, "type": "snapshot", "regions": ["ams3"]}})

    async def all_of_them(server):
        return await asyncio.gather(*(wait_for(one, at=server) for one in actions))

    with AnswerServer(answer) as server:
        verdicts = run(all_of_them(server))

    assert {verdict.status for verdict in verdicts} == {WaitStatus.COMPLETED}
    assert len([request for request in server.requests if request.path == "/v2/images"]) == 2
