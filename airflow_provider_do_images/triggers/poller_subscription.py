"""The subscription of a wait to the shared poller of its token."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from contextvars import Context
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.poller.poller import subscribe
from airflow_provider_do_images.core.poller.subscription import Subscription
from airflow_provider_do_images.core.wait.flow import (
    CONFIRMATION_DELAY,
    ReadRequest,
    ReadResult,
    WaitSteps,
    drive_async,
)
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.hooks.digitalocean import (
    DigitalOceanHook,
    create_client,
    unreadable_connection,
)
from airflow_provider_do_images.version_compat import metrics

if TYPE_CHECKING:
    from airflow.sdk import Connection


class PollerSubscriber:
    """Subscribe a wait to the shared poller, and again after its token was rejected.

    :param wait: the wait.
    :param poll_interval: seconds between two polls.
    :param digitalocean_conn_id: id of the connection, read in the triggerer.
    :param progress: the log of the wait.
    """

    def __init__(
        self,
        wait: WaitSpec,
        poll_interval: float,
        digitalocean_conn_id: str,
        progress: WaitProgressLog,
    ) -> None:
        self._wait = wait
        self._progress = progress
        self._poll_interval = poll_interval
        self._conn_id = digitalocean_conn_id
        self._subscription: Subscription | None = None

    async def run(self, steps: WaitSteps[WaitResult]) -> WaitResult:
        """Drive this wait to its end."""
        try:
            with suppress(DigitalOceanError):  # the first poll meets the same error
                await self._subscribe()
            return await drive_async(self._progress.follow(steps, self._wait), self._read)
        finally:
            self._unsubscribe()

    async def _read(self, request: ReadRequest, by: float) -> ReadResult | DigitalOceanError:
        if request.fresh:
            self._unsubscribe()
        try:
            subscription = await self._subscribe()
        except DigitalOceanError:
            # Without a subscription there is no response, so wait here until the poll is due.
            await asyncio.sleep(max(by - time.time(), 0.0))
            subscription = await self._subscribe()
        return await subscription.read(request, by)

    async def _subscribe(self) -> Subscription:
        if self._subscription is None:
            try:
                connection = await _connection(self._conn_id)
            except Exception as error:  # a secrets backend may raise anything
                raise unreadable_connection(self._conn_id, error) from error
            self._subscription = subscribe(
                create_client(connection, max_rate_limit_wait=0.0),
                self._conn_id,
                interval=self._poll_interval,
                deadline=self._wait.deadline,
                metrics=metrics(),
                progress=self._progress,
            )
        return self._subscription

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.unsubscribe()
            self._subscription = None


_CLIENT = "airflow_provider_do_images.api.client"
_reads: dict[
    tuple[asyncio.AbstractEventLoop, str], tuple[asyncio.Task[Connection], asyncio.Lock]
] = {}


async def _connection(conn_id: str) -> Connection:
    """Read a connection once for all waits that need it at about the same time.

    A thousand waits start together after a restart, and meet a revoked token together. What was
    read within the pause before a confirming poll was read after the first poll.
    """
    loop = asyncio.get_running_loop()
    key = (loop, conn_id)
    if key not in _reads:
        read = loop.create_task(_read_connection(conn_id), context=Context())
        _reads[key] = read, asyncio.Lock()
        loop.call_later(CONFIRMATION_DELAY / 2, _reads.pop, key, None)
    task, turn = _reads[key]
    async with turn:  # one at a time: a thousand at once would block the event loop
        return await asyncio.shield(task)


async def _read_connection(conn_id: str) -> Connection:
    if _CLIENT not in sys.modules:  # loading requests takes longer than the loop may be blocked
        await asyncio.to_thread(import_module, _CLIENT)
    return await DigitalOceanHook.aget_connection(conn_id)
