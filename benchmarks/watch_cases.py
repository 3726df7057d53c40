"""What :mod:`.watch` measures, and what comes of it. Imports nothing that looks at the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

INTERVAL = 30.0
FEW_IMAGES = 10
"""Regions to which each image is copied, unless each copy is of another image."""

SLOW = 100.0
"""Virtual seconds in a real one for the run that shows that jumping changes nothing."""

MOST_WITH_PYDO = 100
MOST_WITH_BACK_OFF = 1000
"""With more it would be broken off before its pauses have grown."""


@dataclass(frozen=True, slots=True)
class Case:
    """What to measure.

    :param per_image: regions to which each image is copied.
    :param noise: foreign droplet actions in the account for each of the waits' own.
    :param speed: virtual seconds in a real one; 0: the clock jumps.
    """

    way: str
    waits: int
    per_image: int = FEW_IMAGES
    noise: int = 0
    speed: float = 0.0

    def __str__(self) -> str:
        return f"{self.way}: {self.waits} waits, {self.per_image} an image, noise {self.noise}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Times are virtual seconds, but for ``cpu`` and the stalls.

    :param requests_per_hour: in the first hour, or in all the time if that was less.
    :param refused: answers with status 429, as the simulator's journal has them.
    :param delay: from the end of an action until its wait knew, or until the run was broken off:
        median, 95th percentile, longest; not a number if none had ended.
    :param seen: how many waits came to know in the time.
    :param took: until all had been seen, or until it was broken off.
    :param bytes_per_wait: the most allocated at a time, less what Airflow's own trigger needs that
        only sleeps; ``None`` if it was not counted.
    :param stall: the longest turn of the event loop without garbage collections, in milliseconds:
        real ones, and on a processor.
    :param collection: the longest garbage collection, in real milliseconds.
    """

    case: Case
    requests: int
    requests_per_hour: float
    refused: int
    delay: tuple[float, ...]
    seen: int
    took: float
    cpu: float
    bytes_per_wait: float | None
    stall: tuple[float, float]
    collection: float


class Job(NamedTuple):
    """An action to wait for, or to submit first.

    :param begun: when it was submitted, in virtual Unix seconds.
    """

    image_id: int
    action_id: int
    region: str
    begun: float


@dataclass(slots=True)
class Result:
    """What came of a run.

    :param seen: when each action was known to have ended, in virtual Unix seconds.
    :param ended: when the run was over.
    :param cpu: seconds of this process.
    :param stall: the longest turn of the event loop, as :attr:`.VirtualLoop.stall` has it.
    :param collection: the longest garbage collection, in seconds.
    :param peak: the most bytes allocated at a time, if they were counted.
    """

    seen: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0
    cpu: float = 0.0
    stall: tuple[float, float] = (0.0, 0.0)
    collection: float = 0.0
    peak: int = 0


def cases(*, quick: bool) -> Iterator[Case]:
    """Yield all cases; looking one by one costs the same whatever else there is."""
    for number in (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 5000):
        yield Case("one by one 30 s", number)
        if number <= MOST_WITH_BACK_OFF:
            yield Case("one by one 10-60 s", number)
        if number <= MOST_WITH_PYDO:
            yield Case("pydo 30 s", number)
        for per_image in (FEW_IMAGES,) if quick else (1, FEW_IMAGES):
            for noise in (0, 10) if quick else (0, 1, 10):
                yield Case("watch", number, per_image, noise)
        if number == MOST_WITH_PYDO and not quick:
            yield Case("watch", number, speed=SLOW)
