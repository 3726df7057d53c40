"""How much of a token's hourly requests may be used, and how fast. Pure: no clock, no I/O.

DigitalOcean counts each request for an hour (5,000 of them by default) and allows 5 % of that in a
minute ("Rate Limit" in its API reference). A token has other users too, so a share of the hour, the
reserve, is left to them:

- Above the reserve, a request costs time only as the unreserved part runs out: at first next to
  nothing, so that what is due is read at once; near its end as much as makes the hour suffice.
- At the reserve and below it, a trickle goes on, a tenth of the pace that an hour would allow.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3600.0
MINUTE = 60.0
DEFAULT_RESERVE = 0.5
"""Share of the hour's requests that is left to the token's other users."""

BURST_SHARE = 0.05
"""Share of the hour's requests that the API allows in one minute (250 of 5,000)."""

_KNEE = 0.25
"""Share of the unreserved part below which requests come no faster than they are given back."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The hour's budget as an answer tells it (DigitalOcean API, "Rate Limit").

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

    def seconds_per_request(self, reserve: float) -> float:
        """Return how long each request has to be made up for by pausing, in seconds."""
        own = self.limit - self.reserved(reserve)
        if own <= 0:
            return HOUR
        left = (self.remaining - self.reserved(reserve)) / own
        return HOUR / own * _KNEE / max(left, _KNEE / 10)

    def burst(self, reserve: float) -> int:
        """Return how many requests in a minute leave others their share of the minute too."""
        return max(int(self.limit * BURST_SHARE * (1 - reserve)), 1)

    def seconds_until_unreserved(self, reserve: float, now: float) -> float:
        """Return how long it takes at least until more than the reserve is left.

        Counted as if the used requests came back evenly over the hour, since when they were sent is
        not told; none comes back before the reset, where that lies ahead.
        """
        if not self.is_short(reserve):
            return 0.0
        missing = self.reserved(reserve) - self.remaining + 1
        return max(missing * HOUR / max(self.limit, 1), (self.reset or now) - now)
