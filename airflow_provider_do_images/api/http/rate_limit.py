"""Compute how many of a token's requests may be used, and how fast. Pure: no clock, no I/O.

DigitalOcean counts each request for an hour (5,000 of them by default) and allows 5 % of that in a
minute ("Rate Limit" in its API reference). Other clients use the same token, so a share of the
hour, the reserve, is left to them. ``transport.py`` reads the limit from the response headers.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3600.0
MINUTE = 60.0
DEFAULT_RESERVE = 0.5
"""Share of the hour's requests that is left to other clients of the token."""

BURST_SHARE = 0.05
"""Share of the hour's requests that the API allows in one minute (250 of 5,000)."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The hourly budget from a response (DigitalOcean API, "Rate Limit").

    :param limit: requests allowed in an hour.
    :param remaining: requests left now.
    :param reset: when the oldest request stops counting, in Unix seconds. It may lie in the past.
    """

    limit: int
    remaining: int
    reset: float | None = None

    def reserved(self, reserve: float) -> float:
        """Return how many requests are kept for others."""
        return self.limit * reserve

    def is_short(self, reserve: float) -> bool:
        """Whether no more than the reserve is left."""
        return self.remaining <= self.reserved(reserve)

    def burst(self, reserve: float) -> int:
        """Return how many requests in a minute leave others their share of the minute too."""
        return max(int(self.limit * BURST_SHARE * (1 - reserve)), 1)

    def seconds_until_unreserved(self, reserve: float, now: float) -> float:
        """Return how long it takes at least until more than the reserve is left.

        Counted as if the used requests came back evenly over the hour, since when they were sent is
        not told; none comes back before the reset, where that lies ahead. All are back within an
        hour, whatever the response says.
        """
        if not self.is_short(reserve):
            return 0.0
        missing = self.reserved(reserve) - self.remaining + 1
        pause = max(missing * HOUR / max(self.limit, 1), (self.reset or now) - now)
        return min(pause, HOUR)
