"""The two rate limits of each token: 250 requests a minute, 5,000 an hour.

Both slide: a request counts for a minute and an hour after it was made (confirmed: API docs, rate
limit section). Refused requests do not count (assumed). All on virtual time: at speed 60 the minute
is over after one second, and ``retry-after`` says so, because a client sleeps in real time.
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
"""How many seconds before the answer's own time a recorded ``ratelimit-reset`` lay."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a token has left, as the answer's headers say it.

    :param exceeded: the request is refused.
    :param retry_after: real seconds to wait after the burst limit, at least 1; else None.
    """

    limit: int
    remaining: int
    reset: int
    exceeded: bool = False
    retry_after: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer has."""
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers


class RateLimits:
    """Counts requests by token, on the given clock."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock = clock
        self._rules = rules
        self._requests: dict[str, deque[float]] = {}

    def count_request(self, token: str) -> Budget:
        """Count a request, unless a limit refuses it."""
        budget = self.status(token)
        if budget.exceeded:
            return budget
        now = self._clock.now()
        self._requests.setdefault(token, deque()).append(now)
        return self._budget(self._requests[token], now)

    def status(self, token: str) -> Budget:
        """Return what would be said to a request now, without counting it."""
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

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()

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
