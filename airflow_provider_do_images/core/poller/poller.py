"""The shared poller: all deferred waits that use one token, read with few requests.

The triggerer runs each wait as a coroutine. The coroutines send nothing themselves: they subscribe
to the poller and pass it their read requests. One poll cycle serves all requests that are due, as
cheaply as :mod:`.batch_reader` can and as fast as :mod:`.request_pacer` allows. A poller has one
thread, so at most one request is in progress. It starts with its first subscriber and ends with its
last one.

A poller logs nothing, because its lines would appear in the log of the task that started it. It
delivers an :class:`.IntervalChange` to the waits, and each wait logs its own.
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
from airflow_provider_do_images.core.poller.subscription import Subscription
from airflow_provider_do_images.core.wait.flow import (
    Clock,
    ReadResult,
)
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient

_SLACK = 0.1
"""Part of an interval by which polls are moved so that they share requests."""

_SPREAD = 1 / 3
"""Part of an interval over which the first poll cycles of new pollers are spread."""

R = TypeVar("R")


class SharedPoller:
    """Poll for all waits of one event loop that use the same token.

    :param client: sends the requests; the poller closes it at its end.
    :param clock: returns the time, in Unix seconds.
    :param metrics: receives the metrics; ``None`` for no metrics.
    """

    def __init__(self, client: ApiClient, clock: Clock, metrics: Metrics | None) -> None:
        self.subscriptions: set[Subscription] = set()
        self.interval = 0.0
        """Seconds between two poll cycles at present."""
        self._client = client
        self._clock = clock
        self._report = PollerMetrics(metrics)
        self._requests: dict[Subscription, PollRequest] = {}
        self._pacer = RequestPacer()
        self._reader = BatchReader(self._send, self._pacer, clock)
        self._not_before = 0.0
        self._wake_at = inf
        self._woken = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="digitalocean-poller")
        # An empty context: poll cycles belong to no task.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def read(
        self, subscription: Subscription, request: PollRequest
    ) -> ReadResult | DigitalOceanError | IntervalChange:
        """Wait for the response to a request, or for an interval change to log first."""
        if (known := self._reader.known_image(request.read)) is not None:
            return known
        self._requests[subscription] = request
        if request.by < self._wake_at:
            self._wake_at = request.by
            self._woken.set()
        return await request.reply  # type: ignore[no-any-return]  # a future of any response

    def subscribe(self, subscription: Subscription, reserve: float) -> None:
        """Add a subscription."""
        if not self.subscriptions:  # the first: many triggerers may start at the same time
            spread = subscription.interval * _SPREAD * random.random()  # noqa: S311 - hides nothing
            self._not_before = self._clock() + spread
        self.subscriptions.add(subscription)
        self._pacer.reserve = max(self._pacer.reserve, reserve)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription; after the last one, close the client and end the thread."""
        self.subscriptions.discard(subscription)
        self._requests.pop(subscription, None)
        if not self.subscriptions:
            self._record_metrics()
            _forget(self)
            self._task.cancel()
            self._executor.submit(self._client.close)
            self._executor.shutdown(wait=False)

    def record_delay(self, conn_id: str, action: ImageAction) -> None:
        """Record how long after its end an action was read as ended."""
        self._report.record_delay(conn_id, action, self._clock())

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            self._wake_at = self._next_cycle()
            pause = self._wake_at - self._clock()
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if pause == inf else pause):
                        await self._woken.wait()
                continue
            try:
                await self._run_cycle()
            except Exception as error:  # noqa: BLE001 - a defect: the waits fail with it, none hangs
                for request in self._open():
                    request.reply.set_exception(error)

    def _next_cycle(self) -> float:
        open_ones, now = self._open(), self._clock()
        allowed_at = max(self._not_before, now + self._pacer.wait_time(now))
        calm = max(min((request.by for request in open_ones), default=inf), allowed_at)
        return min(calm, min((request.latest for request in open_ones), default=inf))

    def _open(self) -> list[PollRequest]:
        return [request for request in self._requests.values() if request.open]

    async def _run_cycle(self) -> None:
        begun = self._clock()
        self._report.cycles += 1
        thrifty = begun < self._not_before or self._pacer.wait_time(begun) > 0
        await self._expire_verifications(begun)
        due = [
            request
            for request in self._open()
            if request.latest <= begun
            or (request.by <= begun + _SLACK * request.interval and not thrifty)
        ]
        due.sort(key=lambda request: (request.latest > begun, request.by))
        rejected_for = 0.0
        try:
            await self._reader.serve(due, self._open, thrifty=thrifty)
        except RateLimitedError as error:
            retry_after = error.retry_after
            rejected_for = HOURLY_LIMIT_SECONDS if retry_after is None else retry_after
            await deliver(([request], error) for request in due if request.latest <= begun)
        except DigitalOceanError as error:
            await deliver(([request], error) for request in due)
        await self._schedule_next(begun, rejected_for)

    async def _schedule_next(self, begun: float, rejected_for: float) -> None:
        """Set the time of the next poll cycle by the requests that this one has sent."""
        shortest = min((subscription.interval for subscription in self.subscriptions), default=0.0)
        now = self._clock()
        each = self._pacer.seconds_per_request(now)
        paced = begun + max(self._report.requests * each, _SLACK * shortest)
        allowed_at = now + max(self._pacer.wait_time(now), rejected_for)
        self._not_before = max(self._not_before, paced, allowed_at)
        self.interval = max(shortest, self._not_before - begun)
        used_up = "another client of the token has used up its requests"
        why = used_up if rejected_for else self._pacer.describe()
        await self._log_intervals(why, refused=rejected_for > 0)
        self._record_metrics()

    async def _log_intervals(self, why: str, *, refused: bool) -> None:
        """Deliver a changed polling interval to one wait of each task."""
        longest_due: dict[WaitProgressLog, PollRequest] = {}
        for subscription, request in self._requests.items():
            known = longest_due.get(subscription.progress)
            if request.open and (known is None or request.by < known.by):
                longest_due[subscription.progress] = request
        changes, now = [], self._clock()
        for progress, request in longest_due.items():
            wanted = request.interval
            polled_at = min(self._not_before, request.latest)
            late = bool(why) and polled_at > min(request.by, now) + wanted
            due_at = max(request.by, now) if refused else request.by
            if progress.set_interval(self._not_before - due_at + wanted, late=late):
                text = describe_interval_change(progress.interval, wanted, polled_at, why)
                changes.append(([request], IntervalChange(text)))
        await deliver(changes)

    async def _expire_verifications(self, now: float) -> None:
        """Fail the verifications that the budget has delayed for too long."""
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

    def _record_metrics(self) -> None:
        gauges: dict[str, float] = {
            "interval": self.interval,
            "verifications": sum(one.is_verification for one in self._open()),
        }
        if limit := self._pacer.limit:
            unreserved = max(limit.remaining - limit.reserved(self._pacer.reserve), 0.0)
            gauges |= {"remaining": limit.remaining, "unreserved": unreserved}
        self._report.record(
            Counter(subscription.conn_id for subscription in self.subscriptions), gauges
        )


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
    """Subscribe to the poller of this event loop for the client's token; create it if necessary.

    :param client: belongs to the poller from here on; closed at once if a poller exists.
    :param conn_id: id of the connection; several connections may have the same token.
    :param interval: seconds between two polls.
    :param deadline: when the wait ends, in Unix seconds.
    :param clock: returns the time, in Unix seconds.
    :param metrics: receives the metrics; ``None`` for no metrics.
    :param progress: writes into the log of the wait's task.
    """
    key = (asyncio.get_running_loop(), client.base_url, client.fingerprint)
    poller = _pollers.get(key)
    if poller is None:
        poller = _pollers[key] = SharedPoller(client, clock, metrics)
    else:
        client.close()
    subscription = Subscription(poller, conn_id, interval, deadline, progress)
    poller.subscribe(subscription, client.reserve)
    return subscription


def _forget(poller: SharedPoller) -> None:
    for key in [key for key, known in _pollers.items() if known is poller]:
        del _pollers[key]
