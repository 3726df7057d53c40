"""Decide whether a request is resent, and after how long. Pure: no sleep, no clock, no I/O.

The rules:

- GET is resent after connection errors, 429, 5xx, the statuses that say nothing of the request
  (1xx, 408, 425, 499), and responses that are not what the API documents (HTML from the proxy
  before it). A redirect stays one.
- POST is resent only if it had no effect for certain: no connection was made, or 429 rejected it.
  The API has no idempotency key, so after any other failure a second POST could start a second
  action. ``core/submit/submitter.py`` then reads the action list before it sends another one.
- A single 403 for a token that worked before is resent once, for any method: a rejected request has
  no effect, and temporary 403 responses are seen in practice.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_do_images.api.errors import (
    DigitalOceanError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    may_have_taken_effect,
)

HOURLY_LIMIT_SECONDS = 30.0
"""First pause after a 429 without ``retry-after``: the hour's requests come back one by one, and
``ratelimit-reset`` may lie in the past, so neither tells how long to wait."""

_MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds for repeating one request.

    :param attempts: how often the request is sent at most, 1 for no repeat.
    :param total_seconds: no pause may end later than this many seconds after the first sending.
    :param wait_initial: seconds before the second sending; doubles each time.
    :param wait_max: upper bound of the doubling, in seconds.
    """

    attempts: int = 5
    total_seconds: float = 120.0
    wait_initial: float = 1.0
    wait_max: float = 30.0


NO_RETRY = RetryPolicy(attempts=1)
"""For a request whose next try comes anyway, such as one poll of a wait."""


def is_retry_safe(method: str, error: DigitalOceanError, *, token_worked: bool = False) -> bool:
    """Whether a request that failed with ``error`` may be sent again without doing harm.

    :param token_worked: whether the last response to this token, but for this one, was no refusal.
    """
    if isinstance(error, PermissionDeniedError):
        return token_worked
    if isinstance(error, NotSentError | RateLimitedError):
        return True
    return method == "GET" and may_have_taken_effect(error) and not _is_redirect(error)


def _is_redirect(error: DigitalOceanError) -> bool:
    return error.status is not None and 300 <= error.status < 400  # noqa: PLR2004 - HTTP's numbers


def next_backoff(
    policy: RetryPolicy,
    method: str,
    error: DigitalOceanError,
    *,
    attempt: int,
    elapsed: float,
    jitter: float,
    token_worked: bool = False,
) -> float | None:
    """Return the seconds to wait before sending again, or ``None`` to give up.

    :param attempt: how often the request has been sent, from 1.
    :param elapsed: seconds since it was first sent.
    :param jitter: a random number from 0 to 1 that spreads clients which failed together.
    """
    if attempt >= policy.attempts or not is_retry_safe(method, error, token_worked=token_worked):
        return None
    doubled = policy.wait_initial * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
    pause = min(doubled, policy.wait_max) * (0.5 + jitter / 2)
    if isinstance(error, RateLimitedError):
        # What the API asks for is a lower bound: jitter only adds to it.
        pause += HOURLY_LIMIT_SECONDS if error.retry_after is None else error.retry_after
    return pause if elapsed + pause <= policy.total_seconds else None
