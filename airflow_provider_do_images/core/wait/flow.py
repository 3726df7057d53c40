"""Waiting for an action: one flow that decides, and two loops that only ask and sleep.

The flow is a generator. It yields what it needs next, an :class:`Ask` or a :class:`Pause`, gets the
answer or the error sent in, and returns the verdict. So the worker's loop and the triggerer's share
every decision.
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

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

CONFIRMATION_DELAY = 2.0
"""Seconds before a refusal that would end the wait is asked for once more."""

VERIFICATION_START_LIMIT = 3600.0
"""Seconds after the end of an action within which its image has to be read for the first time. Only
a rate-limit budget that stays used up can delay that read so long; then the wait is unverified."""

VERIFY_INTERVAL = 10.0
"""Seconds between two looks at the image of a completed action."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Sleep for so many seconds.

    :param at_most: the next question may be answered earlier, should it be known by then.
    """

    seconds: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read the action, or with ``action_id`` ``None`` the image.

    :param fresh: get the token anew before, since it may have been replaced.
    :param accepts: whether an image that was read earlier answers the question, too.
    """

    image_id: int
    action_id: int | None
    fresh: bool = False
    accepts: Callable[[Image], bool] | None = None

    def send(self, client: ApiClient) -> ReadResult:
        """Read it once: for a wait, the next look is the repeat."""
        if self.action_id is None:
            return client.get_image(self.image_id, retry=NO_RETRY)
        return client.get_image_action(self.image_id, self.action_id, retry=NO_RETRY)


ReadResult = ImageAction | Image
T = TypeVar("T")
WaitSteps = Generator[ReadRequest | Sleep, Any, T]
Clock = Callable[[], float]


def poll_once(wait: WaitSpec, clock: Clock = time.time) -> WaitSteps[WaitResult | None]:
    """Look at the action: twice if a refusal would end the wait, and for the proof if it completed.

    Returns the verdict, or ``None`` if the wait goes on.
    """
    ask = ReadRequest(wait.image_id, wait.action_id)
    look: ImageAction | DigitalOceanError = yield ask
    verdict = evaluate_poll(wait, look, clock())
    if needs_confirmation(verdict):
        yield Sleep(CONFIRMATION_DELAY)
        look = yield replace(ask, fresh=True)
        verdict = evaluate_poll(wait, look, clock())
    return (yield from verify(verdict, clock))


def verify(verdict: WaitResult | None, clock: Clock = time.time) -> WaitSteps[WaitResult | None]:
    """Look at the image of a completed action until it shows what the action did.

    A token that is refused meanwhile may have been replaced, too. Any other verdict is returned as
    it is. The time for it begins with the first read, which a short budget may delay.
    """
    if verdict is None or verdict.status is not WaitStatus.COMPLETED or verdict.action is None:
        return verdict
    wait, action = verdict.wait, verdict.action
    start_by, until = clock() + VERIFICATION_START_LIMIT, 0.0
    accepts = partial(is_verified, wait, action)
    proved = verdict if wait.verify_timeout <= 0 else None
    look: Image | DigitalOceanError | None = None
    while proved is None:
        refused = isinstance(look, AuthenticationError)
        look = yield ReadRequest(wait.image_id, None, fresh=refused, accepts=accepts)
        now = clock()
        until = until or (now + wait.verify_timeout if now < start_by else now)
        proved = evaluate_verification(wait, action, look, now, until)
        if proved is None:
            yield Sleep(min(VERIFY_INTERVAL, max(until - clock(), 0.0)))
    return proved


def wait_until_finished(
    wait: WaitSpec,
    *,
    poll_interval: float,
    first_poll_at: float | None = None,
    clock: Clock = time.time,
) -> WaitSteps[WaitResult]:
    """Look every ``poll_interval`` seconds, a last time at the deadline, and return the verdict.

    :param first_poll_at: when to look first, in Unix seconds, and not sooner; by default one
        interval from now.
    """
    first = clock() + poll_interval if first_poll_at is None else first_poll_at
    yield Sleep(max(0.0, min(first, wait.deadline) - clock()))
    while True:
        if verdict := (yield from poll_once(wait, clock)):
            return verdict
        yield Sleep(max(0.0, min(poll_interval, wait.deadline - clock())), at_most=True)


def drive(
    flow: WaitSteps[T],
    ask: Callable[[ReadRequest], ReadResult],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Drive a flow in this thread."""
    answer: ReadResult | DigitalOceanError | None = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Sleep):
            sleep(step.seconds)
            continue
        try:
            answer = ask(step)
        except DigitalOceanError as error:
            answer = error


def drive_all(
    flows: Sequence[WaitSteps[T]],
    ask: Callable[[ReadRequest], ReadResult],
    sleep: Callable[[float], None] = time.sleep,
    clock: Clock = time.time,
) -> list[T]:
    """Drive flows in this thread, each at its own times, and return what they return, in order."""
    ends: dict[int, T] = {}
    due = [(0.0, number) for number in range(len(flows))]
    while due:
        at, number = heappop(due)
        sleep(max(at - clock(), 0.0))
        step: ReadRequest | Sleep | None = None
        answer: ReadResult | DigitalOceanError | None = None
        while not isinstance(step, Sleep):
            try:
                step = flows[number].send(answer)
                answer = ask(step) if isinstance(step, ReadRequest) else None
            except StopIteration as end:
                ends[number] = end.value
                break
            except DigitalOceanError as error:
                answer = error
        else:
            heappush(due, (clock() + step.seconds, number))
    return [ends[number] for number in range(len(flows))]


async def drive_async(
    flow: WaitSteps[T],
    ask: Callable[[ReadRequest, float], Awaitable[ReadResult | DigitalOceanError]],
    clock: Clock = time.time,
) -> T:
    """Drive a flow on an event loop.

    :param ask: answers a question, at the latest at the given Unix time or soon after it.
    """
    answer: ReadResult | DigitalOceanError | None = None
    by = 0.0
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Sleep):
            by = clock() + step.seconds
            if not step.at_most:
                await asyncio.sleep(step.seconds)
            continue
        try:
            answer = await ask(step, max(by, clock()))
        except DigitalOceanError as error:
            answer = error
