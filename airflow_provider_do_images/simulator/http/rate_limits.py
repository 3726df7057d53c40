"""The two rate limits of each token: 250 requests per minute and 5,000 per hour.

Both are sliding windows (confirmed: API docs, rate limit section). Rejected requests do not count
(assumed). Windows use virtual time; ``retry-after`` is in real seconds, since clients sleep in real
time. At speed 60 a minute ends after one second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil

from airflow_provider_do_images.simulator.clock import Clock
from airflow_provider_do_images.simulator.rules.rules import Rules

MINUTE = 60
HOUR = 3600
RECORDED_LAG = 268
"""Seconds by which a recorded ``ratelimit-reset`` preceded the response's own time."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The remaining rate limit of a token, as in the response headers.

    :param exceeded: the request is rejected.
    :param retry_after: real seconds until the minute's limit allows a request, at least 1; None:
        the minute's limit is not exceeded.
    """

    limit: int
    remaining: int
    reset: int
    exceeded: bool = False
    retry_after: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the rate limit headers."""
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers


class RateLimits:
    """Request counts of each token, on the given clock."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock = clock
        self._rules = rules
        self._requests: dict[str, deque[float]] = {}

    def count_request(self, token: str) -> Budget:
        """Count a request unless a limit rejects it."""
        budget = self.status(token)
        if budget.exceeded:
            return budget
        now = self._clock.now()
        self._requests.setdefault(token, deque()).append(now)
        return self._budget(self._requests[token], now)

    def status(self, token: str) -> Budget:
        """Return the current budget without counting a request."""
        now = self._clock.now()
        requests = self._requests.get(token, deque())
        while requests and requests[0] <= now - HOUR:
            requests.popleft()
        if not self._rules.rate_limits:
            return self._budget(requests, now)
        if len(requests) >= self._rules.requests_per_hour:
            return self._budget(requests, now, exceeded=True)
        burst = self._rules.requests_per_minute
        if len(requests) >= burst and (free := requests[-burst] + MINUTE) > now:
            wait = self._clock.real_time(free) - self._clock.real_time(now)
            retry_after = max(1, ceil(wait))
            return self._budget(requests, now, exceeded=True, retry_after=retry_after)
        return self._budget(requests, now)

    def _budget(
        self,
        requests: deque[float],
        now: float,
        *,
        exceeded: bool = False,
        retry_after: int | None = None,
    ) -> Budget:
        limit = self._rules.requests_per_hour
        reset = self._clock.real_time((requests[0] if requests else now) + HOUR)
        if self._rules.reset_in_past:
            reset = self._clock.real_time(now) - RECORDED_LAG
        remaining = 0 if exceeded else max(limit - len(requests), 0)
        return Budget(limit, remaining, int(reset), exceeded, retry_after)
