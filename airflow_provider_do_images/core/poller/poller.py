"""One watch for all deferred waits of a token: what many wait for is read with few requests.

The triggerer runs each wait as a coroutine of its own. They send nothing themselves: they put their
questions to the watch that they share, and one sweep answers all that are due, as cheaply as
:mod:`.reader` can and as fast as :mod:`airflow_provider_do_images.api.http.rate_limit` allows. A
    watch has one thread, so that at
most one request is under way; its first wait makes it and its last one ends it.

Whatever a sweep logged would land in the log of the task whose coroutine began it. So a watch logs
nothing: it hands a :class:`.Notice` to the waits, and each logs its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_do_images.api import (
    DigitalOceanError,
    ImageAction,
    NotSentError,
    RateLimitedError,
)
from airflow_provider_do_images.api.http.retry import HOURLY_LIMIT_SECONDS
from airflow_provider_do_images.core.messages import describe_interval_change
from airflow_provider_do_images.core.poller.batch_reader import BatchReader
from airflow_provider_do_images.core.poller.metrics import Metrics, PollerMetrics
from airflow_provider_do_images.core.poller.poll_requests import (
    IntervalChange,
    PollRequest,
    deliver,
)
from airflow_provider_do_images.core.poller.request_pacer import RequestPacer
from airflow_provider_do_images.core.wait.flow import (
    VERIFICATION_START_LIMIT,
    Clock,
    ReadRequest,
    ReadResult,
)
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient

_SLACK = 0.1
"""Part of an interval by which looks are brought together, earlier or later."""

_SPREAD = 1 / 3
"""Part of an interval over which the first sweeps of new watches are spread."""

R = TypeVar("R")


class Subscription:
    """The place of one wait in a watch.

    :param conn_id: id of the connection that the wait uses.
    :param interval: seconds between two looks.
    :param deadline: when the wait ends, in Unix seconds.
    :param progress: writes into the log of the wait's task.
    """

    def __init__(
        self,
        watch: SharedPoller,
        conn_id: str,
        interval: float,
        deadline: float,
        progress: WaitProgressLog,
    ) -> None:
        self.conn_id = conn_id
        self.progress = progress
        self.interval = interval
        self._watch = watch
        self._deadline = deadline

    async def ask(self, ask: ReadRequest, by: float) -> ReadResult | DigitalOceanError:
        """Return the answer to a question.

        :param by: when it is due, in Unix seconds. It may come earlier, and later if the budget
            forces that, which is logged.
        """
        limit = by + VERIFICATION_START_LIMIT if ask.action_id is None else self._deadline
        latest = max(by, limit)
        while True:
            question = PollRequest(ask, by, latest, self.interval)
            reply = await self._watch.answer_to(self, question)
            if isinstance(reply, IntervalChange):
                self.progress.log_interval(reply)
                continue
            if isinstance(reply, ImageAction):
                self._watch.record_delay(self.conn_id, reply)
            return reply

    def leave(self) -> None:
        """Give the seat up. The watch ends with its last one."""
        self._watch.leave(self)


class SharedPoller:
    """What the waits of one event loop have in common that use the same token.

    :param client: its client, which the watch closes in the end.
    :param clock: returns the Unix time.
    :param metrics: where figures go, if anywhere.
    """

    def __init__(self, client: ApiClient, clock: Clock, metrics: Metrics | None) -> None:
        self.seats: set[Subscription] = set()
        self.interval = 0.0
        """Seconds between two sweeps at present."""
        self._client = client
        self._clock = clock
        self._report = PollerMetrics(metrics)
        self._questions: dict[Subscription, PollRequest] = {}
        self._pacer = RequestPacer()
        self._reader = BatchReader(self._send, self._pacer, clock)
        self._not_before = 0.0
        self._wake_at = inf
        self._woken = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="digitalocean-watch")
        # An empty context: the sweeps belong to no task, whoever began them.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def answer_to(
        self, seat: Subscription, question: PollRequest
    ) -> ReadResult | DigitalOceanError | IntervalChange:
        """Wait for the answer to a question, or for something to be logged first."""
        if (known := self._reader.known_image(question.ask)) is not None:
            return known
        self._questions[seat] = question
        if question.by < self._wake_at:
            self._wake_at = question.by
            self._woken.set()
        return await question.reply  # type: ignore[no-any-return]  # a future of any answer

    def sit(self, seat: Subscription, reserve: float) -> None:
        """Take a seat in."""
        if not self.seats:  # the first: many triggerers may have been started at once
            spread = seat.interval * _SPREAD * random.random()  # noqa: S311 - hides nothing
            self._not_before = self._clock() + spread
        self.seats.add(seat)
        self._pacer.reserve = max(self._pacer.reserve, reserve)

    def leave(self, seat: Subscription) -> None:
        """Let a seat go; after the last one, close the session and end the thread."""
        self.seats.discard(seat)
        self._questions.pop(seat, None)
        if not self.seats:
            self._tell_metrics()
            _forget(self)
            self._task.cancel()
            self._executor.submit(self._client.close)
            self._executor.shutdown(wait=False)

    def record_delay(self, conn_id: str, action: ImageAction) -> None:
        """Tell the metrics how long after its end an action was seen to have ended."""
        self._report.record_delay(conn_id, action, self._clock())

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            self._wake_at = self._next_sweep()
            pause = self._wake_at - self._clock()
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if pause == inf else pause):
                        await self._woken.wait()
                continue
            try:
                await self._sweep()
            except Exception as error:  # noqa: BLE001 - a mistake of ours: the waits fail with it, none hangs
                for question in self._open():
                    question.reply.set_exception(error)

    def _next_sweep(self) -> float:
        open_ones, now = self._open(), self._clock()
        allowed_at = max(self._not_before, now + self._pacer.wait_time(now))
        calm = max(min((question.by for question in open_ones), default=inf), allowed_at)
        return min(calm, min((question.latest for question in open_ones), default=inf))

    def _open(self) -> list[PollRequest]:
        return [question for question in self._questions.values() if question.open]

    async def _sweep(self) -> None:
        begun = self._clock()
        self._report.sweeps += 1
        thrifty = begun < self._not_before or self._pacer.wait_time(begun) > 0
        await self._end_verifications(begun)
        due = [
            question
            for question in self._open()
            if question.latest <= begun
            or (question.by <= begun + _SLACK * question.interval and not thrifty)
        ]
        due.sort(key=lambda question: (question.latest > begun, question.by))
        refused_for = 0.0
        try:
            await self._reader.answer(due, self._open, thrifty=thrifty)
        except RateLimitedError as error:
            told = error.retry_after
            refused_for = HOURLY_LIMIT_SECONDS if told is None else told
            await deliver(([question], error) for question in due if question.latest <= begun)
        except DigitalOceanError as error:
            await deliver(([question], error) for question in due)
        await self._pause_after(begun, refused_for)

    async def _pause_after(self, begun: float, refused_for: float) -> None:
        """Set when the next sweep may begin, by what this one has used, and tell of it."""
        shortest = min((seat.interval for seat in self.seats), default=0.0)
        now = self._clock()
        each = self._pacer.seconds_per_request(now)
        paced = begun + max(self._report.requests * each, _SLACK * shortest)
        allowed_at = now + max(self._pacer.wait_time(now), refused_for)
        self._not_before = max(self._not_before, paced, allowed_at)
        self.interval = max(shortest, self._not_before - begun)
        used_up = "another user of the token has used up its requests"
        why = used_up if refused_for else self._pacer.describe()
        await self._tell(why, refused=refused_for > 0)
        self._tell_metrics()

    async def _tell(self, why: str, *, refused: bool) -> None:
        """Tell each task how often is looked for it, if that has changed, in one of its waits."""
        longest_due: dict[WaitProgressLog, PollRequest] = {}
        for seat, question in self._questions.items():
            known = longest_due.get(seat.progress)
            if question.open and (known is None or question.by < known.by):
                longest_due[seat.progress] = question
        notices, now = [], self._clock()
        for progress, question in longest_due.items():
            wanted = question.interval
            looked_at = min(self._not_before, question.latest)
            late = bool(why) and looked_at > min(question.by, now) + wanted
            asked_at = max(question.by, now) if refused else question.by
            if progress.set_interval(self._not_before - asked_at + wanted, late=late):
                words = describe_interval_change(progress.interval, wanted, looked_at, why)
                notices.append(([question], IntervalChange(words)))
        await deliver(notices)

    async def _end_verifications(self, now: float) -> None:
        """Answer those that the budget has delayed for too long with an error."""
        late = [one for one in self._open() if one.is_verification and one.latest <= now]
        error = NotSentError("the rate-limit budget allowed no read of the image for an hour")
        await deliver([(late, error)])

    async def _send(self, call: Callable[[ApiClient], R], *, last_poll: bool) -> R:
        self._pacer.record_request(self._clock(), last_poll=last_poll)
        self._report.requests += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, call, self._client)
        finally:
            self._pacer.update(self._client.rate_limit, self._clock())

    def _tell_metrics(self) -> None:
        gauges: dict[str, float] = {
            "interval": self.interval,
            "verifications": sum(one.is_verification for one in self._open()),
        }
        if limit := self._pacer.limit:
            unreserved = max(limit.remaining - limit.reserved(self._pacer.reserve), 0.0)
            gauges |= {"remaining": limit.remaining, "unreserved": unreserved}
        self._report.record(Counter(seat.conn_id for seat in self.seats), gauges)


_pollers: dict[tuple[asyncio.AbstractEventLoop, str, str], SharedPoller] = {}


def subscribe(
    client: ApiClient,
    conn_id: str,
    *,
    interval: float,
    deadline: float,
    clock: Clock = time.time,
    metrics: Metrics | None = None,
    progress: WaitProgressLog,
) -> Subscription:
    """Take a seat in the watch of this event loop for the client's token, and make it if need be.

    :param client: belongs to the watch from here on; it is closed at once if there is a watch.
    :param conn_id: id of the connection; several may have the same token.
    :param interval: seconds between two looks.
    :param deadline: when the wait ends, in Unix seconds.
    :param clock: returns the Unix time.
    :param metrics: where figures go, if anywhere.
    :param progress: writes into the log of the wait's task.
    """
    key = (asyncio.get_running_loop(), client.base_url, client.fingerprint)
    watch = _pollers.get(key)
    if watch is None:
        watch = _pollers[key] = SharedPoller(client, clock, metrics)
    else:
        client.close()
    seat = Subscription(watch, conn_id, interval, deadline, progress)
    watch.sit(seat, client.reserve)
    return seat


def _forget(watch: SharedPoller) -> None:
    for key in [key for key, known in _pollers.items() if known is watch]:
        del _pollers[key]
