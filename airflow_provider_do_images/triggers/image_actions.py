"""The trigger that waits for an image action in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_do_images.actions.judge import Verdict, Wait, judge, worth_a_second_look
from airflow_provider_do_images.actions.wait import SECOND_LOOK_PAUSE
from airflow_provider_do_images.api import ONCE, DigitalOceanError, ImageAction, NotSentError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook, client_for
from airflow_provider_do_images.version_compat import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient


_LEEWAY = timedelta(minutes=5)
"""How much later than the trigger's own deadline Airflow's back-stop comes, so that a busy
triggerer still gets to say how the wait ended."""


def deferral(wait: Wait, *, poll_interval: float, digitalocean_conn_id: str) -> dict[str, Any]:
    """Return the arguments with which a task defers to this trigger now.

    :param poll_interval: seconds between two looks; the first is one interval from now.
    """
    now = time.time()
    trigger = DigitalOceanImageActionTrigger(
        image_id=wait.image_id,
        action_id=wait.action_id,
        started_at=wait.started_at,
        deadline=wait.deadline,
        first_look_at=now + poll_interval,
        poll_interval=poll_interval,
        digitalocean_conn_id=digitalocean_conn_id,
    )
    left = timedelta(seconds=max(wait.deadline - now, poll_interval))
    return {
        "trigger": trigger,
        "method_name": "execute_complete",
        "timeout": left + 2 * timedelta(seconds=poll_interval) + _LEEWAY,
    }


class DigitalOceanImageActionTrigger(BaseTrigger):
    """Wait until an image action has ended, and fire one event that says how.

    The event is :meth:`~airflow_provider_do_images.actions.judge.Verdict.to_event`. All arguments
    are primitives and all times absolute, so a restarted triggerer goes on where the last one was.
    The connection is read by its id in the triggerer; no token is an argument.

    :param image_id: id of the image.
    :param action_id: id of the action.
    :param started_at: when the wait began, in Unix seconds.
    :param deadline: when it is given up, in Unix seconds.
    :param first_look_at: when to look first, in Unix seconds: one interval after the task deferred.
    :param poll_interval: seconds between two looks.
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
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.image_id = image_id
        self.action_id = action_id
        self.started_at = started_at
        self.deadline = deadline
        self.first_look_at = first_look_at
        self.poll_interval = poll_interval
        self.digitalocean_conn_id = digitalocean_conn_id
        self._wait = Wait(image_id, action_id, started_at, deadline)
        self._client: ApiClient | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, primitives only."""
        return (
            "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger",
            {
                "image_id": self.image_id,
                "action_id": self.action_id,
                "started_at": self.started_at,
                "deadline": self.deadline,
                "first_look_at": self.first_look_at,
                "poll_interval": self.poll_interval,
                "digitalocean_conn_id": self.digitalocean_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every interval, a last time at the deadline, and fire the event."""
        # An event that comes right after the deferral can cost the task a retry, since the
        # scheduler may not yet have taken note of the deferral: hence never a look at once.
        pause = self.first_look_at - time.time()
        try:
            while True:
                await asyncio.sleep(max(pause, 0.0))
                if verdict := await self._look_once():
                    yield TriggerEvent(verdict.to_event())
                    return
                pause = min(self.poll_interval, self.deadline - time.time())
        finally:
            self._close()

    async def on_kill(self) -> None:
        """Say that nothing is cancelled; Airflow also calls this when it moves triggers."""
        self.log.info(self._wait.goes_on)

    # The two methods below are actions.wait.look_once on an event loop.

    async def _look_once(self) -> Verdict | None:
        verdict = await self._look(fresh=False)
        if worth_a_second_look(verdict):
            await asyncio.sleep(SECOND_LOOK_PAUSE)
            verdict = await self._look(fresh=True)
        return verdict

    async def _look(self, *, fresh: bool) -> Verdict | None:
        look: ImageAction | DigitalOceanError
        try:
            client = await self._get_client(fresh=fresh)
            # requests blocks, so it runs in a thread; the connection above is read on the loop.
            look = await asyncio.to_thread(
                client.get_image_action, self.image_id, self.action_id, retry=ONCE
            )
        except DigitalOceanError as error:
            look = error
        verdict = judge(self._wait, look, time.time())
        if verdict is None and isinstance(look, DigitalOceanError):
            self.log.warning("A look failed, the wait goes on: %s", look)
        return verdict

    async def _get_client(self, *, fresh: bool) -> ApiClient:
        if fresh:
            self._close()
        if self._client is None:
            try:
                connection = await DigitalOceanHook.aget_connection(self.digitalocean_conn_id)
            except AirflowNotFoundException as error:
                # Airflow says "not found" for a secrets backend that is down too, and the task has
                # read this connection before it deferred.
                raise NotSentError(
                    f"the connection {self.digitalocean_conn_id!r} could not be read: {error}"
                ) from error
            self._client = client_for(connection)
        return self._client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
