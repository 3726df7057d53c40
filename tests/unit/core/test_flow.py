"""The flow of a wait, driven by hand: what it asks for, how long it sleeps, how it ends."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_do_images.api import ActionStatus, Image, ImageAction, errors
from airflow_provider_do_images.core.wait.evaluate import WaitSpec, WaitStatus
from airflow_provider_do_images.core.wait.flow import (
    ReadRequest,
    Sleep,
    drive,
    poll_once,
    verify,
    wait_until_finished,
)

RUNNING = ImageAction(9, ActionStatus.IN_PROGRESS, "transfer", region_slug="ams3", image_id=7)
COMPLETED = dataclasses.replace(RUNNING, status=ActionStatus.COMPLETED)
THERE = Image(7, "x", "snapshot", ("nyc3", "ams3"))
NOT_THERE = Image(7, "x", "snapshot", ("nyc3",))
DENIED = errors.PermissionDeniedError("no")


@pytest.fixture
def play():
    """Drive a flow with prepared answers; return its verdict, its questions and its pauses."""

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
    """Return the flow of a whole wait with looks every minute."""
    return wait_until_finished(wait, poll_interval=60.0, clock=clock)


def test_it_looks_every_interval_and_proves_the_end(play):
    """Pause, look, pause, look, and at last a look at the image."""
    verdict, asked, pauses = play(to_the_end, RUNNING, RUNNING, COMPLETED, THERE)

    assert verdict.outcome is WaitStatus.COMPLETED
    assert [question.action_id for question in asked] == [9, 9, 9, None]
    assert pauses == [60.0, 60.0, 60.0]


def test_the_last_look_is_at_the_deadline(play):
    """The last pause is shorter, and what is seen then decides."""
    verdict, _, pauses = play(to_the_end, RUNNING, RUNNING, seconds=90.0)

    assert verdict.outcome is WaitStatus.TIMED_OUT
    assert pauses == [60.0, 30.0]


def test_a_refusal_is_asked_for_twice_with_a_fresh_token(play):
    """A single 403 does not end the wait; two in a row do."""
    verdict, asked, _ = play(poll_once, DENIED, RUNNING)
    assert verdict is None
    assert [question.fresh for question in asked] == [False, True]

    verdict, _, _ = play(poll_once, DENIED, DENIED)
    assert verdict.outcome is WaitStatus.ACCESS_DENIED


@pytest.mark.parametrize(
    "kind", [errors.ServerError, errors.TransportError, errors.RateLimitedError]
)
def test_a_failing_look_costs_one_interval(play, kind):
    """It is not repeated at once; the next look comes in its time."""
    verdict, asked, pauses = play(to_the_end, kind("x"), COMPLETED, THERE)

    assert verdict.outcome is WaitStatus.COMPLETED
    assert len(asked) == 3
    assert pauses == [60.0, 60.0]


def test_the_proof_is_given_time(play):
    """While the image lags it is looked at again, for as long as was said and no longer."""
    verdict, asked, pauses = play(poll_once, COMPLETED, NOT_THERE, NOT_THERE, THERE)
    assert verdict.outcome is WaitStatus.COMPLETED
    assert (len(asked), pauses) == (4, [10.0, 10.0])

    verdict, _, pauses = play(poll_once, COMPLETED, *[NOT_THERE] * 4, verify_timeout=25.0)
    assert verdict.outcome is WaitStatus.UNVERIFIED
    assert pauses == [10.0, 10.0, 5.0]


def test_a_token_that_is_replaced_during_the_proof_is_read_anew(play):
    """A 401 on the image is asked about with a fresh token; what the action did is there."""
    refused = errors.AuthenticationError("no")

    verdict, asked, _ = play(poll_once, COMPLETED, NOT_THERE, refused, THERE)

    assert verdict.outcome is WaitStatus.COMPLETED
    assert [question.fresh for question in asked] == [False, False, False, True]


def test_the_proof_can_be_skipped(play):
    """With 0 seconds for it the action's word is taken."""
    verdict, asked, _ = play(poll_once, COMPLETED, verify_timeout=0.0)

    assert verdict.outcome is WaitStatus.COMPLETED
    assert len(asked) == 1


def test_only_a_completed_action_is_proved():
    """Any other verdict passes as it is, without a question."""
    with pytest.raises(StopIteration) as end:
        next(verify(None))

    assert end.value.value is None


def test_a_pause_is_never_negative():
    """A wait that begins after its deadline looks at once."""
    flow = wait_until_finished(WaitSpec(7, 9, 0.0, 10.0), poll_interval=60.0, clock=lambda: 50.0)

    assert next(flow) == Sleep(0.0)
