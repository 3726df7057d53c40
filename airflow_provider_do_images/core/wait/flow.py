"""The wait for an action as a generator, and its drivers.

The generator yields what it needs next, a :class:`ReadRequest` or a :class:`Sleep`, receives the
response or the error, and returns the result. A worker and the triggerer drive the same generator,
so they share every decision.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_do_images.api import (
    NO_RETRY,
    AuthenticationError,
    DigitalOceanError,
    Image,
    ImageAction,
)
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.evaluate import (
    evaluate_poll,
    evaluate_verification,
    is_verified,
    needs_confirmation,
)
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

if TYPE_CHECKING:  # loads requests; DAG parsing stays fast
    from airflow_provider_do_images.api import ApiClient

CONFIRMATION_DELAY = 2.0
"""Seconds before a refusal that would end the wait is confirmed by a second poll."""

VERIFICATION_START_LIMIT = 3600.0
"""Seconds after the end of an action within which its image must be read for the first time. Only a
rate-limit budget that stays used up can delay that read so long; then the wait is unverified."""

VERIFY_INTERVAL = 10.0
"""Seconds between two reads of the image of a completed action."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Sleep for so many seconds.

    :param at_most: the next response may come earlier.
    """

    seconds: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read an action, or an image if ``action_id`` is ``None``.

    :param fresh: read the token again first, because it may have been replaced.
    :param accepts: whether an image that was read earlier is a response, too.
    """

    image_id: int
    action_id: int | None
    fresh: bool = False
    accepts: Callable[[Image], bool] | None = None

    def send(self, client: ApiClient) -> ReadResult:
        """Read it once, without resends: a wait polls again anyway."""
        if self.action_id is None:
            return client.get_image(self.image_id, retry=NO_RETRY)
        return client.get_image_action(self.image_id, self.action_id, retry=NO_RETRY)


ReadResult = ImageAction | Image
T = TypeVar("T")
WaitSteps = Generator[ReadRequest | Sleep, Any, T]
Clock = Callable[[], float]


def poll_once(wait: WaitSpec, clock: Clock = time.time) -> WaitSteps[WaitResult | None]:
    """Read the action; confirm a refusal that would end the wait, and verify a completed action.

    Returns the result, or ``None`` if the wait continues.
    """
    read = ReadRequest(wait.image_id, wait.action_id)
    response: ImageAction | DigitalOceanError = yield read
    result = evaluate_poll(wait, response, clock())
    if needs_confirmation(result):
        yield Sleep(CONFIRMATION_DELAY)
        response = yield replace(read, fresh=True)
        result = evaluate_poll(wait, response, clock())
    return (yield from verify(result, clock))


def verify(result: WaitResult | None, clock: Clock = time.time) -> WaitSteps[WaitResult | None]:
    """Read the image of a completed action until it shows the effect of the action.

    Any other result is returned unchanged. The verify timeout begins with the first read, which a
    short budget may delay. A rejected token may have been replaced, so it is read again.
    """
    if result is None or result.status is not WaitStatus.COMPLETED or result.action is None:
        return result
    wait, action = result.wait, result.action
    start_by, until = clock() + VERIFICATION_START_LIMIT, 0.0
    accepts = partial(is_verified, wait, action)
    verified = result if wait.verify_timeout <= 0 else None
    response: Image | DigitalOceanError | None = None
    while verified is None:
        refused = isinstance(response, AuthenticationError)
        response = yield ReadRequest(wait.image_id, None, fresh=refused, accepts=accepts)
        now = clock()
        until = until or (now + wait.verify_timeout if now < start_by else now)
        verified = evaluate_verification(wait, action, response, now, until)
        if verified is None:
            yield Sleep(min(VERIFY_INTERVAL, max(until - clock(), 0.0)))
    return verified


def wait_until_finished(
    wait: WaitSpec,
    *,
    poll_interval: float,
    first_poll_at: float | None = None,
    clock: Clock = time.time,
) -> WaitSteps[WaitResult]:
    """Poll every ``poll_interval`` seconds, a last time at the deadline, and return the result.

    :param first_poll_at: the time of the first poll, in Unix seconds; by default one interval from
        now.
    """
    first = clock() + poll_interval if first_poll_at is None else first_poll_at
    yield Sleep(max(0.0, min(first, wait.deadline) - clock()))
    while True:
        if result := (yield from poll_once(wait, clock)):
            return result
        yield Sleep(max(0.0, min(poll_interval, wait.deadline - clock())), at_most=True)


def drive(
    steps: WaitSteps[T],
    read: Callable[[ReadRequest], ReadResult],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Drive one wait in this thread."""
    answer: ReadResult | DigitalOceanError | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Sleep):
            sleep(step.seconds)
            continue
        try:
            answer = read(step)
        except DigitalOceanError as error:
            answer = error


def drive_all(
    waits: Sequence[WaitSteps[T]],
    read: Callable[[ReadRequest], ReadResult],
    sleep: Callable[[float], None] = time.sleep,
    clock: Clock = time.time,
) -> list[T]:
    """Drive several waits in this thread, and return their results in order."""
    ends: dict[int, T] = {}
    due = [(0.0, number) for number in range(len(waits))]
    while due:
        at, number = heappop(due)
        sleep(max(at - clock(), 0.0))
        step: ReadRequest | Sleep | None = None
        answer: ReadResult | DigitalOceanError | None = None
        while not isinstance(step, Sleep):
            try:
                step = waits[number].send(answer)
                answer = read(step) if isinstance(step, ReadRequest) else None
            except StopIteration as end:
                ends[number] = end.value
                break
            except DigitalOceanError as error:
                answer = error
        else:
            heappush(due, (clock() + step.seconds, number))
    return [ends[number] for number in range(len(waits))]


async def drive_async(
    steps: WaitSteps[T],
    read: Callable[[ReadRequest, float], Awaitable[ReadResult | DigitalOceanError]],
    clock: Clock = time.time,
) -> T:
    """Drive one wait on an event loop.

    :param read: returns the response to a request, at the given time (Unix seconds) or before.
    """
    answer: ReadResult | DigitalOceanError | None = None
    by = 0.0
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Sleep):
            by = clock() + step.seconds
            if not step.at_most:
                await asyncio.sleep(step.seconds)
            continue
        try:
            answer = await read(step, max(by, clock()))
        except DigitalOceanError as error:
            answer = error
