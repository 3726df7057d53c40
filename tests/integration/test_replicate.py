"""Replication over HTTP: the POSTs of each region."""

from __future__ import annotations

from collections import Counter

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_do_images.api import (
    AuthenticationError,
    InvalidInputError,
    NotFoundError,
    NotSentError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.submit.image_ref import ImageRef
from airflow_provider_do_images.core.submit.replicate import Replicator
from airflow_provider_do_images.core.wait.flow import drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.core.wait.typical_durations import (
    TypicalDuration,
    read_typical_durations,
)
from airflow_provider_do_images.simulator import (
    ActionErrors,
    ErrorStatus,
    RegionsLag,
    ResponseLost,
    Rules,
)

TOKEN = "dop_v1_0123456789abcdef"
REGIONS = ("ams3", "sgp1", "blr1")
READS = {"image:read", "image:update"}


class Killed(BaseException):
    """The process was killed. No handler for errors catches this."""


class KilledAfter(HTTPAdapter):
    """Sends requests until, after so many POSTs, the process dies before the answer is read."""

    def __init__(self, posts):
        super().__init__()
        self.left = posts

    def send(self, request, *args, **kwargs):
        """Send, and die if it is time."""
        response = super().send(request, *args, **kwargs)
        self.left -= request.method == "POST"
        if self.left == 0:
            raise Killed
        return response


@pytest.fixture
def replicate(sim, client):
    """Submit an image to regions; return the rows. Pauses move the simulator's clock."""

    def run_it(image, regions=REGIONS, by=client):
        row = ImageRef(image.id, 3, "web-1")
        loop = Replicator(by, row, clock=sim.clock.now, sleep=sim.clock.advance)
        return loop.submit(regions).rows

    return run_it


def posts(sim):
    """Return how many POSTs each region had."""
    return Counter(entry.body["region"] for entry in sim.journal.entries if entry.method == "POST")


def seen(rows):
    """Return the outcome of each region so far."""
    return [(row.region, row.submission, row.wait_status) for row in rows]


def test_missing_regions_cost_two_reads_and_one_post_each(replicate, sim, snapshot):
    """For any number of regions, the image, its actions and the regions are read once."""
    rows = replicate(snapshot)

    assert seen(rows) == [(region, "submitted", None) for region in REGIONS]
    assert {(row.image_id, row.droplet_id, row.droplet_name) for row in rows} == {
        (snapshot.id, 3, "web-1")
    }
    assert sim.journal.counts() == {
        "GET /v2/images/{image_id}": 1,
        "GET /v2/images/{image_id}/actions": 1,
        "GET /v2/regions": 1,
        "POST /v2/images/{image_id}/actions": 3,
    }


def test_complete_copies_cost_two_reads(replicate, sim):
    """Nothing is submitted."""
    image = sim.state.add_image("everywhere", regions=REGIONS)

    assert seen(replicate(image)) == [(region, "already_exists", "completed") for region in REGIONS]
    assert [entry.method for entry in sim.journal.entries] == ["GET", "GET"]


def test_only_missing_regions_are_posted(replicate, sim):
    """Existing copies are left, running transfers are attached."""
    image = sim.state.add_image("a-snapshot", regions=["nyc3", "ams3"])
    running = sim.state.begin_action("transfer", image, region="sgp1", seconds=600)

    rows = replicate(image)

    assert [row.submission for row in rows] == ["already_exists", "attached", "submitted"]
    assert rows[1].action.id == running.id
    assert posts(sim) == {"blr1": 1}


def test_an_unknown_region_is_refused_before_the_first_post(replicate, sim, snapshot):
    """The message names it, and the known regions."""
    with pytest.raises(InvalidInputError, match=r"xyz1.*ams3"):
        replicate(snapshot, ("ams3", "xyz1"))

    assert not posts(sim)


def test_a_region_that_is_not_listed_but_has_the_image_is_fine(replicate, sim):
    """The list of regions depends on the account."""
    image = sim.state.add_image("a-snapshot", regions=["ric1"])

    assert seen(replicate(image, ("ric1", "ams3"))) == [
        ("ric1", "already_exists", "completed"),
        ("ams3", "submitted", None),
    ]


def test_without_the_scope_the_api_checks_the_regions(replicate, sim, snapshot, caplog):
    """A wrong region is a row of its own, and the log names the missing scope."""
    caplog.set_level("INFO")
    sim.tokens.allow(TOKEN, READS)

    rows = replicate(snapshot, ("xyz1", "ams3"))

    assert seen(rows) == [("xyz1", "rejected", None), ("ams3", "submitted", None)]
    assert "xyz1 is not a valid region" in rows[0].error
    assert "check of the regions before the submit" in caplog.text
    assert "regions:read" in caplog.text


def test_a_backup_is_refused(replicate, sim, backup):
    """Only snapshots can be transferred."""
    with pytest.raises(InvalidInputError, match=f"image {backup.id} "):
        replicate(backup)

    assert not posts(sim)


def test_an_image_that_is_not_found_fails_before_a_post(replicate, sim, snapshot):
    """A 404 of the first read concerns all regions."""
    sim.state.remove_image(snapshot, sim.clock.now())

    with pytest.raises(NotFoundError):
        replicate(snapshot)

    assert not posts(sim)


def test_one_region_that_fails_does_not_stop_the_others(replicate, sim, snapshot):
    """After three POSTs without an answer it is a row that a retry may help."""
    sim.faults.add(ErrorStatus(503, method="POST", skip=1, times=3))

    rows = replicate(snapshot)

    assert seen(rows) == [
        ("ams3", "submitted", None),
        ("sgp1", "submit_failed", None),
        ("blr1", "submitted", None),
    ]
    assert "status 503" in rows[1].error
    assert posts(sim) == {"ams3": 1, "sgp1": 3, "blr1": 1}


def test_a_lost_response_of_one_region_is_reconciled(replicate, sim, snapshot):
    """Other actions of the list were submitted by this task itself."""
    sim.faults.add(ResponseLost(method="POST", skip=1))

    rows = replicate(snapshot)

    assert [row.submission for row in rows] == ["submitted", "reconciled", "submitted"]
    assert posts(sim) == dict.fromkeys(REGIONS, 1)


def test_after_a_pause_the_image_is_read_again(replicate, sim, snapshot):
    """The image state expires, so a transfer that started meanwhile is attached."""
    sim.faults.add(ErrorStatus(503, method="POST", times=1))

    def advance(seconds):
        sim.clock.advance(seconds)
        if not sim.state.action_index.newest_first(("image", snapshot.id)):
            sim.state.begin_action("transfer", snapshot, region="blr1", seconds=3600)

    with ApiClient(TOKEN, sim.url) as by:
        loop = Replicator(by, ImageRef(snapshot.id), clock=sim.clock.now, sleep=advance)
        rows = loop.submit(REGIONS).rows

    assert [row.submission for row in rows] == ["submitted", "submitted", "attached"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_in_the_middle_and_run_again_posts_once_for_each_region(
    replicate, sim, snapshot, number
):
    """Killed between a POST and its response, the next try attaches to the action."""
    with ApiClient(TOKEN, sim.url) as doomed:
        doomed._session.mount("http://", KilledAfter(number))
        with pytest.raises(Killed):
            replicate(snapshot, by=doomed)

    rows = replicate(snapshot)

    assert [row.submission for row in rows] == ["attached"] * number + ["submitted"] * (3 - number)
    assert posts(sim) == dict.fromkeys(REGIONS, 1)


def test_a_refused_token_concerns_all_regions(replicate, sim, snapshot):
    """Nothing more is sent, and the failure names the actions that continue."""

    def advance(seconds):
        raise AssertionError("there is nothing to wait for")

    class Revoking(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            response = super().send(request, *args, **kwargs)
            if request.method == "POST":
                sim.tokens.revoke(TOKEN)
            return response

    with ApiClient(TOKEN, sim.url, sleep=lambda _: None) as by:
        by._session.mount("http://", Revoking())
        loop = Replicator(by, ImageRef(snapshot.id), clock=sim.clock.now, sleep=advance)
        with pytest.raises(AuthenticationError, match=r"ams3 \(action \d+\)"):
            loop.submit(REGIONS)

    assert set(posts(sim)) == {"ams3", "sgp1"}


def test_no_connection_at_all_concerns_all(sim, snapshot):
    """It is raised as it is, open to a retry."""
    with (
        ApiClient(TOKEN, "http://127.0.0.1:9", sleep=lambda _: None) as by,
        pytest.raises(NotSentError),
    ):
        Replicator(by, ImageRef(snapshot.id)).submit(REGIONS)


def test_waits_in_one_thread_end_each_on_its_own(replicate, sim, client, snapshot):
    """One errors at once, one is verified late, one times out; each at its own time."""
    sim.faults.add(ActionErrors(region="ams3", seconds=10))
    sim.faults.add(RegionsLag(region="sgp1", seconds=60))
    sim.state.rules = Rules(transfer_seconds=600)
    rows = replicate(snapshot)
    now = sim.clock.now()
    limits = {"ams3": 7200, "sgp1": 7200, "blr1": 300}
    waits = [
        WaitSpec(snapshot.id, row.action.id, now, now + limits[row.region], row.region)
        for row in rows
    ]

    flows = [wait_until_finished(wait, poll_interval=30, clock=sim.clock.now) for wait in waits]
    verdicts = drive_all(flows, lambda ask: ask.send(client), sim.clock.advance, sim.clock.now)

    ends = [(verdict.status, round(verdict.decided_at - now)) for verdict in verdicts]
    assert ends == [("errored", 30), ("completed", 660), ("timed_out", 300)]


def test_how_long_copies_took_is_read_from_the_account(sim, client):
    """From one page of actions and the sizes of their images."""
    snapshot = sim.state.add_image("large", size_gigabytes=40.0)
    for number, seconds in enumerate((300, 500, 400)):
        other = sim.state.add_image(f"other-{number}", size_gigabytes=30.0)
        sim.state.begin_action("transfer", other, region="ams3", seconds=seconds)
    sim.clock.advance(1000)
    image = client.get_image(snapshot.id)
    sim.journal.clear()

    usual = read_typical_durations(client, image, ["ams3", "sgp1"])

    assert usual == {"ams3": TypicalDuration(400.0, 500.0, 3), "sgp1": None}
    assert sim.journal.counts() == {"GET /v2/actions": 1, "GET /v2/images/{image_id}": 3}


@pytest.mark.parametrize(
    "fault", [ErrorStatus(503, times=None), ErrorStatus(403, times=None)], ids=repr
)
def test_without_the_history_no_duration_is_logged(sim, client, snapshot, fault):
    """It costs one request, without a resend and without a failure."""
    image = client.get_image(snapshot.id)
    sim.journal.clear()
    sim.faults.add(fault)

    assert read_typical_durations(client, image, ["ams3"]) == {"ams3": None}

    assert len(sim.journal.entries) == 1
