"""What :mod:`.poller` measures, and the bounds for it. Imports nothing that reads the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

INTERVAL = 30.0
REGIONS_PER_IMAGE = 10
"""Regions to which each image is copied, unless each copy is of another image."""

LIMIT = 5000
UNRESERVED = 2500
PAGE = 200
MAXIMUM_FACTOR = 4
"""The longest delay, as a multiple of the bound of p95: what ends last is polled least often."""

POLLER, ONE_BY_ONE = "poller", "one loop per action"


@dataclass(frozen=True, slots=True)
class Case:
    """What to measure.

    :param way: one of the ways to wait.
    :param waits: actions that are waited for at the same time.
    :param per_image: regions to which each image is copied.
    :param noise: foreign droplet actions in the account for each of the waits' own.
    :param triggerers: processes with the same token among which the waits are split.
    :param spent: whether another user has spent the unreserved requests of the hour before.
    """

    way: str
    waits: int
    per_image: int = REGIONS_PER_IMAGE
    noise: int = 0
    triggerers: int = 1
    spent: bool = False

    def __str__(self) -> str:
        return f"{self.way}: {self.waits} waits, {self.per_image} an image, noise {self.noise}"

    @property
    def images(self) -> int:
        """How many images have an action that is waited for."""
        return max(self.waits // self.per_image, 1)

    @property
    def shortest_cycle(self) -> float:
        """Seconds of the shortest cycle that the budget allows, all pages being read once.

        Where reading image by image needs fewer requests than the pages of actions, it is that.
        """
        actions = min(ceil(self.waits * (1 + self.noise) / PAGE), self.images)
        requests = actions + ceil(self.images / PAGE)
        return requests * self.triggerers * 3600 / UNRESERVED

    @property
    def longest_p95(self) -> float:
        """Seconds after which 95 % of the ends have to be known and verified."""
        if self.spent:
            return 1.3 * self.shortest_cycle + INTERVAL
        return max(self.shortest_cycle, INTERVAL + 5)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Times are virtual seconds, but for ``cpu`` and ``stall``.

    :param requests: all requests of the waits.
    :param requests_per_hour: in the first hour, or in all the time if that was less.
    :param refused: answers with status 429, as the simulator's journal has them.
    :param delay: from the end of an action until its wait knew, or until the run was broken off:
        median, 95th percentile, longest; not a number if none had ended.
    :param seen: how many waits came to know in the time.
    :param took: until all had been seen, or until it was broken off.
    :param cpu: real seconds of the process that waits.
    :param stall: the longest turn of the event loop on a processor, in real milliseconds.
    """

    case: Case
    requests: int
    requests_per_hour: float
    refused: int
    delay: tuple[float, ...]
    seen: int
    took: float
    cpu: float
    stall: float


def broken_bounds(one: Figures) -> list[str]:
    """Return which bounds the shared poller has broken; nothing for one loop per action."""
    median, p95, longest = one.delay
    bounds = {
        "all waits are seen": one.seen == one.case.waits,
        "no 429": one.refused == 0,
        "at most half of the limit": one.requests_per_hour <= UNRESERVED,
        "p95": median <= p95 <= one.case.longest_p95,
        "maximum": longest <= MAXIMUM_FACTOR * one.case.longest_p95,
    }
    if one.case.way != POLLER:
        return []
    return [f"{one.case}: {name}" for name, kept in bounds.items() if not kept]


class Job(NamedTuple):
    """An action to wait for, or to submit first.

    :param begun: when it was submitted, in virtual Unix seconds.
    :param triggerer: number of the triggerer that waits for it.
    """

    image_id: int
    action_id: int
    region: str
    begun: float
    triggerer: int = 0


@dataclass(slots=True)
class Result:
    """What came of a run.

    :param seen: when each action was known to have ended, in virtual Unix seconds.
    :param ended: when the run was over.
    :param cpu: seconds of this process.
    :param stall: the longest turn of the event loop on a processor, in seconds.
    """

    seen: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0
    cpu: float = 0.0
    stall: float = 0.0


def cases(*, quick: bool) -> Iterator[Case]:
    """Yield all cases; one loop per action costs the same whatever else there is."""
    for number in (10, 100, 1000) if quick else (1, 10, 100, 1000, 5000):
        yield Case(ONE_BY_ONE, number)
        for per_image in (1, REGIONS_PER_IMAGE):
            for noise in (0, 10):
                yield Case(POLLER, number, per_image, noise)
        if number >= 1000:  # noqa: PLR2004 - with fewer the budget is never short
            yield Case(POLLER, number, 1, 10, spent=True)
            yield Case(POLLER, number, 1, 10, triggerers=2)
