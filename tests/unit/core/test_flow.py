"""The steps of a wait, driven by hand: its requests, its sleeps, its result."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction, errors
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.flow import (
    ReadRequest,
    Sleep,
    drive,
    poll_once,
    verify,
    wait_until_finished,
)
from airflow_provider_do_images.core.wait.spec import WaitSpec

RUNNING = ImageAction(9, ActionStatus.IN_PROGRESS, "transfer", region_slug="ams3", image_id=7)
COMPLETED = dataclasses.replace(RUNNING, status=ActionStatus.COMPLETED)
THERE = Image(7, "x", "snapshot", ("nyc3", "ams3"))
NOT_THERE = Image(7, "x", "snapshot", ("nyc3",))
DENIED = errors.PermissionDeniedError("no")


@pytest.fixture
def play():
    """Drive the steps with prepared responses; return the result, the requests and the sleeps."""

    def play(make_flow, *answers, seconds=600.0, verify_timeout=120.0):
        now = [1000.0]
        asked, pauses, prepared = [], [], list(answers)

        def ask(question: ReadRequest):
            asked.append(question)
            answer = prepared.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        def sleep(length: float):
            pauses.append(length)
            now[0] += length

        wait = WaitSpec(7, 9, 1000.0, 1000.0 + seconds, "ams3", verify_timeout)
        verdict = drive(make_flow(wait, lambda: now[0]), ask, sleep)
        assert prepared == []
        return verdict, asked, pauses

    return play


def to_the_end(wait, clock):
    """Return the steps of a whole wait with a poll every minute."""
    return wait_until_finished(wait, poll_interval=60.0, clock=clock)


def test_it_polls_every_interval_and_verifies_the_end(play):
    """It sleeps, polls, sleeps, polls, and then reads the image."""
    verdict, asked, pauses = play(to_the_end, RUNNING, RUNNING, COMPLETED, THERE)

    assert verdict.status is WaitStatus.COMPLETED
    assert [question.action_id for question in asked] == [9, 9, 9, None]
    assert pauses == [60.0, 60.0, 60.0]


def test_the_last_poll_is_at_the_deadline(play):
    """The last sleep is shorter, and the last poll decides."""
    verdict, _, pauses = play(to_the_end, RUNNING, RUNNING, seconds=90.0)

    assert verdict.status is WaitStatus.TIMED_OUT
    assert pauses == [60.0, 30.0]


def test_a_rejection_is_confirmed_with_a_fresh_token(play):
    """A single 403 does not end the wait; two in a row do."""
    verdict, asked, _ = play(poll_once, DENIED, RUNNING)
    assert verdict is None
    assert [question.fresh for question in asked] == [False, True]

    verdict, _, _ = play(poll_once, DENIED, DENIED)
    assert verdict.status is WaitStatus.ACCESS_DENIED


@pytest.mark.parametrize(
    "kind", [errors.ServerError, errors.TransportError, errors.RateLimitedError]
)
def test_a_failed_poll_costs_one_interval(play, kind):
    """It is not resent at once; the next poll comes after the interval."""
    verdict, asked, pauses = play(to_the_end, kind("x"), COMPLETED, THERE)

    assert verdict.status is WaitStatus.COMPLETED
    assert len(asked) == 3
    assert pauses == [60.0, 60.0]


def test_verification_lasts_until_its_timeout(play):
    """While the image lags it is read again, until verify_timeout and no longer."""
    verdict, asked, pauses = play(poll_once, COMPLETED, NOT_THERE, NOT_THERE, THERE)
    assert verdict.status is WaitStatus.COMPLETED
    assert (len(asked), pauses) == (4, [10.0, 10.0])

    verdict, _, pauses = play(poll_once, COMPLETED, *[NOT_THERE] * 4, verify_timeout=25.0)
    assert verdict.status is WaitStatus.UNVERIFIED
    assert pauses == [10.0, 10.0, 5.0]


def test_a_token_rotated_during_verification_is_read_again(play):
    """After a 401 on the image the request is sent with the new token."""
    refused = errors.AuthenticationError("no")

    verdict, asked, _ = play(poll_once, COMPLETED, NOT_THERE, refused, THERE)

    assert verdict.status is WaitStatus.COMPLETED
    assert [question.fresh for question in asked] == [False, False, False, True]


def test_verification_can_be_skipped(play):
    """With verify_timeout=0 the status of the action decides."""
    verdict, asked, _ = play(poll_once, COMPLETED, verify_timeout=0.0)

    assert verdict.status is WaitStatus.COMPLETED
    assert len(asked) == 1


def test_only_a_completed_action_is_verified():
    """Any other result is returned as it is, without a request."""
    with pytest.raises(StopIteration) as end:
        next(verify(None))

    assert end.value.value is None


def test_a_sleep_is_never_negative():
    """A wait that starts after its deadline polls at once."""
    flow = wait_until_finished(WaitSpec(7, 9, 0.0, 10.0), poll_interval=60.0, clock=lambda: 50.0)

    assert next(flow) == Sleep(0.0)
