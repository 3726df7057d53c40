"""The read requests of waits, and the delivery of responses to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.wait.flow import ReadRequest, ReadResult

_BATCH_SIZE = 100
"""Responses delivered before the event loop runs other coroutines."""


class IntervalChange(str):
    """A log line for a wait, delivered instead of a response."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class PollRequest:
    """A read request of a wait, with the times of its response.

    :param by: when the response is due, in Unix seconds; it may come earlier.
    :param latest: when it must come even if the budget is used up: for an action by a last poll at
        the deadline of the wait, for an image by an error after an hour.
    :param interval: seconds between two requests of this wait.
    :param reply: receives the response.
    """

    read: ReadRequest
    by: float
    latest: float
    interval: float
    reply: asyncio.Future[Any] = field(default_factory=asyncio.Future)

    @property
    def is_verification(self) -> bool:
        """Whether it reads the image of a completed action."""
        return self.read.action_id is None

    @property
    def open(self) -> bool:
        """Whether it has no response yet."""
        return not self.reply.done()


async def deliver(
    answers: Iterable[
        tuple[Iterable[PollRequest], ReadResult | DigitalOceanError | IntervalChange]
    ],
) -> None:
    """Deliver responses in batches, so that the event loop is never blocked for long."""
    delivered = 0
    for requests, answer in answers:
        for request in requests:
            if request.open:
                request.reply.set_result(answer)
                delivered += 1
                if delivered % _BATCH_SIZE == 0:
                    await asyncio.sleep(0)
    await asyncio.sleep(0)  # a subscriber may send its next request, for the same poll cycle


def image_of(request: PollRequest) -> int:
    """Return the id of the image of a request."""
    return request.read.image_id


def grouped(
    requests: Iterable[PollRequest], key: Callable[[PollRequest], int | None]
) -> dict[int | None, list[PollRequest]]:
    """Group requests by a key, in their order."""
    groups: dict[int | None, list[PollRequest]] = {}
    for request in requests:
        groups.setdefault(key(request), []).append(request)
    return groups


def count_open(by_id: dict[int | None, list[PollRequest]]) -> int:
    """Count the groups with a request that has no response yet."""
    return sum(any(request.open for request in same) for same in by_id.values())
