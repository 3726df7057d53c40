"""Submits against an API that never reports the region of a transfer, over HTTP."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.results import Submission
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked
from airflow_provider_do_images.core.submit.image_ref import ImageRef
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.replicate import Replicator
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.flow import drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.typical_durations import read_typical_durations
from airflow_provider_do_images.simulator import (
    ActionErrors,
    RegionsLag,
    RequestLost,
    ResponseLost,
    Rules,
)

REGIONS = ("ams3", "sgp1", "blr1")


@pytest.fixture(autouse=True)
def _no_regions(sim):
    sim.state.rules = Rules(transfers_show_region=False, transfer_seconds=600)


@pytest.fixture
def submit(sim, client):
    """Submit a transfer once; pauses move the simulator's clock."""

    def run_it(image, region, own=None):
        clock, request = sim.clock, ActionRequest(image.id, region)
        return IdempotentSubmitter(
            client, request, own=own, clock=clock.now, sleep=clock.advance
        ).submit()

    return run_it


@pytest.fixture
def wait_for(sim, client):
    """Wait for the blocking transfers as an operator does."""

    def wait(*blocked):
        clock = sim.clock
        waits = [w for one in blocked for w in one.waits(clock.now(), clock.now() + 7200)]
        flows = [wait_until_finished(w, poll_interval=30, clock=clock.now) for w in waits]
        return drive_all(flows, lambda ask: ask.send(client), clock.advance, clock.now)

    return wait


@pytest.fixture
def replicate(sim, client):
    """Submit an image to regions once."""

    def run_it(image, own=None):
        clock, row = sim.clock, ImageRef(image.id)
        loop = Replicator(client, row, own=own, clock=clock.now, sleep=clock.advance)
        return loop.submit(REGIONS)

    return run_it


def posts(sim):
    """Return how many POSTs each region had."""
    return Counter(entry.body["region"] for entry in sim.journal.entries if entry.method == "POST")


def ids(blocked):
    """Return the ids of the transfers that block a submit."""
    return {action.id for action in blocked.actions}


def test_a_transfer_to_another_region_is_waited_for_and_then_the_post_is_sent(
    submit, wait_for, sim, snapshot
):
    """Two transfers of one image, side by side: neither is doubled, and neither fails."""
    first = submit(snapshot, "fra1")

    blocked = submit(snapshot, "ams3")

    assert isinstance(blocked, Blocked)
    assert ids(blocked) == {first.action.id}
    wait_for(blocked)
    assert submit(snapshot, "ams3").submission is Submission.SUBMITTED
    assert posts(sim) == {"fra1": 1, "ams3": 1}


def test_a_retry_waits_for_its_own_transfer_and_finds_the_copy(submit, wait_for, sim, snapshot):
    """Another try does not know the action; when it has ended, the image shows the region."""
    submit(snapshot, "ams3")

    blocked = submit(snapshot, "ams3")
    wait_for(blocked)

    assert submit(snapshot, "ams3").submission is Submission.ALREADY_EXISTS
    assert posts(sim) == {"ams3": 1}


def test_a_retry_after_its_own_transfer_errored_submits_again(submit, wait_for, sim, snapshot):
    """The image does not show the region, and no completed transfer can have added it."""
    sim.faults.add(ActionErrors(seconds=60))
    submit(snapshot, "ams3")

    wait_for(submit(snapshot, "ams3"))

    assert submit(snapshot, "ams3").submission is Submission.SUBMITTED
    assert posts(sim) == {"ams3": 2}


def test_a_copy_that_is_shown_late_is_not_made_twice(submit, sim, snapshot):
    """The image does not show a completed transfer yet, so it is read again."""
    sim.faults.add(RegionsLag(seconds=45))
    submit(snapshot, "ams3")
    sim.clock.advance(600)

    assert submit(snapshot, "ams3").submission is Submission.ALREADY_EXISTS
    assert posts(sim) == {"ams3": 1}


def test_a_copy_that_is_not_shown_for_long_fails_without_a_post(submit, sim, snapshot):
    """After a minute, open to a retry, and with the action's id."""
    sim.faults.add(RegionsLag(seconds=4000))
    first = submit(snapshot, "ams3")
    sim.clock.advance(600)

    with pytest.raises(DigitalOceanError) as caught:
        submit(snapshot, "ams3")

    assert caught.value.code == "transfer_not_shown"
    assert caught.value.action_id == first.action.id
    assert posts(sim) == {"ams3": 1}


