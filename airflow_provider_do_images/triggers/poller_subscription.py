"""A wait's seat in the watch that it shares with all waits for the same token."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from contextvars import Context
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_do_images.api import DigitalOceanError
from airflow_provider_do_images.core.poller.poller import Subscription, subscribe
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
    """A wait that takes its seat by itself, and another one when its token was refused.

    :param wait: the wait.
    :param poll_interval: seconds between two looks.
    :param digitalocean_conn_id: id of the connection, which is read here in the triggerer.
    :param progress: what the log is told through.
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
        self._seat: Subscription | None = None

    async def run(self, flow: WaitSteps[WaitResult]) -> WaitResult:
        """Drive the flow of this wait to its end."""
        try:
            with suppress(DigitalOceanError):  # whatever is wrong, the first look will meet it too
                await self._subscribe()
            return await drive_async(self._progress.follow(flow, self._wait), self._ask)
        finally:
            self._unsubscribe()

    async def _ask(self, question: ReadRequest, by: float) -> ReadResult | DigitalOceanError:
        if question.fresh:
            self._unsubscribe()
        try:
            seat = await self._subscribe()
        except DigitalOceanError:
            # Nobody answers without a seat, so the time of this look is waited for here.
            await asyncio.sleep(max(by - time.time(), 0.0))
            seat = await self._subscribe()
        return await seat.ask(question, by)

    async def _subscribe(self) -> Subscription:
        if self._seat is None:
            try:
                connection = await _connection(self._conn_id)
            except Exception as error:  # a secrets backend may raise anything
                raise unreadable_connection(self._conn_id, error) from error
            self._seat = subscribe(
                create_client(connection, max_rate_limit_wait=0.0),
                self._conn_id,
                interval=self._poll_interval,
                deadline=self._wait.deadline,
                metrics=metrics(),
                progress=self._progress,
            )
        return self._seat

    def _unsubscribe(self) -> None:
        if self._seat is not None:
            self._seat.leave()
            self._seat = None


_CLIENT = "airflow_provider_do_images.api.client"
_reads: dict[
    tuple[asyncio.AbstractEventLoop, str], tuple[asyncio.Task[Connection], asyncio.Lock]
] = {}


async def _connection(conn_id: str) -> Connection:
    """Read a connection once for all waits that need it at about the same time.

    A thousand waits start together after a restart, and meet a revoked token together. What was
    read within the pause before a second look was read after the first one.
    """
    loop = asyncio.get_running_loop()
    key = (loop, conn_id)
    if key not in _reads:
        read = loop.create_task(_read(conn_id), context=Context())
        _reads[key] = read, asyncio.Lock()
        loop.call_later(CONFIRMATION_DELAY / 2, _reads.pop, key, None)
    task, turn = _reads[key]
    async with turn:  # one at a time: a thousand that go on at once would block the event loop
        return await asyncio.shield(task)


async def _read(conn_id: str) -> Connection:
    if _CLIENT not in sys.modules:  # loading requests takes longer than the loop may be blocked
        await asyncio.to_thread(import_module, _CLIENT)
    return await DigitalOceanHook.aget_connection(conn_id)
