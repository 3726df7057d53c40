"""Faults of actions, which apply after the request that starts them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from airflow_provider_do_images.simulator.faults.base import ActionFault
from airflow_provider_do_images.simulator.state.models import DISAPPEARED, ERRORED, ActionOutcome


@dataclass(eq=False)
class ActionErrors(ActionFault):
    """The action ends as ``errored``.

    :param seconds: virtual seconds from its start; None: its usual duration.
    """

    seconds: float | None = None

    def outcome(self) -> ActionOutcome:
        """Return the end of the action."""
        return ActionOutcome(ERRORED, self.seconds)


@dataclass(eq=False)
class ActionStuck(ActionFault):
    """The action stays in progress."""

    def outcome(self) -> ActionOutcome:
        """Return the end of the action."""
        return ActionOutcome(seconds=inf)


@dataclass(eq=False)
class ActionDisappears(ActionFault):
    """The action and its image disappear.

    :param seconds: virtual seconds from its start; None: its usual duration.
    """

    seconds: float | None = None

    def outcome(self) -> ActionOutcome:
        """Return the end of the action."""
        return ActionOutcome(DISAPPEARED, self.seconds)


@dataclass(eq=False)
class RegionsLag(ActionFault):
    """The image's ``regions`` include the destination some time after the action is completed.

    :param seconds: virtual seconds from its completion; inf: never.
    """

    type: str = "transfer"
    seconds: float = 30.0

    def outcome(self) -> ActionOutcome:
        """Return the end of the action."""
        return ActionOutcome(regions_lag_seconds=self.seconds)
