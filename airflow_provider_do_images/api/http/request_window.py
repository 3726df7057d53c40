"""When a client sent its last requests: how many of a rate limit's requests are its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_REMEMBERED = 5000
"""As many requests as DigitalOcean allows in an hour."""


class SentRequests:
    """The times of the last requests.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=_REMEMBERED)

    def add(self) -> None:
        """Remember a request that is sent now."""
        self._times.append(self._clock())

    def count(self, seconds: float) -> int:
        """Return how many requests were sent in the last so many seconds."""
        since, number = self._clock() - seconds, 0
        for moment in reversed(self._times):
            if moment <= since:
                break
            number += 1
        return number

    def seconds_until_fewer(self, than: int, seconds: float) -> float:
        """Return how long it takes until fewer than so many were sent in the last ``seconds``."""
        if self.count(seconds) < than:
            return 0.0
        return max(self._times[-than] + seconds - self._clock(), 0.0)
