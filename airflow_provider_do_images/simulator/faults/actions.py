"""Faults of actions: what becomes of them after a request began them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from airflow_provider_do_images.simulator.faults.base import ActionFault
from airflow_provider_do_images.simulator.state.models import ERRORED, VANISHED, Fate


@dataclass(eq=False)
class ActionErrors(ActionFault):
    """The action ends as ``errored``.

    :param seconds: virtual seconds from its start; None: when it would have been completed.
    """

    seconds: float | None = None

    def fate(self) -> Fate:
        """Return how the action ends."""
        return Fate(ERRORED, self.seconds)


@dataclass(eq=False)
class ActionStuck(ActionFault):
    """The action stays in progress for ever."""

    def fate(self) -> Fate:
        """Return how the action ends."""
        return Fate(seconds=inf)


@dataclass(eq=False)
class ActionVanishes(ActionFault):
    """The action and its image disappear.

    :param seconds: virtual seconds from its start; None: when it would have been completed.
    """

    seconds: float | None = None

    def fate(self) -> Fate:
        """Return how the action ends."""
        return Fate(VANISHED, self.seconds)


@dataclass(eq=False)
class RegionsLag(ActionFault):
    """The action is completed, but the image's ``regions`` grow later.

    :param seconds: virtual seconds from its completion; inf: never.
    """

    type: str = "transfer"
    seconds: float = 30.0

    def fate(self) -> Fate:
        """Return how the action ends."""
        return Fate(regions_lag_seconds=self.seconds)
