"""Metrics of a shared poller (StatsD or OpenTelemetry), per connection id.

``digitalocean.poller.cycles`` and ``.requests`` count; ``.waits``, ``.interval`` (seconds),
``.remaining`` (requests of the hour), ``.unreserved`` (those of them that the poller may use) and
``.verifications`` (completed actions whose image is to be read) are gauges; ``.detection_delay`` is
the time from the end of an action until its wait detected it. The requests of a token count for
each of the connections that share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from airflow_provider_do_images.api import ImageAction

PREFIX = "digitalocean.poller"


class Metrics(Protocol):
    """Receives metrics; Airflow's ``Stats`` is one."""

    def gauge(self, stat: str, value: float, *, tags: dict[str, str]) -> None:
        """Set a figure."""

    def incr(self, stat: str, count: int, *, tags: dict[str, str]) -> None:
        """Add to a figure."""

    def timing(self, stat: str, dt: float, *, tags: dict[str, str]) -> None:
        """Record a time in milliseconds."""


class PollerMetrics:
    """The metrics of one shared poller.

    :param metrics: receives them; ``None`` for no metrics.
    """

    def __init__(self, metrics: Metrics | None) -> None:
        self.cycles = 0
        self.requests = 0
        self._metrics = metrics
        self._conn_ids: set[str] = set()

    def record(self, waits: Counter[str], gauges: Mapping[str, float]) -> None:
        """Send the counts since the last call, and the current gauges.

        :param waits: the number of waits by connection id; one that is missing has none left.
        :param gauges: further figures by name.
        """
        if self._metrics is not None:
            for conn_id in {*self._conn_ids, *waits}:
                tags = {"conn_id": conn_id}
                self._metrics.incr(f"{PREFIX}.cycles", self.cycles, tags=tags)
                self._metrics.incr(f"{PREFIX}.requests", self.requests, tags=tags)
                self._metrics.gauge(f"{PREFIX}.waits", waits[conn_id], tags=tags)
                for name, value in gauges.items():
                    self._metrics.gauge(f"{PREFIX}.{name}", value, tags=tags)
        self.cycles = self.requests = 0
        self._conn_ids = set(waits)

    def record_delay(self, conn_id: str, action: ImageAction, now: float) -> None:
        """Send how long after its end an action was read as ended."""
        if self._metrics and action.completed_at:
            delay = max(now - action.completed_at.timestamp(), 0.0)
            tags = {"conn_id": conn_id}
            self._metrics.timing(f"{PREFIX}.detection_delay", delay * 1000, tags=tags)
