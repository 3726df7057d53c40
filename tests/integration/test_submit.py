"""Submitting over HTTP: how an action is obtained, and the POSTs."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_do_images.api import (
    NotFoundError,
    ServerError,
    TransportError,
    UnknownStatusError,
    UnprocessableError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.results import Submission, WaitStatus
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.flow import drive, wait_until_finished
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.simulator import (
    ActionErrors,
    ConnectionReset,
    ErrorStatus,
    HeldRequest,
    HtmlResponse,
    InvalidJson,
    RegionsLag,
    RequestLost,
    ResponseLost,
    TruncatedBody,
)

TOKEN = "dop_v1_0123456789abcdef"


@pytest.fixture
def submit(sim, client):
    """Submit a conversion, or a transfer to a region; pauses move the simulator's clock."""

    def run_it(image, region=None):
        clock = sim.clock
        request = ActionRequest(image.id, region)
        return IdempotentSubmitter(client, request, clock=clock.now, sleep=clock.advance).submit()

    return run_it


def posts(sim):
    """Return the number of POSTs in the journal."""
    return sim.journal.count("POST")


def test_a_missing_copy_is_posted_once(submit, sim, snapshot):
    """Two GETs, one POST."""
    submission = submit(snapshot, "ams3")

    assert submission.submission is Submission.SUBMITTED
    assert [entry.method for entry in sim.journal.entries] == ["GET", "GET", "POST"]


def test_an_existing_result_is_not_posted(submit, sim, snapshot):
    """A snapshot needs no convert, and a region that has the image no transfer."""
    assert submit(snapshot).submission is Submission.ALREADY_EXISTS
    assert submit(snapshot, "nyc3").submission is Submission.ALREADY_EXISTS

    assert posts(sim) == 0


def test_a_running_action_is_attached(submit, sim, snapshot):
    """A second submit finds the action of the first; one to another region does not."""
    first = submit(snapshot, "ams3")

    again, other = submit(snapshot, "ams3"), submit(snapshot, "sgp1")

    assert (again.submission, again.action.id) == (Submission.ATTACHED, first.action.id)
    assert other.submission is Submission.SUBMITTED
    assert posts(sim) == 2


def test_a_completed_action_with_a_lagging_image_is_attached(submit, sim, snapshot):
    """The image's regions lag behind, so the completed action is taken and verified later."""
    sim.faults.add(RegionsLag(seconds=10_000))
    first = submit(snapshot, "ams3")
    sim.clock.advance(4800)
    sim.faults.clear()

    again = submit(snapshot, "ams3")

    assert (again.submission, again.action.id) == (Submission.ATTACHED, first.action.id)
    assert posts(sim) == 1


