"""Deleting by a plan, against the simulator: what is sent, and what remains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from starlette.responses import Response

from airflow_provider_do_images.api import (
    DigitalOceanError,
    InvalidInputError,
    PermissionDeniedError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.prune import (
    check_number,
    delete_snapshots,
    require_tag_read_scope,
    select_deletions,
)
from airflow_provider_do_images.core.snapshots.retention import RetentionPolicy, plan_retention
from airflow_provider_do_images.simulator import (
    ErrorStatus,
    HtmlResponse,
    RateLimited,
    RequestLost,
    ResponseLost,
)
from airflow_provider_do_images.simulator.faults.base import RequestFault

RETENTION = RetentionPolicy(keep_last=2)


@pytest.fixture
def web(sim):
    """A droplet without backups."""
    return sim.state.add_droplet("web-07")


@pytest.fixture
def policy_snapshot(sim, web):
    """Return a function that adds a snapshot of a policy, so many days old."""

    def add(days, policy="prod", droplet_id=web.id, **values):
        moment = datetime.fromtimestamp(sim.clock.now(), UTC) - timedelta(days=days)
        name = str(SnapshotName(policy, droplet_id, moment))
        return sim.state.add_image(name, created_at=moment.timestamp(), **values)

    return add


@pytest.fixture
def history(policy_snapshot):
    """Five snapshots of the policy, the newest first."""
    return [policy_snapshot(days) for days in range(2, 7)]


@pytest.fixture
def planned(sim, client, history):
    """The three images that a plan for them deletes, the oldest first; the journal is empty."""
    wanted = select_deletions(read(sim, client))
    sim.journal.clear()
    return wanted


def read(sim, client, retention=RETENTION):
    """Return a plan for the account."""
    now = datetime.fromtimestamp(sim.clock.now(), UTC)
    images, droplets = client.all_private_images(), client.all_droplets()
    return plan_retention(images, droplets, "prod", retention, now=now)


def ids(decisions):
    """Return the ids of the images."""
    return [one.snapshot.image.id for one in decisions]


def requests(sim):
    """Return method and path of each request."""
    return [f"{entry.method} {entry.path}" for entry in sim.journal.entries]


def test_each_image_is_read_right_before_its_delete(sim, client, planned, history):
    """Image, actions, DELETE, one image after the other, the oldest first; all others remain."""
    before = set(sim.state.images)

    done = delete_snapshots(client, planned, RETENTION)

    gone = [image.id for image in reversed(history[2:])]
    assert ids(done) == gone
    assert all(one.deleted for one in done)
    assert set(sim.state.images) == before - set(gone)
    assert requests(sim) == [
        f"{method} /v2/images/{image_id}{end}"
        for image_id in gone
        for method, end in (("GET", ""), ("GET", "/actions"), ("DELETE", ""))
    ] + ["GET /v2/images"]


def test_only_images_of_the_policy_are_planned(sim, client, policy_snapshot, history):
    """Images of other policies, of DigitalOcean or of users do not count, nor a named backup."""
    strange = [
        policy_snapshot(9, policy="prod-2"),
        policy_snapshot(9, type="backup"),
        policy_snapshot(9, type="custom"),
        sim.state.add_image("prod-before-upgrade"),
    ]
    before = set(sim.state.images)

    delete_snapshots(client, select_deletions(read(sim, client)), RETENTION)

    assert {image.id for image in strange} <= set(sim.state.images)
    assert before - set(sim.state.images) == {image.id for image in history[2:]}


def test_a_plan_that_deletes_too_many_is_refused(planned):
    """The message has both numbers."""
    check_number(planned, 3)
    with pytest.raises(InvalidInputError, match=r"3 .*max_delete=2"):
        check_number(planned, 2)


def test_without_the_scope_nothing_is_deleted(sim):
    """Without the tags a protected image looks like an unprotected one."""
    sim.tokens.allow("dop_v1_blind", {"image:read", "droplet:read", "image:delete"})
    with (
        ApiClient("dop_v1_blind", sim.url) as blind,
        pytest.raises(PermissionDeniedError, match="tag:read"),
    ):
        require_tag_read_scope(blind)


def test_with_the_scope_it_can(sim):
    """Also in an account without any tag."""
    sim.state.tags.clear()
    sim.tokens.allow("dop_v1_seeing", {"tag:read"})
    with ApiClient("dop_v1_seeing", sim.url) as client:
        require_tag_read_scope(client)

    assert requests(sim) == ["GET /v2/tags"]


def test_an_image_protected_after_the_plan_is_retained(sim, client, planned):
    """The read before the DELETE shows the new tag; the others are deleted."""
    [first, *_] = ids(planned)
    sim.state.images[first].tags.append("keep")

    done = delete_snapshots(client, planned, RETENTION)

    assert [one.deleted for one in done] == [False, True, True]
    assert done[0].to_row()["decision"] == "retain"
    assert done[0].reasons == ("it received the tag 'keep' after the plan",)
    assert first in sim.state.images
    assert sim.journal.count("DELETE") == 2


def test_an_image_renamed_after_the_plan_is_retained(sim, client, planned):
    """It is not the policy's any more."""
    [first, *_] = ids(planned)
    client.rename_image(first, "mine")

    done = delete_snapshots(client, planned, RETENTION)

    assert not done[0].deleted
    assert sim.state.images[first].name == "mine"


