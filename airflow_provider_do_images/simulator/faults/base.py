"""Base classes of faults, and the list of faults of a simulator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from random import Random
from threading import Lock
from typing import TypeVar

from starlette.responses import Response

from airflow_provider_do_images.simulator.clock import Clock
from airflow_provider_do_images.simulator.http.fault_chain import FaultChain
from airflow_provider_do_images.simulator.state.models import Action, ActionOutcome


@dataclass(kw_only=True, eq=False)
class Fault:
    """A fault and the conditions for it.

    :param times: how often it applies; None: to each match.
    :param probability: from 0 to 1, for each match.
    :param skip: how many matches it ignores first.
    :param delay_seconds: virtual seconds from its addition until it can match.
    :raises ValueError: for a value out of range.
    """

    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    delay_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times must be 1 or more, or None, not {self.times}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1, not {self.probability}")
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, int | float) and not value >= 0:
                raise ValueError(f"{one.name} must be 0 or more, not {value}")


@dataclass(kw_only=True, eq=False)
class RequestFault(Fault):
    """A fault of a request.

    :param method: such as ``POST``; default: any.
    :param path: can have wildcards, such as ``/v2/images/*/actions``; ``*`` matches slashes.
    """

    method: str = "*"
    path: str = "*"

    def matches(self, method: str, path: str) -> bool:
        """Return whether the fault matches a request."""
        return self.method.upper() in {"*", method} and fnmatchcase(path, self.path)

    @abstractmethod
    async def intercept(self, chain: FaultChain) -> Response:
        """Return the response, usually after ``chain.proceed()``."""


@dataclass(kw_only=True, eq=False)
class ActionFault(Fault):
    """A fault of an action, matched when the action starts.

    :param type: the action's type, such as ``transfer``; default: any.
    :param region: the destination's slug; default: any.
    :param image_id: the image; default: any.
    """

    type: str = "*"
    region: str = "*"
    image_id: int | None = None

    def matches(self, action: Action) -> bool:
        """Return whether the fault matches an action."""
        return (
            self.type in {"*", action.type}
            and self.region in {"*", action.region}
            and self.image_id in {None, action.resource_id}
        )

    @abstractmethod
    def outcome(self) -> ActionOutcome:
        """Return the end of the action."""


F = TypeVar("F", bound=Fault)


class FaultList:
    """The faults of a simulator, matched in the order in which they were added.

    :param seed: for probabilities.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._seed = seed
        self._active: list[_ActiveFault] = []
        self._lock = Lock()
        self._added = 0

    def add(self, fault: F) -> F:
        """Add a fault and return it."""
        with self._lock:
            self._added += 1
            random = Random(f"{self._seed}/{self._added}")  # noqa: S311 - not for secrets
            self._active.append(
                _ActiveFault(fault, self._clock.now() + fault.delay_seconds, random)
            )
        return fault

    @property
    def all(self) -> list[Fault]:
        """All faults, including those that no longer apply."""
        return [active.fault for active in self._active]

    def clear(self) -> None:
        """Remove all faults. Their effects on the account remain."""
        with self._lock:
            self._active.clear()

    def matching_request(self, method: str, path: str) -> Iterator[RequestFault]:
        """Yield the faults that apply to a request. One that is not fetched is not counted."""
        for active in list(self._active):
            fault = active.fault
            if not isinstance(fault, RequestFault) or not fault.matches(method, path):
                continue
            if self._should_apply(active):
                yield fault

    def decide_outcome(self, action: Action) -> ActionOutcome:
        """Return how a new action ends."""
        for active in list(self._active):
            fault = active.fault
            if (
                isinstance(fault, ActionFault)
                and fault.matches(action)
                and self._should_apply(active)
            ):
                return fault.outcome()
        return ActionOutcome()

    def _should_apply(self, active: _ActiveFault) -> bool:
        with self._lock:
            return active.should_apply(self._clock.now())


class _ActiveFault:
    """A fault in one simulator, with its remaining count."""

    def __init__(self, fault: Fault, since: float, random: Random) -> None:
        self.fault = fault
        self._since = since
        self._random = random
        self._skip = fault.skip
        self._left = fault.times

    def should_apply(self, now: float) -> bool:
        """Return whether the fault applies to a match at this time, and count it."""
        if now < self._since or self._left == 0:
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._random.random() >= self.fault.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True