def test_a_lost_response_is_reconciled_by_the_new_id(submit, sim, snapshot):
    """The only transfer that was not in the list before is taken."""
    sim.faults.add(ResponseLost(method="POST"))

    found = submit(snapshot, "ams3")

    assert found.submission is Submission.RECONCILED
    assert sim.state.actions[found.action.id].region == "ams3"
    assert posts(sim) == {"ams3": 1}


@pytest.mark.parametrize(
    ("fault", "candidates", "outcome", "number"),
    [
        (ResponseLost(method="POST"), 3, Submission.ALREADY_EXISTS, 1),
        (RequestLost(method="POST"), 2, Submission.SUBMITTED, 2),
    ],
    ids=repr,
)
def test_after_a_lost_response_several_candidates_are_waited_for(
    sim, client, submit, wait_for, snapshot, fault, candidates, outcome, number
):
    """Other clients started transfers meanwhile: the image shows the result."""
    sim.faults.add(fault)
    post = client.transfer_image

    def transfer(*arguments):
        for region in ("sgp1", "blr1"):
            sim.state.begin_action("transfer", snapshot, region=region, seconds=300)
        client.transfer_image = post
        return post(*arguments)

    client.transfer_image = transfer

    blocked = submit(snapshot, "ams3")

    assert len(ids(blocked)) == candidates
    wait_for(blocked)
    assert submit(snapshot, "ams3").submission is outcome
    assert posts(sim) == {"ams3": number}


def test_one_task_copies_to_all_regions_at_once(replicate, sim, snapshot):
    """The task knows its own transfers by id, so the first does not block the next."""
    submitted = replicate(snapshot)

    assert [row.submission for row in submitted.rows] == ["submitted"] * 3
    assert [row.to_json()["region_slug"] for row in submitted.rows] == list(REGIONS)
    assert submitted.blocked == []
    assert posts(sim) == dict.fromkeys(REGIONS, 1)


@pytest.mark.parametrize("fault", [ResponseLost, RequestLost])
@pytest.mark.parametrize("number", range(3))
def test_a_lost_response_among_own_transfers_is_reconciled(replicate, sim, snapshot, fault, number):
    """Among the actions that the task submitted itself, only one is new."""
    sim.faults.add(fault(method="POST", skip=number))
    expected = ["submitted"] * 3
    if fault is ResponseLost:
        expected[number] = "reconciled"

    submitted = replicate(snapshot)

    assert [row.submission for row in submitted.rows] == expected
    assert max(posts(sim).values()) == (1 if fault is ResponseLost else 2)


def test_a_retry_of_a_replication_waits_for_all_and_posts_nothing_twice(
    replicate, wait_for, sim, snapshot
):
    """The regions are unknown; when all have ended, the image shows the missing ones."""
    sim.faults.add(ActionErrors(region="sgp1", seconds=60))
    first = replicate(snapshot)

    again = replicate(snapshot)

    assert again.rows == []
    assert {one.request.region for one in again.blocked} == set(REGIONS)
    assert ids(again.blocked[0]) == {row.action.id for row in first.rows}
    wait_for(again.blocked[0])
    last = replicate(snapshot)
    assert [row.submission for row in last.rows] == [
        "already_exists",
        "submitted",
        "already_exists",
    ]
    assert posts(sim) == {"ams3": 1, "sgp1": 2, "blr1": 1}


def test_a_retry_with_stored_transfers_attaches_at_once(submit, replicate, sim, snapshot):
    """An earlier try stored them; errored ones are submitted again."""
    stored = {}
    sim.faults.add(ActionErrors(region="sgp1", seconds=60))
    first = replicate(snapshot, OwnTransfers(save=stored.update))
    assert stored == {row.action.id: row.region for row in first.rows}
    sim.clock.advance(60)

    again = replicate(snapshot, OwnTransfers(stored))

    assert [row.submission for row in again.rows] == ["attached", "submitted", "attached"]
    assert posts(sim) == {"ams3": 1, "sgp1": 2, "blr1": 1}


def test_a_transfer_found_after_a_lost_response_is_not_stored(submit, sim, snapshot):
    """Another client may have started it."""
    stored = {}
    sim.faults.add(ResponseLost(method="POST"))

    submit(snapshot, "ams3", OwnTransfers(save=stored.update))

    assert stored == {}


def test_the_typical_duration_is_unknown(sim, client, snapshot):
    """No past transfer can be compared: one request, and nothing is logged."""
    sim.state.begin_action("transfer", snapshot, region="ams3")
    image = client.get_image(snapshot.id)
    sim.journal.clear()

    assert read_typical_durations(client, image, ["ams3"]) == {"ams3": None}

    assert sim.journal.counts() == {"GET /v2/actions": 1}
