"""Cases and bounds of :mod:`.poller`. Must not import a module that reads the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

INTERVAL = 30.0
REGIONS_PER_IMAGE = 10
"""Target regions per image, unless each copy is of another image."""

LIMIT = 5000
UNRESERVED = 2500
PAGE = 200
MAXIMUM_FACTOR = 4
"""The maximum delay, as a multiple of the bound of p95: long actions are polled less often."""

POLLER, ONE_BY_ONE = "poller", "one loop per action"


@dataclass(frozen=True, slots=True)
class Case:
    """What to measure.

    :param way: how to wait.
    :param waits: number of concurrent waits.
    :param per_image: target regions per image.
    :param noise: foreign droplet actions in the account, per action of the waits.
    :param triggerers: processes with the same token that share the waits.
    :param spent: whether another client has spent the unreserved requests of the hour before.
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
        """Number of images with a pending action."""
        return max(self.waits // self.per_image, 1)

    @property
    def shortest_cycle(self) -> float:
        """Seconds of the shortest cycle that the budget allows.

        A cycle reads the pages of actions, or each image where that needs fewer requests.
        """
        actions = min(ceil(self.waits * (1 + self.noise) / PAGE), self.images)
        requests = actions + ceil(self.images / PAGE)
        return requests * self.triggerers * 3600 / UNRESERVED

    @property
    def longest_p95(self) -> float:
        """Seconds within which 95 % of the ends must be detected and verified."""
        if self.spent:
            return 1.3 * self.shortest_cycle + INTERVAL
        return max(self.shortest_cycle, INTERVAL + 5)


@dataclass(frozen=True, slots=True)
class Figures:
    """Measured figures. Times are virtual seconds, except ``cpu`` and ``stall``.

    :param requests: all requests of the waits.
    :param requests_per_hour: in the first hour, or in the whole time if that was shorter.
    :param refused: number of responses with status 429.
    :param delay: from the end of an action to its detection, or to the end of a stopped run:
        median, 95th percentile, maximum; NaN if no action has ended.
    :param seen: number of waits that have detected the end.
    :param took: duration until all ends were detected, or until the run was stopped.
    :param cpu: CPU seconds of the process that runs the waits.
    :param stall: the longest turn of the event loop, in CPU milliseconds.
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
    """Return the violated bounds of the shared poller; none for one loop per action."""
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

    :param begun: time of the submit, in virtual Unix seconds.
    :param triggerer: number of the triggerer that waits.
    """

    image_id: int
    action_id: int
    region: str
    begun: float
    triggerer: int = 0


@dataclass(slots=True)
class Result:
    """The result of a run.

    :param seen: when the end of each action was detected, in virtual Unix seconds.
    :param ended: end of the run.
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
