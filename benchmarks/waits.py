"""Ways to wait for many actions, on the virtual clock of :mod:`devtools.virtual_time`.

The process that runs the waits imports this module after it has replaced ``time.time``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog

from airflow_provider_do_images.api import (
    NO_RETRY,
    ActionStatus,
    DigitalOceanError,
    RateLimitedError,
)
from airflow_provider_do_images.api.client import ApiClient
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.submit.decide import ActionRequest
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.event import read_event
from airflow_provider_do_images.core.wait.spec import WaitSpec
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger
from benchmarks.poller_cases import INTERVAL, ONE_BY_ONE, POLLER, Job, Result
from devtools.virtual_time import VirtualLoop

TOKEN = "any-token"  # noqa: S105 - the simulator takes any
TIMEOUT = 2 * 3600.0


def run(way: str, url: str, jobs: list[Job], *, looks: float) -> Result:
    """Wait for all actions, or until the maximum number of requests.

    :param way: one of :data:`WAYS`.
    :param looks: maximum number of requests of a way that counts them.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    random.seed(1)  # the poller randomises its first cycle
    for number, host in enumerate(("127.0.0.1", "localhost")):  # pollers are shared by base URL
        connection = {"conn_type": "digitalocean", "password": TOKEN}
        connection["host"] = url.replace("127.0.0.1", host)
        os.environ[f"AIRFLOW_CONN_TRIGGERER_{number}"] = json.dumps(connection)
    result = Result()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        before = time.process_time()
        runner.run(_wait_for_all(WAYS[way](_Looks(url, looks)), jobs, result))
        result.cpu = time.process_time() - before
        result.ended = time.time()
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        result.stall = loop.stall[1]
    return result


async def _wait_for_all(
    wait: Callable[[Job], Awaitable[None]], jobs: list[Job], result: Result
) -> None:
    async def note(job: Job) -> None:
        await wait(job)
        result.seen[job.action_id] = time.time()

    tasks = []
    for job in jobs:  # in sequence, as Airflow's triggerer starts them
        tasks.append(asyncio.create_task(note(job)))
        await asyncio.sleep(0)
    _, unseen = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in unseen:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception) and not isinstance(ended, _EnoughError):
            raise ended


class _EnoughError(Exception):
    """The maximum number of requests was reached."""


class _Looks:
    """Sends one request at a time, from one thread."""

    def __init__(self, url: str, most: float) -> None:
        self.url = url
        self._left = most
        self._thread = ThreadPoolExecutor(1)  # a fixed order of requests, for reproducible figures
        self._client: Any = None

    async def send(self, make: Callable[[str], Any], call: Callable[[Any], Any]) -> Any:
        """Call a function with the client of the thread.

        :param make: creates the client for the URL.
        """
        self._left -= 1
        if self._left < 0:
            raise _EnoughError

        def in_thread() -> Any:
            self._client = self._client or make(self.url)
            return call(self._client)

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_thread)

    async def send_until_taken(self, call: Callable[[ApiClient], Any]) -> Any:
        """Call a function, and repeat it every 30 s while the rate limit rejects it."""
        while True:
            with suppress(RateLimitedError):
                return await self.send(_client, call)
            await asyncio.sleep(INTERVAL)


def _client(url: str) -> ApiClient:
    return ApiClient(TOKEN, url, retry=NO_RETRY)  # a thread cannot sleep in virtual time


async def _by_trigger(job: Job) -> None:
    """Wait like a deferred task."""
    wait = WaitSpec(job.image_id, job.action_id, job.begun, job.begun + TIMEOUT, job.region)
    trigger = DigitalOceanImageActionTrigger(
        waits=[wait.to_json()],
        first_poll_at=job.begun + INTERVAL,
        poll_interval=INTERVAL,
        digitalocean_conn_id=f"triggerer_{job.triggerer}",
    )
    async for event in trigger.run():
        _, [result] = read_event(event.payload)
        assert result.status is WaitStatus.COMPLETED, result


async def _poll(job: Job, look: Callable[[], Awaitable[bool]]) -> None:
    """Poll one action in its own loop; a rejected request counts as a poll."""
    await asyncio.sleep(job.begun + INTERVAL - time.time())
    while not await look():  # noqa: ASYNC110 - a loop that polls is what is measured
        await asyncio.sleep(INTERVAL)


def _one_by_one(looks: _Looks) -> Callable[[Job], Awaitable[None]]:
    async def wait(job: Job) -> None:
        def read(client: ApiClient) -> bool:
            action = client.get_image_action(job.image_id, job.action_id)
            return action.status is not ActionStatus.IN_PROGRESS

        async def look() -> bool:
            try:
                return bool(await looks.send(_client, read))
            except DigitalOceanError:
                return False

        await _poll(job, look)

    return wait


def _night(
    wait: Callable[[Job], Awaitable[None]], looks: _Looks
) -> Callable[[Job], Awaitable[None]]:
    async def copy(job: Job) -> None:
        """Submit like the operator, then wait."""
        await asyncio.sleep(job.begun - time.time())

        def submit(client: ApiClient) -> int:
            result = IdempotentSubmitter(client, ActionRequest(job.image_id, job.region)).submit()
            assert isinstance(result, ActionResult)
            assert result.action is not None
            return result.action.id

        action_id = await looks.send_until_taken(submit)
        await wait(job._replace(action_id=action_id, begun=time.time()))

    return copy


def _with_a_proof(
    wait: Callable[[Job], Awaitable[None]], looks: _Looks
) -> Callable[[Job], Awaitable[None]]:
    async def wait_and_prove(job: Job) -> None:
        await wait(job)
        image = await looks.send_until_taken(lambda client: client.get_image(job.image_id))
        assert job.region in image.regions

    return wait_and_prove


WAYS: dict[str, Callable[[_Looks], Callable[[Job], Awaitable[None]]]] = {
    POLLER: lambda _: _by_trigger,
    ONE_BY_ONE: _one_by_one,
    f"night, {POLLER}": lambda looks: _night(_by_trigger, looks),
    f"night, {ONE_BY_ONE}": lambda looks: _night(_with_a_proof(_one_by_one(looks), looks), looks),
}
