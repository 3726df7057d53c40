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
    ONCE,
    AuthenticationError,
    DigitalOceanError,
    Image,
    ImageAction,
)
from airflow_provider_do_images.core.wait.evaluate import (
    Outcome,
    Verdict,
    Wait,
    is_proved,
    judge,
    judge_proof,
    worth_a_second_look,
)

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

SECOND_LOOK_PAUSE = 2.0
"""Seconds before a refusal that would end the wait is asked for once more."""

VERIFICATION_START_LIMIT = 3600.0
"""Seconds after the end of an action within which its image has to be read for the first time. Only
a rate-limit budget that stays used up can delay that read so long; then the wait is unverified."""

PROOF_INTERVAL = 10.0
"""Seconds between two looks at the image of a completed action."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Sleep for so many seconds.

    :param at_most: the next question may be answered earlier, should it be known by then.
    """

    seconds: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Read the action, or with ``action_id`` ``None`` the image.

    :param fresh: get the token anew before, since it may have been replaced.
    :param accepts: whether an image that was read earlier answers the question, too.
    """

    image_id: int
    action_id: int | None
    fresh: bool = False
    accepts: Callable[[Image], bool] | None = None

    def send(self, client: ApiClient) -> Answer:
        """Read it once: for a wait, the next look is the repeat."""
        if self.action_id is None:
            return client.get_image(self.image_id, retry=ONCE)
        return client.get_image_action(self.image_id, self.action_id, retry=ONCE)


Answer = ImageAction | Image
T = TypeVar("T")
Flow = Generator[Ask | Pause, Any, T]
Clock = Callable[[], float]


def look_once(wait: Wait, clock: Clock = time.time) -> Flow[Verdict | None]:
    """Look at the action: twice if a refusal would end the wait, and for the proof if it completed.

    Returns the verdict, or ``None`` if the wait goes on.
    """
    ask = Ask(wait.image_id, wait.action_id)
    look: ImageAction | DigitalOceanError = yield ask
    verdict = judge(wait, look, clock())
    if worth_a_second_look(verdict):
        yield Pause(SECOND_LOOK_PAUSE)
        look = yield replace(ask, fresh=True)
        verdict = judge(wait, look, clock())
    return (yield from prove(verdict, clock))


def prove(verdict: Verdict | None, clock: Clock = time.time) -> Flow[Verdict | None]:
    """Look at the image of a completed action until it shows what the action did.

    A token that is refused meanwhile may have been replaced, too. Any other verdict is returned as
    it is. The time for it begins with the first read, which a short budget may delay.
    """
    if verdict is None or verdict.outcome is not Outcome.COMPLETED or verdict.action is None:
        return verdict
    wait, action = verdict.wait, verdict.action
    start_by, until = clock() + VERIFICATION_START_LIMIT, 0.0
    accepts = partial(is_proved, wait, action)
    proved = verdict if wait.proof_timeout <= 0 else None
    look: Image | DigitalOceanError | None = None
    while proved is None:
        refused = isinstance(look, AuthenticationError)
        look = yield Ask(wait.image_id, None, fresh=refused, accepts=accepts)
        now = clock()
        until = until or (now + wait.proof_timeout if now < start_by else now)
        proved = judge_proof(wait, action, look, now, until)
        if proved is None:
            yield Pause(min(PROOF_INTERVAL, max(until - clock(), 0.0)))
    return proved


def wait_until_finished(
    wait: Wait,
    *,
    poll_interval: float,
    first_look_at: float | None = None,
    clock: Clock = time.time,
) -> Flow[Verdict]:
    """Look every ``poll_interval`` seconds, a last time at the deadline, and return the verdict.

    :param first_look_at: when to look first, in Unix seconds, and not sooner; by default one
        interval from now.
    """
    first = clock() + poll_interval if first_look_at is None else first_look_at
    yield Pause(max(0.0, min(first, wait.deadline) - clock()))
    while True:
        if verdict := (yield from look_once(wait, clock)):
            return verdict
        yield Pause(max(0.0, min(poll_interval, wait.deadline - clock())), at_most=True)


def run(
    flow: Flow[T], ask: Callable[[Ask], Answer], sleep: Callable[[float], None] = time.sleep
) -> T:
    """Drive a flow in this thread."""
    answer: Answer | DigitalOceanError | None = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Pause):
            sleep(step.seconds)
            continue
        try:
            answer = ask(step)
        except DigitalOceanError as error:
            answer = error


def run_all(
    flows: Sequence[Flow[T]],
    ask: Callable[[Ask], Answer],
    sleep: Callable[[float], None] = time.sleep,
    clock: Clock = time.time,
) -> list[T]:
    """Drive flows in this thread, each at its own times, and return what they return, in order."""
    ends: dict[int, T] = {}
    due = [(0.0, number) for number in range(len(flows))]
    while due:
        at, number = heappop(due)
        sleep(max(at - clock(), 0.0))
        step: Ask | Pause | None = None
        answer: Answer | DigitalOceanError | None = None
        while not isinstance(step, Pause):
            try:
                step = flows[number].send(answer)
                answer = ask(step) if isinstance(step, Ask) else None
            except StopIteration as end:
                ends[number] = end.value
                break
            except DigitalOceanError as error:
                answer = error
        else:
            heappush(due, (clock() + step.seconds, number))
    return [ends[number] for number in range(len(flows))]


async def run_async(
    flow: Flow[T],
    ask: Callable[[Ask, float], Awaitable[Answer | DigitalOceanError]],
    clock: Clock = time.time,
) -> T:
    """Drive a flow on an event loop.

    :param ask: answers a question, at the latest at the given Unix time or soon after it.
    """
    answer: Answer | DigitalOceanError | None = None
    by = 0.0
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is untyped
        answer = None
        if isinstance(step, Pause):
            by = clock() + step.seconds
            if not step.at_most:
                await asyncio.sleep(step.seconds)
            continue
        try:
            answer = await ask(step, max(by, clock()))
        except DigitalOceanError as error:
            answer = error