def test_an_errored_action_is_submitted_again(submit, sim, snapshot, caplog):
    """The errored action is not attached, and the log says so."""
    caplog.set_level("INFO")
    sim.faults.add(ActionErrors(seconds=10))
    first = submit(snapshot, "ams3")
    sim.clock.advance(10)

    again = submit(snapshot, "ams3")

    assert again.submission is Submission.SUBMITTED
    assert again.action.id != first.action.id
    assert f"Action {first.action.id} errored; submitting the transfer" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        ResponseLost(method="POST"),
        ConnectionReset(method="POST", after_processing=True),
        ErrorStatus(500, method="POST", after_processing=True),
        ErrorStatus(524, method="POST", after_processing=True),
        ErrorStatus(408, method="POST", after_processing=True),
        ErrorStatus(425, method="POST", after_processing=True),
        ErrorStatus(499, method="POST", after_processing=True),
        HtmlResponse(method="POST"),
        InvalidJson(method="POST"),
        TruncatedBody(method="POST"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("region", ["ams3", None])
def test_a_lost_response_is_reconciled(submit, sim, snapshot, backup, fault, region):
    """The action that was not in the list before the POST is the result, for both types."""
    image = snapshot if region else backup
    sim.state.add_action(image.id, region="blr1", status="completed")
    sim.faults.add(fault)

    submission = submit(image, region)

    assert submission.submission is Submission.RECONCILED
    assert submission.action.id in sim.state.actions
    assert posts(sim) == 1


def test_a_lost_response_is_reconciled_after_failed_reads(submit, sim, snapshot):
    """The action list is read again until it can be read."""
    sim.faults.add(ResponseLost(method="POST"))
    sim.faults.add(ErrorStatus(503, method="GET", skip=2, times=12))

    assert submit(snapshot, "ams3").submission is Submission.RECONCILED

    assert posts(sim) == 1


def test_a_post_that_had_no_effect_is_sent_again_after_a_minute(submit, sim, snapshot):
    """Not found for long enough, the POST is repeated."""
    sim.faults.add(RequestLost(method="POST"))
    begun = sim.clock.now()

    assert submit(snapshot, "ams3").submission is Submission.SUBMITTED

    assert posts(sim) == 2
    assert sim.clock.now() - begun >= 60


def test_a_post_without_an_effect_fails_after_three_attempts(submit, sim, snapshot):
    """After three POSTs the failure is raised, and Airflow may retry."""
    sim.faults.add(ErrorStatus(503, method="POST", times=None))

    with pytest.raises(ServerError):
        submit(snapshot, "ams3")

    assert posts(sim) == 3


def test_an_action_of_a_faster_client_is_found(submit, sim, snapshot):
    """After a 422 on the POST the image is read: the copy exists, so nothing failed."""
    held = sim.faults.add(HeldRequest(method="POST", before_processing=True))

    def be_faster():
        assert held.reached.wait(5)
        sim.state.begin_action("transfer", snapshot, region="ams3")
        held.release()

    other = threading.Thread(target=be_faster)
    other.start()
    submission = submit(snapshot, "ams3")
    other.join()

    assert submission.submission is Submission.ALREADY_EXISTS
    assert [entry.status for entry in sim.journal.entries if entry.method == "POST"] == [422]


def test_a_persistent_rejection_fails(submit, sim, backup):
    """A 422 that a second read does not explain is raised, without another POST."""
    with pytest.raises(UnprocessableError):
        submit(backup, "ams3")

    assert posts(sim) == 1


def test_an_expired_backup_is_not_found(submit, sim, backup):
    """Backups are deleted by DigitalOcean after weeks."""
    sim.clock.advance(29 * 24 * 3600)

    with pytest.raises(NotFoundError, match=f"image {backup.id}"):
        submit(backup)


def test_a_backup_that_expires_under_the_post_is_not_found(submit, sim, backup):
    """It existed when it was read, and not at the POST."""
    held = sim.faults.add(HeldRequest(method="POST", before_processing=True))

    def expire():
        assert held.reached.wait(5)
        sim.clock.advance(29 * 24 * 3600)
        held.release()

    other = threading.Thread(target=expire)
    other.start()
    with pytest.raises(NotFoundError, match=f"image {backup.id}"):
        submit(backup)
    other.join()

    assert [entry.status for entry in sim.journal.entries] == [200, 200, 404]


def test_repeated_checks_before_a_post_are_logged_once(submit, sim, snapshot, caplog):
    """There is one line for the whole minute."""
    caplog.set_level("INFO")
    strange = sim.state.add_action(snapshot.id, region="ams3", status="queued")

    with pytest.raises(UnknownStatusError):
        submit(snapshot, "ams3")

    [told] = [text for text in caplog.messages if text.startswith("Submit delayed")]
    assert str(strange.id) in told


@pytest.mark.parametrize("kind", [{}, {"region": "ams3"}], ids=["convert", "transfer"])
def test_an_action_of_unknown_status_is_not_doubled(submit, sim, snapshot, backup, kind):
    """It may be running, so it is read for a minute, and then the submit fails without a POST."""
    image = snapshot if kind else backup
    name = "transfer" if kind else "convert_to_snapshot"
    strange = sim.state.add_action(image.id, type=name, status="queued", **kind)

    with pytest.raises(UnknownStatusError) as caught:
        submit(image, **kind)

    assert posts(sim) == 0
    assert (caught.value.image_id, caught.value.action_id) == (image.id, strange.id)


def test_an_action_whose_status_becomes_known_is_attached(sim, client, snapshot):
    """The first read has an unknown status, the next one shows that it is in progress."""
    strange = sim.state.begin_action("transfer", snapshot, region="ams3", seconds=600)
    strange.status = "queued"

    def sleep(seconds):
        sim.clock.advance(seconds)
        strange.status = "in-progress"

    request = ActionRequest(snapshot.id, "ams3")
    submission = IdempotentSubmitter(client, request, clock=sim.clock.now, sleep=sleep).submit()

    assert submission.submission is Submission.ATTACHED
    assert submission.action.id == strange.id
    assert posts(sim) == 0


def test_an_action_of_unknown_status_to_another_region_does_not_block(submit, sim, snapshot):
    """It cannot be the requested one."""
    sim.state.add_action(snapshot.id, region="sgp1", status="queued")

    assert submit(snapshot, "ams3").submission is Submission.SUBMITTED


def test_a_reconciled_action_of_unknown_status_is_not_posted_again(sim, client, snapshot):
    """The new action may be running, so there is one POST."""
    sim.faults.add(ResponseLost(method="POST"))

    def sleep(seconds):
        sim.clock.advance(seconds)

    def strange_from_now_on(*arguments):
        for action in sim.state.actions.values():
            action.status = "queued"
        return sim.clock.now(*arguments)

    request = ActionRequest(snapshot.id, "ams3")
    with pytest.raises(TransportError):
        IdempotentSubmitter(client, request, clock=strange_from_now_on, sleep=sleep).submit()

    assert posts(sim) == 1


def test_failed_reads_after_a_lost_response_are_logged_once(submit, sim, snapshot, caplog):
    """An outage of a minute after a POST is one line; a second outage is another."""
    lists = {"method": "GET", "path": "/v2/images/*/actions"}
    sim.faults.add(RequestLost(method="POST", times=None))
    sim.faults.add(ErrorStatus(403, times=3, skip=1, **lists))
    sim.faults.add(ErrorStatus(403, times=3, skip=3, **lists))

    with pytest.raises(TransportError):
        submit(snapshot, "ams3")

    told = [text for text in caplog.messages if text.startswith("Reconciliation read failed")]
    assert len(told) == 2
    assert sim.journal.count("GET", path=f"/v2/images/{snapshot.id}/actions") > 20


def test_two_concurrent_submits_start_at_most_one_extra_action(sim, snapshot):
    """Both read before either posts: each submit waits for its own action."""
    held = sim.faults.add(HeldRequest(method="POST", before_processing=True, times=2))
    submissions = []
    tasks = [
        threading.Thread(target=lambda: submissions.append(_submit_to(sim, snapshot, "ams3")))
        for _ in range(2)
    ]
    for task in tasks:
        task.start()
    while posts(sim) < 2:
        held.reached.wait(0.01)
    held.release()
    for task in tasks:
        task.join()

    assert {s.submission for s in submissions} == {Submission.SUBMITTED}
    assert len({s.action.id for s in submissions}) == 2
    assert {_wait_for(sim, snapshot, s.action.id).status for s in submissions} == {
        WaitStatus.COMPLETED
    }
    assert snapshot.regions == ["nyc3", "ams3"]


def _submit_to(simulator, image, region):
    clock = simulator.clock
    with ApiClient(TOKEN, simulator.url, read_timeout=5) as client:
        request = ActionRequest(image.id, region)
        return IdempotentSubmitter(client, request, clock=clock.now, sleep=clock.advance).submit()


def _wait_for(simulator, image, action_id):
    clock = simulator.clock
    wait = WaitSpec(image.id, action_id, clock.now(), clock.now() + 7200, "ams3")
    with ApiClient(TOKEN, simulator.url) as client:
        flow = wait_until_finished(wait, poll_interval=30, clock=clock.now)
        return drive(flow, lambda question: question.send(client), clock.advance)