def test_an_image_with_an_action_in_progress_is_retained(sim, client, planned):
    """An action of another client counts, also one with an unknown status."""
    [first, second, _] = ids(planned)
    sim.state.add_action(first, region="ams3")
    sim.state.add_action(second, region="ams3", status="queued")

    done = delete_snapshots(client, planned, RETENTION)

    assert [one.deleted for one in done] == [False, False, True]
    assert done[0].reasons == ("an action on it is in progress",)
    assert {first, second} <= set(sim.state.images)


def test_an_image_that_was_deleted_already_is_a_success(sim, client, planned):
    """Another client deleted it after the plan; no DELETE is sent for it."""
    [first, *_] = ids(planned)
    client.delete_image(first)
    sim.journal.clear()

    done = delete_snapshots(client, planned, RETENTION)

    assert [one.deleted for one in done] == [True, True, True]
    assert done[0].reasons == ("it was already deleted",)
    assert sim.journal.count("DELETE") == 2


def test_a_second_delete_is_a_success(sim, client, planned):
    """Another client deletes the image just before the DELETE, which gets a 422."""
    sim.faults.add(ErrorStatus(422, method="DELETE", after_processing=True))

    [done] = delete_snapshots(client, planned[:1], RETENTION)

    assert done.deleted
    path = f"/v2/images/{planned[0].snapshot.image.id}"
    assert requests(sim)[-2:] == [f"DELETE {path}", f"GET {path}"]


@pytest.mark.parametrize(
    "fault",
    [
        ResponseLost(method="DELETE"),
        ErrorStatus(502, method="DELETE", after_processing=True),
        HtmlResponse(method="DELETE"),
    ],
)
def test_a_delete_without_a_clear_response_is_verified(sim, client, planned, fault):
    """The image is not found, so it counts as deleted; no second DELETE is sent."""
    sim.faults.add(fault)

    done = delete_snapshots(client, planned, RETENTION)

    assert [one.deleted for one in done] == [True, True, True]
    assert sim.journal.count("DELETE") == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (RequestLost(method="DELETE", skip=1), TransportError),
        (ErrorStatus(500, method="DELETE", skip=1), ServerError),
        (ErrorStatus(422, method="DELETE", skip=1), UnprocessableError),
        (ErrorStatus(403, method="DELETE", skip=1, times=None), PermissionDeniedError),
        (ErrorStatus(500, method="GET", path="/v2/images/*", skip=2, times=None), ServerError),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "times") else value.__name__,
)
def test_the_first_error_stops_and_names_its_image(sim, client, planned, fault, error):
    """The first image is deleted, the second is not, and the third gets no request."""
    sim.faults.add(fault)
    [first, second, third] = ids(planned)

    with pytest.raises(error) as failure:
        delete_snapshots(client, planned, RETENTION)

    assert first not in sim.state.images
    assert {second, third} <= set(sim.state.images)
    assert not [line for line in requests(sim) if str(third) in line]
    assert failure.value.image_id == second


