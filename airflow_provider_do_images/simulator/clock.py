"""The simulator's time: virtual Unix seconds, faster than real time or stepped by hand.

Durations, backups, retention and rate limits use virtual time. Headers that a client applies to
its own clock (``retry-after``, ``ratelimit-reset``) are converted with ``real_time``.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

CENTURY = 100 * 365 * 24 * 3600


class Clock(Protocol):
    """What the simulator needs of a clock. All times are Unix seconds, as float."""

    def now(self) -> float:
        """Return the virtual time."""

    def advance(self, seconds: float) -> None:
        """Jump ahead by this many virtual seconds."""

    def real_time(self, moment: float) -> float:
        """Return the real time at which the virtual ``moment`` comes, as far as is known."""


class ScaledClock:
    """A clock that starts at the present and runs ``speed`` times as fast as real time.

    :param speed: virtual seconds for each real second, above 0. At 60 an hour takes a minute.
    :raises ValueError: if ``speed`` is not positive.
    """

    def __init__(self, speed: float = 60.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._real_start = time.time()
        self._zero = time.monotonic()
        self._start = self._real_start

    def now(self) -> float:
        """Return the virtual time."""
        return self._start + (time.monotonic() - self._zero) * self.speed

    def advance(self, seconds: float) -> None:
        """Jump ahead by this many virtual seconds, from 0 to a century."""
        self._start += _checked_jump(seconds)

    def real_time(self, moment: float) -> float:
        """Return the real time at which the virtual ``moment`` comes."""
        return self._real_start + (moment - self._start) / self.speed


class ManualClock:
    """A clock that moves only when told to. Real time is then the same as virtual time.

    :param start: where it starts, Unix seconds; default: the present.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Return the virtual time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Jump ahead by this many virtual seconds, from 0 to a century."""
        self._now += _checked_jump(seconds)

    def real_time(self, moment: float) -> float:
        """Return ``moment``: nobody knows when the clock will be moved."""
        return moment


def timestamp(moment: float) -> str:
    """Return a time as the API writes it: UTC, whole seconds, such as 2026-02-11T08:15:00Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked_jump(seconds: float) -> float:
    if not 0 <= seconds <= CENTURY:
        raise ValueError(f"the clock jumps by 0 seconds to a century, not by {seconds}")
    return seconds
