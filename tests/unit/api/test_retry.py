"""Which requests may be sent again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import errors
from airflow_provider_do_images.api.http.retry import (
    NO_RETRY,
    RetryPolicy,
    is_retry_safe,
    next_backoff,
)

ALWAYS = [errors.NotSentError, errors.RateLimitedError]
GET_ONLY = [
    errors.TransportError,
    errors.ServerError,
    errors.InvalidResponseError,
    errors.UnknownStatusError,
]
NEVER = [
    errors.AuthenticationError,
    errors.NotFoundError,
    errors.UnprocessableError,
    errors.InvalidInputError,
    errors.ApiError,
]
POLICY = RetryPolicy(attempts=5, total_seconds=120.0, wait_initial=1.0, wait_max=30.0)


def pause(error, *, method="GET", attempt=1, elapsed=0.0, jitter=0.5, policy=POLICY, worked=False):
    """Return the pause before the next attempt."""
    return next_backoff(
        policy,
        method,
        error,
        attempt=attempt,
        elapsed=elapsed,
        jitter=jitter,
        token_worked=worked,
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ALWAYS)
def test_a_request_without_an_effect_is_repeated(kind, method):
    """After a 429, or without a connection, any method may be sent again."""
    assert is_retry_safe(method, kind("x"))


@pytest.mark.parametrize("kind", GET_ONLY)
def test_after_an_unknown_effect_only_a_get_is_repeated(kind):
    """A POST after a lost response could start a second action."""
    assert is_retry_safe("GET", kind("x"))
    assert not is_retry_safe("POST", kind("x"))
    assert pause(kind("x"), method="POST") is None


@pytest.mark.parametrize("kind", NEVER)
def test_rejections_are_final(kind):
    """The same request would get the same response."""
    assert pause(kind("x")) is None


def test_a_403_is_repeated_if_the_token_worked_just_before():
    """Temporary and persistent 403s happen in practice."""
    error = errors.PermissionDeniedError("x")

    assert pause(error, worked=False) is None
    assert pause(error, worked=True) is not None


@given(
    attempt=st.integers(1, 20),
    elapsed=st.floats(0, 500),
    jitter=st.floats(0, 1),
    method=st.sampled_from(["GET", "POST"]),
    kind=st.sampled_from([*ALWAYS, *GET_ONLY, *NEVER]),
)
def test_a_pause_is_bounded(attempt, elapsed, jitter, method, kind):
    """Never negative, never beyond the total time, and none after the last attempt."""
    seconds = pause(kind("x"), method=method, attempt=attempt, elapsed=elapsed, jitter=jitter)

    if seconds is not None:
        assert attempt < POLICY.attempts
        assert 0 < seconds <= POLICY.total_seconds - elapsed


def test_pauses_grow():
    """Each is twice the one before, up to the longest, spread by jitter."""
    policy = RetryPolicy(attempts=10, total_seconds=1e6, wait_initial=1.0, wait_max=8.0)
    error = errors.ServerError("x")

    full = [pause(error, attempt=n, jitter=1.0, policy=policy) for n in range(1, 7)]
    half = [pause(error, attempt=n, jitter=0.0, policy=policy) for n in range(1, 7)]

    assert full == [1, 2, 4, 8, 8, 8]
    assert half == [0.5, 1, 2, 4, 4, 4]


@given(retry_after=st.floats(0, 60), jitter=st.floats(0, 1))
def test_retry_after_is_a_lower_bound(retry_after, jitter):
    """It is waited for in full; jitter only adds to it."""
    error = errors.RateLimitedError("x")
    error.retry_after = retry_after

    assert pause(error, jitter=jitter) > retry_after


def test_the_hourly_limit_gives_no_hint_and_gets_a_long_pause():
    """Without ``retry-after`` half a minute passes first."""
    assert pause(errors.RateLimitedError("x")) >= 30


def test_once_means_once():
    """The policy of a polling GET repeats nothing."""
    assert pause(errors.ServerError("x"), policy=NO_RETRY) is None
