"""Scheduled events. Time has an effect in the simulator only through this queue."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from airflow_provider_do_images.simulator.clock import Clock

Event = Callable[[float], None]
"""A function that is called with the virtual time for which it was scheduled."""


class Timeline:
    """A queue of future events. ``run_due_events`` runs them; there is no background thread."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._events: list[tuple[float, int, Event]] = []
        self._sequence = count()
        self._event_time: float | None = None

    def at(self, moment: float, event: Event) -> None:
        """Schedule an event for the virtual time ``moment``."""
        heappush(self._events, (moment, next(self._sequence), event))

    def run_due_events(self) -> float:
        """Run all due events in order of time; return the virtual time.

        During an event it only returns that event's time, so the effects of an event get the time
        for which it was scheduled, not the time at which it ran.
        """
        if self._event_time is not None:
            return self._event_time
        now = self.clock.now()
        try:
            while self._events and self._events[0][0] <= now:
                self._event_time, _, event = heappop(self._events)
                event(self._event_time)
        finally:
            self._event_time = None
        return now
