"""When the shared poller may send its next request.

Requests that can wait, wait: the poller uses the unreserved share of the token's hour and a part of
the minute, and stops before it uses the reserve. One exception is a last poll before a deadline,
and it is bounded to :data:`LAST_POLL_SHARE` of the limit in an hour.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, takewhile
from math import inf

from airflow_provider_do_images.api.http.rate_limit import HOUR, MINUTE, RateLimit

LAST_POLL_SHARE = 0.05
"""Share of the hour's limit that last polls before a deadline may take out of the reserve."""

_EAGERNESS = 1.25
"""How many times the sustainable rate is used. Above 1 the first of an hour's requests come sooner
and the last ones later; the rate is computed anew each time, so the budget is never used up."""

_SLOWEST = 0.25
"""The lowest rate, as a part of the even one. What is left decides, besides, whether to wait."""

_MARGIN = 0.005
"""Share of the limit that is left unused, for requests that another triggerer sends meanwhile."""

_ROUNDING = 1e-6


class RequestPacer:
    """Counts the poller's requests, and compares them with what the API reports.

    The API reports how many requests are left, and not when the used ones return. The poller knows
    that of its own; those of the token's other users are assumed to return evenly.

    :ivar reserve: share of the hour's requests that is left to the token's other users.
    :ivar limit: the newest figures of the API, if there are any.
    """

    def __init__(self) -> None:
        self.reserve = 0.0
        self.limit: RateLimit | None = None
        self._updated_at = 0.0
        self._sent: deque[float] = deque()
        self._last_polls: deque[float] = deque()

    def record_request(self, now: float, *, last_poll: bool = False) -> None:
        """Count a request that is about to be sent.

        :param last_poll: it is sent for a deadline, whatever is left.
        """
        while self._sent and self._sent[0] <= now - HOUR:
            self._sent.popleft()
        while self._last_polls and self._last_polls[0] <= now - HOUR:
            self._last_polls.popleft()
        self._sent.append(now)
        if last_poll:
            self._last_polls.append(now)

    def update(self, limit: RateLimit | None, now: float) -> None:
        """Take note of what the response said of the budget."""
        if limit is not self.limit:  # else there was no response
            self.limit, self._updated_at = limit, now

    def describe(self) -> str:
        """Return what is left of the hour's budget, in words; nothing while that is unknown."""
        if self.limit is None:
            return ""
        return (
            f"{self.limit.remaining} of the token's {self.limit.limit} requests an hour are left, "
            f"and {self.limit.reserved(self.reserve):.0f} of them are its other users'"
        )

    def wait_time(self, now: float) -> float:
        """Return the seconds until a request may be sent that is not a last poll."""
        if self.limit is None:
            return 0.0
        minute = _until_free(self._sent, self._burst(self.limit), MINUTE, now)
        return max(minute, self._until_unreserved(now))

    def last_poll_wait_time(self, now: float) -> float:
        """Return the seconds until a last poll may be sent, even if that uses the reserve."""
        if self.limit is None or self.wait_time(now) <= 0:
            return 0.0
        most = max(int(self.limit.limit * LAST_POLL_SHARE), 1)
        minute = _until_free(self._last_polls, self._burst(self.limit), MINUTE, now)
        return max(minute, _until_free(self._last_polls, most, HOUR, now))

    def seconds_per_request(self, now: float) -> float:
        """Return how far apart requests have to be on average, so that the budget lasts."""
        if self.limit is None:
            return 0.0
        have, rate = self.unreserved(now), inf
        ahead = [sent_at + HOUR - now for sent_at in self._sent if sent_at + HOUR > now]
        per_second, not_before = self._others(now)
        for returned, seconds in enumerate([*ahead, HOUR]):
            others = per_second * max(seconds - not_before, 0.0)
            rate = min(rate, (have + returned + others) / seconds)
        evenly = HOUR / max(self.limit.limit - self.limit.reserved(self.reserve), 1.0)
        return evenly / min(max(rate * _EAGERNESS * evenly, _SLOWEST), 1 / _ROUNDING)

    def unreserved(self, now: float) -> float:
        """Return how many requests are left besides the reserve; infinity while that is unknown."""
        if self.limit is None:
            return inf
        returned = sum(1 for _ in takewhile(lambda sent_at: sent_at <= now - HOUR, self._sent))
        per_second, not_before = self._others(self._updated_at)
        others = per_second * max(now - self._updated_at - not_before, 0.0)
        return self.limit.remaining - self.limit.reserved(self.reserve) + returned + others

    def _burst(self, limit: RateLimit) -> int:
        """Return how many requests a minute may have: half, since two triggerers may share them."""
        return max(limit.burst(self.reserve) // 2, 1)

    def _others(self, now: float) -> tuple[float, float]:
        """Return how many requests of the token's other users return in a second, and from when on.

        They return evenly, but none before the time that the API reports, if that lies ahead.
        """
        if self.limit is None:
            return 0.0, 0.0
        used = max(self.limit.limit - self.limit.remaining - len(self._sent), 0)
        return used / HOUR, max((self.limit.reset or now) - now, 0.0)

    def _until_unreserved(self, now: float) -> float:
        missing = 1 - self.unreserved(now)
        if self.limit:
            missing += self.limit.limit * _MARGIN
        if missing <= _ROUNDING:
            return 0.0
        per_second, not_before = self._others(now)
        best = HOUR
        own = (sent_at + HOUR - now for sent_at in self._sent if sent_at + HOUR > now)
        for returned, seconds in enumerate(chain([0.0], own)):
            rest = max(missing - returned, 0.0)
            others = not_before + rest / per_second if per_second else inf
            best = min(best, max(seconds, others if rest else 0.0))
            if seconds >= best:
                break
        return best


def _until_free(sent: deque[float], most: int, window: float, now: float) -> float:
    """Return the seconds until fewer than ``most`` requests lie in the window."""
    return max(sent[-most] + window - now, 0.0) if len(sent) >= most else 0.0
