"""What will happen when: the only thing in the simulator that lets time have effects."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from airflow_provider_do_images.simulator.clock import Clock

Event = Callable[[float], None]
"""Something that happens; it is told at what virtual time."""


class Timeline:
    """Events to come. They happen when ``run_due_events`` is called, never by themselves."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._events: list[tuple[float, int, Event]] = []
        self._sequence = count()
        self._event_time: float | None = None

    def at(self, moment: float, event: Event) -> None:
        """Plan an event for the virtual time ``moment``."""
        heappush(self._events, (moment, next(self._sequence), event))

    def run_due_events(self) -> float:
        """Let all events happen whose time has come, in order; return the virtual time.

        Called by an event, it only returns that event's time: what an event does is done then,
        however much later it is noticed.
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
