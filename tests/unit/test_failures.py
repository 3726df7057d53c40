"""Which failures Airflow may retry, and which end a task."""

from __future__ import annotations

import pytest

from airflow_provider_do_images.actions.judge import Outcome, Verdict, Wait
from airflow_provider_do_images.actions.messages import LOOKS, SUBMITS
from airflow_provider_do_images.api import errors
from airflow_provider_do_images.failures import (
    as_airflow_exceptions,
    from_event,
    operator_failure,
    sensor_failure,
)
from airflow_provider_do_images.version_compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
)

FINAL = [
    errors.InvalidInputError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.UnprocessableError,
    errors.UnknownStatusError,
]
PASSING = [
    errors.RateLimitedError,
    errors.ServerError,
    errors.TransportError,
    errors.NotSentError,
    errors.InvalidResponseError,
    errors.ApiError,
]


@pytest.mark.parametrize("kind", FINAL)
def test_what_a_retry_can_not_help_ends_the_task(kind):
    """Wrong input and refusals fail without retries, in the error's own words."""
    with pytest.raises(AirflowFailException, match="the words"), as_airflow_exceptions("Clearing."):
        raise kind("the words")


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_open_to_a_retry(kind):
    """Rate limits, 5xx and lost answers fail so that Airflow may try again."""
    with (
        pytest.raises(AirflowException, match="the words") as caught,
        as_airflow_exceptions("Clearing."),
    ):
        raise kind("the words")

    assert not isinstance(caught.value, AirflowFailException)


def test_airflows_time_limit_in_a_request_says_what_may_have_begun():
    """It keeps its class, which Airflow retries, and its own words."""
    with (
        pytest.raises(AirflowTaskTimeout, match=r"what that began goes on: Limit\. Clearing."),
        as_airflow_exceptions("Clearing."),
    ):
        raise AirflowTaskTimeout("Limit")


@pytest.mark.parametrize(("state", "words"), [("", "no. At most."), ("Known.", "no. Known.")])
def test_what_an_error_knows_of_its_state_goes_before_what_is_so_in_general(state, words):
    """The general word is for errors before anybody could know more."""
    error = errors.ServerError("no")
    error.state = state

    with (
        pytest.raises(AirflowException, match=f"^{words} Clearing."),
        as_airflow_exceptions("Clearing.", "At most."),
    ):
        raise error


def ended(outcome: Outcome) -> Verdict:
    """Return a verdict with this outcome."""
    wait = Wait(1, 2, started_at=0.0, deadline=60.0)
    return Verdict(outcome, wait, 60.0, error="because")


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.COMPLETED])
def test_an_operator_is_retried_after_an_errored_action_and_a_time_out_only(outcome):
    """Its retry submits again, or joins; after any other end that would change nothing."""
    retried = not isinstance(operator_failure(ended(outcome), "Clearing."), AirflowFailException)

    assert retried == (outcome in (Outcome.ERRORED, Outcome.TIMED_OUT, Outcome.INTERNAL_ERROR))


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.COMPLETED])
def test_a_sensor_has_two_kinds_of_failure(outcome):
    """A time-out is Airflow's own for sensors; every other verdict is final in all modes."""
    expected = AirflowSensorTimeout if outcome is Outcome.TIMED_OUT else AirflowFailException

    failure = sensor_failure(ended(outcome))

    assert isinstance(failure, expected)
    assert failure.code == outcome.value


@pytest.mark.parametrize(
    "event", [None, {}, "done", {"outcome": "completed"}, {"status": "success"}]
)
def test_an_event_that_is_not_ours_is_no_success(event):
    """What the trigger did not write ends the task."""
    with pytest.raises(AirflowFailException, match="not the event of a finished wait"):
        from_event(Verdict.from_event, event, "Clearing.")


RUNS = {
    Outcome.UNVERIFIED: "does not run any more",
    Outcome.ERRORED: "does not run any more",
    Outcome.TIMED_OUT: "it goes on at DigitalOcean",
    Outcome.NOT_FOUND: "Whether it still runs is not known",
    Outcome.ACCESS_DENIED: "it may go on at DigitalOcean",
    Outcome.UNKNOWN_STATUS: "whether it still runs is not known",
}


@pytest.mark.parametrize(
    ("make", "clearing"),
    [(sensor_failure, LOOKS), (lambda verdict: operator_failure(verdict, SUBMITS), SUBMITS)],
    ids=["sensor", "operator"],
)
@pytest.mark.parametrize("outcome", RUNS)
def test_each_failure_of_a_wait_has_all_its_parts(outcome, make, clearing):
    """Droplet, image, region and action; the last request; what runs; and what clearing does."""
    error = errors.ServerError("no", request_id="f00")
    wait = Wait(1, 2, 0.0, 60.0, "ams3", droplet_id=42, droplet_name="web-1")

    words = str(make(Verdict(outcome, wait, 60.0, error=str(error))))

    assert "image 1 of droplet web-1 (42) to ams3 (action 2)" in words
    assert ("request id f00" in words) == (outcome is not Outcome.ERRORED)  # that has no error
    assert RUNS[outcome] in words
    assert (clearing) in words
