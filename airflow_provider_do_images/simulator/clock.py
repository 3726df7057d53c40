"""Virtual time in Unix seconds: faster than real time, or moved by hand.

Durations, backups, retention and rate limits use virtual time. Headers that a client applies to
its own clock (``retry-after``, ``ratelimit-reset``) are converted with ``real_time``.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

CENTURY = 100 * 365 * 24 * 3600


class Clock(Protocol):
    """The interface of a clock. All times are Unix seconds."""

    def now(self) -> float:
        """Return the virtual time."""

    def advance(self, seconds: float) -> None:
        """Advance by virtual seconds."""

    def real_time(self, moment: float) -> float:
        """Return the real time at which the clock reaches ``moment``, as far as it is known."""


class ScaledClock:
    """A clock that starts at the real time and runs ``speed`` times as fast.

    :param speed: virtual seconds per real second, above 0. At 60 an hour takes 1 min.
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
        """Advance by virtual seconds, from 0 to 100 years."""
        self._start += _checked_jump(seconds)

    def real_time(self, moment: float) -> float:
        """Return the real time at which the clock reaches ``moment``."""
        return self._real_start + (moment - self._start) / self.speed


class ManualClock:
    """A clock that moves only with ``advance``.

    :param start: Unix seconds; default: the real time.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Return the virtual time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance by virtual seconds, from 0 to 100 years."""
        self._now += _checked_jump(seconds)

    def real_time(self, moment: float) -> float:
        """Return ``moment``, since the time of the next ``advance`` is unknown."""
        return moment


def timestamp(moment: float) -> str:
    """Return a time in the API's format: UTC, whole seconds, such as 2026-02-11T08:15:00Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked_jump(seconds: float) -> float:
    if not 0 <= seconds <= CENTURY:
        raise ValueError(f"seconds must be from 0 to 100 years, not {seconds}")
    return seconds
