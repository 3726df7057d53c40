"""What one poll of an action means for the wait."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction, errors
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.evaluate import (
    NOT_FOUND_GRACE,
    evaluate_poll,
    evaluate_verification,
    needs_confirmation,
)
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

WAIT = WaitSpec(7, 9, started_at=1000.0, deadline=2000.0, region="ams3", verify_timeout=120.0)
RUNNING = ImageAction(9, ActionStatus.IN_PROGRESS, "transfer", image_id=7)
COMPLETED = dataclasses.replace(RUNNING, status=ActionStatus.COMPLETED)
ERRORED = dataclasses.replace(RUNNING, status=ActionStatus.ERRORED)
PASSING = [
    errors.TransportError,
    errors.NotSentError,
    errors.InvalidResponseError,
    errors.ServerError,
    errors.RateLimitedError,
    errors.ApiError,
    errors.UnprocessableError,
]
MOMENTS = st.floats(0, 10_000)


@given(MOMENTS)
def test_a_finished_action_is_never_timed_out(now):
    """Its status counts before and after the deadline."""
    assert evaluate_poll(WAIT, COMPLETED, now).status is WaitStatus.COMPLETED
    assert evaluate_poll(WAIT, ERRORED, now).status is WaitStatus.ERRORED


@given(MOMENTS)
def test_a_running_action_times_out_at_the_deadline(now):
    """Not a moment sooner."""
    verdict = evaluate_poll(WAIT, RUNNING, now)

    assert (verdict and verdict.status) == (WaitStatus.TIMED_OUT if now >= WAIT.deadline else None)


@given(MOMENTS, st.sampled_from(PASSING))
def test_a_failed_poll_does_not_end_a_wait_before_the_deadline(now, kind):
    """429, 5xx, HTML, no response and odd statuses are tolerated, and reported at the end."""
    verdict = evaluate_poll(WAIT, kind("the reason"), now)

    assert (verdict and verdict.status) == (WaitStatus.TIMED_OUT if now >= WAIT.deadline else None)
    if verdict:
        assert "the reason" in verdict.error


@given(MOMENTS)
def test_a_404_is_final_after_a_grace_period(now):
    """A new action may not be readable at once."""
    verdict = evaluate_poll(WAIT, errors.NotFoundError("gone"), now)

    if now >= WAIT.started_at + NOT_FOUND_GRACE:
        assert verdict.status is WaitStatus.NOT_FOUND
    else:
        assert verdict is None


@pytest.mark.parametrize("kind", [errors.AuthenticationError, errors.PermissionDeniedError])
def test_a_refused_token_ends_the_wait_after_a_confirmation(kind):
    """The result needs a confirmation by a second request."""
    verdict = evaluate_poll(WAIT, kind("no"), 1001.0)

    assert verdict.status is WaitStatus.ACCESS_DENIED
    assert needs_confirmation(verdict)


def test_an_unknown_status_is_neither_success_nor_an_endless_wait():
    """It ends the wait as not understood."""
    verdict = evaluate_poll(WAIT, errors.UnknownStatusError("queued"), 1001.0)

    assert verdict.status is WaitStatus.UNKNOWN_STATUS


@pytest.mark.parametrize(
    "verdict", [None, evaluate_poll(WAIT, COMPLETED, 0), evaluate_poll(WAIT, ERRORED, 0)]
)
def test_other_results_need_no_confirmation(verdict):
    """Only a rejection is confirmed by a second request."""
    assert not needs_confirmation(verdict)


@pytest.mark.parametrize(
    ("type_", "region", "image", "proved"),
    [
        ("transfer", "ams3", Image(7, "x", "snapshot", ("nyc3", "ams3")), True),
        ("transfer", "ams3", Image(7, "x", "snapshot", ("nyc3",)), False),
        ("transfer", None, Image(7, "x", "snapshot", ("nyc3",)), True),
        ("convert", None, Image(7, "x", "snapshot"), True),
        ("convert_to_snapshot", None, Image(7, "x", "backup"), False),
        ("image_destroy", None, Image(7, "x", "snapshot"), True),
    ],
)
def test_verification_reads_the_image(type_, region, image, proved):
    """The region of a transfer is listed if it is known; a converted image is a snapshot."""
    wait = dataclasses.replace(WAIT, region=region)
    action = dataclasses.replace(COMPLETED, type=type_)

    early = evaluate_verification(wait, action, image, 1000.0, until=1120.0)
    late = evaluate_verification(wait, action, image, 1120.0, until=1120.0)

    assert (early and early.status) == (WaitStatus.COMPLETED if proved else None)
    assert late.status is (WaitStatus.COMPLETED if proved else WaitStatus.UNVERIFIED)


def test_a_failed_read_of_the_image_verifies_nothing():
    """It is repeated until the verification times out, and then reported."""
    error = errors.ServerError("down")

    assert evaluate_verification(WAIT, COMPLETED, error, 1000.0, until=1120.0) is None
    assert "down" in evaluate_verification(WAIT, COMPLETED, error, 1120.0, until=1120.0).error


@given(st.sampled_from(WaitStatus), MOMENTS, st.none() | st.text())
def test_a_wait_result_survives_as_an_event(outcome, now, error):
    """Converted to JSON and back it is the same."""
    action = {WaitStatus.COMPLETED: COMPLETED, WaitStatus.ERRORED: ERRORED}.get(outcome)
    action = action and dataclasses.replace(action, request_id="of the last look")
    verdict = WaitResult(outcome, WAIT, now, action, error)

    read = WaitResult.from_event(json.loads(json.dumps(verdict.to_event())))

    assert read == verdict
    assert (read.action and read.action.request_id) == (action and "of the last look")


@pytest.mark.parametrize(
    "change",
    [
        {"wait_status": "fine"},
        {"wait_status": "completed", "action": None},
        {"wait_status": "completed", "action": RUNNING.to_json()},
        {"wait_status": "completed", "action": ERRORED.to_json()},
        {"wait_status": "errored", "action": COMPLETED.to_json()},
        {"action": {**COMPLETED.to_json(), "id": 10}},
        {"action": {}},
        {"wait": {}},
        {"decided_at": "later"},
    ],
    ids=repr,
)
def test_an_event_that_contradicts_itself_is_refused(change):
    """A success must have the completed action of the wait."""
    event = WaitResult(WaitStatus.COMPLETED, WAIT, 1.0, COMPLETED).to_event()

    with pytest.raises(ValueError, match="event"):
        WaitResult.from_event({**event, **change})
