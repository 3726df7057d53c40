"""Which failures Airflow may retry, and which end a task."""

from __future__ import annotations

import pytest

from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    from_event,
    sensor_failure,
    wait_failure,
)
from airflow_provider_do_images.api import errors
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.event import described_row, read_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
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


@pytest.mark.parametrize("kind", [*FINAL, *PASSING])
def test_airflow_retries_only_passing_errors(kind):
    """Invalid input and rejected requests fail without retries."""
    with pytest.raises(AirflowException) as caught, airflow_exceptions(""):
        raise kind("no")

    assert isinstance(caught.value, AirflowFailException) == (kind in FINAL)
    assert caught.value.code == kind.code


def test_airflows_execution_timeout_keeps_its_class():
    """Airflow retries it, like any other timeout."""
    with pytest.raises(AirflowTaskTimeout) as caught, airflow_exceptions(""):
        raise AirflowTaskTimeout("Limit")

    assert caught.value.code == "execution_timeout"


@pytest.mark.parametrize(("state", "expected"), [("", "GENERAL"), ("KNOWN", "KNOWN")])
def test_the_state_of_an_error_replaces_the_general_one(state, expected):
    """An error has the state of its own request."""
    error = errors.ServerError("no")
    error.state = state

    with (
        pytest.raises(AirflowException, match=rf"^no\. {expected}\. CLEARING"),
        airflow_exceptions("CLEARING", "GENERAL"),
    ):
        raise error


@pytest.mark.parametrize("status", [one for one in WaitStatus if one is not WaitStatus.COMPLETED])
def test_each_end_has_its_class_and_code(status):
    """An operator's retry submits again or attaches; a sensor's retry reads the same again."""
    error = errors.ServerError("no", request_id="f00")
    wait = WaitSpec(1, 2, 0.0, 60.0, "ams3", droplet_id=42, droplet_name="web-1")
    result = WaitResult(status, wait, 60.0, error=str(error))

    of_operator = wait_failure(described_row(result), 60.0, None, "")
    of_sensor = sensor_failure(result)

    retried = status in (WaitStatus.ERRORED, WaitStatus.TIMED_OUT, WaitStatus.INTERNAL_ERROR)
    assert isinstance(of_operator, AirflowFailException) == (not retried)
    kind = AirflowSensorTimeout if status is WaitStatus.TIMED_OUT else AirflowFailException
    assert isinstance(of_sensor, kind)
    for failure in (of_operator, of_sensor):
        assert failure.code == status.value
        assert "image 1 of droplet web-1 (42) to ams3 (action 2)" in str(failure)
        assert ("f00" in str(failure)) == (status is not WaitStatus.ERRORED)  # that has no error


@pytest.mark.parametrize(
    "event", [None, {}, "done", {"wait_status": "completed"}, {"status": "success"}]
)
def test_a_foreign_event_is_no_success(event):
    """Another version of the trigger may have written it."""
    with pytest.raises(AirflowFailException) as caught:
        from_event(read_event, event, "")

    assert caught.value.code == "invalid_event"