@dataclass(kw_only=True, eq=False)
class NoEffect(RequestFault):
    """A 204 for a DELETE that deletes nothing, as the API has it for backups (assumed)."""

    method: str = "DELETE"

    async def intercept(self, chain):
        """Answer as if it were done."""
        return Response(status_code=204)


def test_an_image_that_stays_after_its_delete_is_not_deleted(sim, client, planned, slept):
    """A 204 alone is no success: the image is read for a minute, then named as not deleted."""
    sim.faults.add(NoEffect(skip=1))
    [first, second, third] = ids(planned)

    with pytest.raises(DigitalOceanError) as failure:
        delete_snapshots(client, planned, RETENTION, sleep=slept.append)

    assert (failure.value.code, failure.value.image_id) == ("not_deleted", second)
    assert second in sim.state.images
    assert not {first, third} & set(sim.state.images)
    assert sum(slept) == 60
    assert sim.journal.count("GET", f"/v2/images/{third}") == 1


def test_a_late_deletion_is_verified(sim, client, planned):
    """The list still has the image, and a later read does not."""
    sim.faults.add(NoEffect(times=None))
    left = ids(planned)

    def remove(_):
        sim.state.remove_image(sim.state.images[left.pop()], sim.clock.now())

    done = delete_snapshots(client, planned, RETENTION, sleep=remove)

    assert [one.deleted for one in done] == [True, True, True]
    assert sim.journal.count("DELETE") == 3


def test_without_the_list_no_image_counts_as_deleted(sim, client, planned):
    """The DELETEs were accepted, but not verified."""
    sim.faults.add(ErrorStatus(500, path="/v2/images", times=None))

    with pytest.raises(ServerError) as failure:
        delete_snapshots(client, planned, RETENTION)

    assert failure.value.code == "server_error"
    assert sim.journal.count("DELETE", status=204) == 3


def test_a_retry_deletes_the_rest(sim, client, planned, history):
    """After an error the next plan deletes the rest, and the one after it nothing."""
    sim.faults.add(ErrorStatus(500, method="DELETE", skip=1))
    with pytest.raises(ServerError):
        delete_snapshots(client, planned, RETENTION)

    delete_snapshots(client, select_deletions(read(sim, client)), RETENTION)

    assert {image.id for image in history} & set(sim.state.images) == {
        image.id for image in history[:2]
    }
    assert select_deletions(read(sim, client)) == []


def test_a_rate_limited_delete_is_sent_again(sim, client, planned):
    """A 429 had no effect, so the DELETE and the read before it may be sent again."""
    sim.faults.add(RateLimited(method="DELETE"))
    sim.faults.add(RateLimited(method="GET", path="/v2/images/*/actions"))

    assert all(one.deleted for one in delete_snapshots(client, planned, RETENTION))
    assert sim.journal.count("DELETE", status=204) == 3


def test_snapshots_of_a_deleted_droplet_are_retained(sim, client, history, web):
    """With prune_orphans the rules and guards apply to them as to the others."""
    client.send("DELETE", f"/v2/droplets/{web.id}", "droplet:delete")

    assert select_deletions(read(sim, client)) == []
    wanted = select_deletions(read(sim, client, RetentionPolicy(keep_last=2, prune_orphans=True)))
    assert ids(wanted) == [image.id for image in reversed(history[2:])]


def test_droplets_with_gpus_are_no_orphans(sim, client, policy_snapshot):
    """Though the API lists them apart."""
    gpu = sim.state.add_droplet("train-01", size_slug="gpu-h100x1-80gb")
    images = [policy_snapshot(days, droplet_id=gpu.id) for days in (2, 3, 4)]

    assert ids(select_deletions(read(sim, client))) == [images[2].id]


def test_two_concurrent_prunes_delete_no_more_than_one(sim, client, planned, history):
    """The second carries out the same plan, and finds all images deleted."""
    other = select_deletions(read(sim, client))
    delete_snapshots(client, planned, RETENTION)

    done = delete_snapshots(client, other, RETENTION)

    assert [one.reasons for one in done] == [("it was already deleted",)] * 3
    assert sim.journal.count("DELETE") == 3
    assert {image.id for image in history[:2]} <= set(sim.state.images)
