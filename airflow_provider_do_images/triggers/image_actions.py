"""The trigger that waits for an image action in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import Context
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_do_images.actions.judge import PROOF_TIMEOUT, Wait
from airflow_provider_do_images.actions.messages import goes_on
from airflow_provider_do_images.actions.wait import (
    SECOND_LOOK_PAUSE,
    Answer,
    Ask,
    run_async,
    wait_until_finished,
)
from airflow_provider_do_images.actions.watch import Seat, join
from airflow_provider_do_images.api import DigitalOceanError, NotSentError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook, client_for
from airflow_provider_do_images.version_compat import AirflowNotFoundException, metrics

if TYPE_CHECKING:
    from airflow.sdk import Connection


_LEEWAY = timedelta(minutes=5)
"""How much later than the trigger's own deadline Airflow's back-stop comes, so that a busy
triggerer still gets to say how the wait ended."""


def deferral(wait: Wait, *, poll_interval: float, digitalocean_conn_id: str) -> dict[str, Any]:
    """Return the arguments with which a task defers to this trigger now.

    :param poll_interval: seconds between two looks; the first is one interval from now.
    """
    now = time.time()
    trigger = DigitalOceanImageActionTrigger(
        **asdict(wait),
        first_look_at=now + poll_interval,
        poll_interval=poll_interval,
        digitalocean_conn_id=digitalocean_conn_id,
    )
    left = max(wait.deadline - now, poll_interval) + wait.proof_timeout
    return {
        "trigger": trigger,
        "method_name": "execute_complete",
        "timeout": timedelta(seconds=left + 2 * poll_interval) + _LEEWAY,
    }


class DigitalOceanImageActionTrigger(BaseTrigger):
    """Wait until an image action has ended, and fire one event that says how.

    The event is :meth:`airflow_provider_do_images.actions.judge.Verdict.to_event`. All arguments
    are primitives and all times absolute, so a restarted triggerer goes on where the last one was.
    The connection is read by its id in the triggerer; no token is an argument.

    :param image_id: id of the image.
    :param action_id: id of the action.
    :param started_at: when the wait began, in Unix seconds.
    :param deadline: when it is given up, in Unix seconds.
    :param first_look_at: when to look first, in Unix seconds: one interval after the task deferred.
    :param poll_interval: seconds between two looks.
    :param region: slug of the region that a transfer goes to, if it is known.
    :param proof_timeout: seconds in which the image must show what the completed action did.
    :param droplet_id: the droplet that the image was made of, if it is known.
    :param droplet_name: its name, if it is known.
    :param outcome: how the action was come by, if it is known.
    :param digitalocean_conn_id: id of the connection.
    """

    def __init__(
        self,
        *,
        image_id: int,
        action_id: int,
        started_at: float,
        deadline: float,
        first_look_at: float,
        poll_interval: float,
        region: str | None = None,
        proof_timeout: float = PROOF_TIMEOUT,
        droplet_id: int | None = None,
        droplet_name: str | None = None,
        outcome: str | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.wait = Wait(
            image_id,
            action_id,
            started_at,
            deadline,
            region,
            proof_timeout,
            droplet_id,
            droplet_name,
            outcome,
        )
        self.first_look_at = first_look_at
        self.poll_interval = poll_interval
        self.digitalocean_conn_id = digitalocean_conn_id
        self._seat: Seat | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, primitives only."""
        return (
            "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger",
            {
                **asdict(self.wait),
                "first_look_at": self.first_look_at,
                "poll_interval": self.poll_interval,
                "digitalocean_conn_id": self.digitalocean_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every interval, a last time at the deadline, and fire the event."""
        # An event that comes right after the deferral can cost the task a retry, since the
        # scheduler may not yet have taken note of the deferral: hence never a look at once.
        flow = wait_until_finished(
            self.wait, poll_interval=self.poll_interval, first_look_at=self.first_look_at
        )
        try:
            with suppress(DigitalOceanError):  # whatever is wrong, the first look will meet it too
                await self._take_seat()
            verdict = await run_async(flow, self._ask)
        finally:
            self._leave_seat()
        yield TriggerEvent(verdict.to_event())

    async def on_kill(self) -> None:
        """Say that nothing is cancelled; Airflow also calls this when it moves triggers."""
        self.log.info(goes_on(self.wait))

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
                connection = await _connection(self.digitalocean_conn_id)
            except AirflowNotFoundException as error:
                # Airflow says "not found" for a secrets backend that is down too, and the task has
                # read this connection before it deferred.
                raise NotSentError(
                    f"the connection {self.digitalocean_conn_id!r} could not be read: {error}"
                ) from error
            self._seat = join(
                client_for(connection, patience=0.0),
                self.digitalocean_conn_id,
                interval=self.poll_interval,
                deadline=self.wait.deadline,
                metrics=metrics(),
            )
        return self._seat

    def _leave_seat(self) -> None:
        if self._seat is not None:
            self._seat.leave()
            self._seat = None


_reads: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[Connection]] = {}


async def _connection(conn_id: str) -> Connection:
    """Read a connection once for all waits that need it at about the same time.

    A thousand waits start together after a restart, and meet a revoked token together. What was
    read within the pause before a second look was read after the first one.
    """
    loop = asyncio.get_running_loop()
    key = (loop, conn_id)
    if key not in _reads:
        read = DigitalOceanHook.aget_connection(conn_id)
        _reads[key] = loop.create_task(read, context=Context())
        loop.call_later(SECOND_LOOK_PAUSE / 2, _reads.pop, key, None)
    return await asyncio.shield(_reads[key])
