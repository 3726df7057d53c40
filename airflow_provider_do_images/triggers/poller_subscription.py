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
from airflow_provider_do_images.core.poller.poller import Seat, join
from airflow_provider_do_images.core.wait.evaluate import Verdict, Wait
from airflow_provider_do_images.core.wait.flow import (
    SECOND_LOOK_PAUSE,
    Answer,
    Ask,
    Flow,
    run_async,
)
from airflow_provider_do_images.core.wait.progress_log import Progress
from airflow_provider_do_images.hooks.digitalocean import (
    DigitalOceanHook,
    client_for,
    unreadable_connection,
)
from airflow_provider_do_images.version_compat import metrics

if TYPE_CHECKING:
    from airflow.sdk import Connection


class SeatedWait:
    """A wait that takes its seat by itself, and another one when its token was refused.

    :param wait: the wait.
    :param poll_interval: seconds between two looks.
    :param digitalocean_conn_id: id of the connection, which is read here in the triggerer.
    :param progress: what the log is told through.
    """

    def __init__(
        self, wait: Wait, poll_interval: float, digitalocean_conn_id: str, progress: Progress
    ) -> None:
        self._wait = wait
        self._progress = progress
        self._poll_interval = poll_interval
        self._conn_id = digitalocean_conn_id
        self._seat: Seat | None = None

    async def run(self, flow: Flow[Verdict]) -> Verdict:
        """Drive the flow of this wait to its end."""
        try:
            with suppress(DigitalOceanError):  # whatever is wrong, the first look will meet it too
                await self._take_seat()
            return await run_async(self._progress.follow(flow, self._wait), self._ask)
        finally:
            self._leave_seat()

    async def _ask(self, question: Ask, by: float) -> Answer | DigitalOceanError:
        if question.fresh:
            self._leave_seat()
        try:
            seat = await self._take_seat()
        except DigitalOceanError:
            # Nobody answers without a seat, so the time of this look is waited for here.
            await asyncio.sleep(max(by - time.time(), 0.0))
            seat = await self._take_seat()
        return await seat.ask(question, by)

    async def _take_seat(self) -> Seat:
        if self._seat is None:
            try:
                connection = await _connection(self._conn_id)
            except Exception as error:  # a secrets backend may raise anything
                raise unreadable_connection(self._conn_id, error) from error
            self._seat = join(
                client_for(connection, patience=0.0),
                self._conn_id,
                interval=self._poll_interval,
                deadline=self._wait.deadline,
                metrics=metrics(),
                progress=self._progress,
            )
        return self._seat

    def _leave_seat(self) -> None:
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
        loop.call_later(SECOND_LOOK_PAUSE / 2, _reads.pop, key, None)
    task, turn = _reads[key]
    async with turn:  # one at a time: a thousand that go on at once would block the event loop
        return await asyncio.shield(task)


async def _read(conn_id: str) -> Connection:
    if _CLIENT not in sys.modules:  # loading requests takes longer than the loop may be blocked
        await asyncio.to_thread(import_module, _CLIENT)
    return await DigitalOceanHook.aget_connection(conn_id)
