"""Which transfers a task has submitted itself, and to which region."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from airflow_provider_do_images.api import ImageAction


class OwnTransfers:
    """The regions of a task's own transfers, by action id.

    DigitalOcean may never report the region of a transfer. The task that sent the POST knows it.

    :param regions: what earlier tries of the task have stored.
    :param save: stores all regions for later tries.
    """

    def __init__(
        self,
        regions: Mapping[int, str] | None = None,
        save: Callable[[Mapping[int, str]], None] | None = None,
    ) -> None:
        self._regions = dict(regions or {})
        self._stored = dict(self._regions)
        self._save = save

    def add(self, action_id: int, region: str) -> None:
        """Record a transfer whose POST had a clear response, also for later tries."""
        self._regions[action_id] = self._stored[action_id] = region
        if self._save:
            self._save(self._stored)

    def assume(self, action_id: int, region: str) -> None:
        """Record a transfer for this try alone.

        It was found after a lost response, so another client may have started it.
        """
        self._regions[action_id] = region

    def label(self, actions: Iterable[ImageAction]) -> tuple[ImageAction, ...]:
        """Return the actions with the region filled in where only this task knows it."""
        return tuple(
            replace(action, region_slug=self._regions[action.id])
            if action.region_slug is None and action.id in self._regions
            else action
            for action in actions
        )

    def to_other_regions(self, region: str | None) -> frozenset[int]:
        """Return the ids of the transfers to any other region than this one."""
        return frozenset(id_ for id_, slug in self._regions.items() if slug != region)
