"""The triggers that wait for image actions in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_do_images.api.validation import check_interval, check_moment, check_text
from airflow_provider_do_images.core.messages import describe_not_cancelled
from airflow_provider_do_images.core.wait.evaluate import (
    VERIFY_TIMEOUT,
    WaitResult,
    WaitSpec,
    WaitStatus,
)
from airflow_provider_do_images.core.wait.flow import wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.poller_subscription import PollerSubscriber

_LEEWAY = timedelta(minutes=5)
"""How much later than the trigger's own deadline Airflow's back-stop comes, so that a busy
triggerer still gets to say how the wait ended."""


def deferral(wait: WaitSpec, *, poll_interval: float, digitalocean_conn_id: str) -> dict[str, Any]:
    """Return the arguments with which a task defers to a trigger for one action now.

    :param poll_interval: seconds between two looks; the first is one interval from now.
    """
    trigger = DigitalOceanImageActionTrigger(
        **asdict(wait),
        first_poll_at=time.time() + poll_interval,
        poll_interval=poll_interval,
        digitalocean_conn_id=digitalocean_conn_id,
    )
    return _arguments(trigger, [wait], poll_interval)


def deferral_of_all(
    waits: Sequence[WaitSpec],
    rows: Sequence[dict[str, Any]],
    *,
    poll_interval: float,
    digitalocean_conn_id: str,
    method_name: str = "execute_complete",
) -> dict[str, Any]:
    """Return the arguments with which a task defers to one trigger for several actions now.

    :param rows: what comes back with the event: a task that resumes does not know them.
    :param method_name: the operator's method that resumes the task.
    """
    trigger = DigitalOceanImageActionsTrigger(
        waits=[asdict(wait) for wait in waits],
        rows=list(rows),
        first_poll_at=time.time() + poll_interval,
        poll_interval=poll_interval,
        digitalocean_conn_id=digitalocean_conn_id,
    )
    return {**_arguments(trigger, waits, poll_interval), "method_name": method_name}


def _arguments(
    trigger: BaseTrigger, waits: Sequence[WaitSpec], poll_interval: float
) -> dict[str, Any]:
    now = time.time()
    left = max(max(wait.deadline - now, poll_interval) + wait.verify_timeout for wait in waits)
    return {
        "trigger": trigger,
        "method_name": "execute_complete",
        "timeout": timedelta(seconds=left + 2 * poll_interval) + _LEEWAY,
    }


class DigitalOceanImageActionTrigger(BaseTrigger):
    """Wait until an image action has ended, and fire one event that says how.

    The event is :meth:`airflow_provider_do_images.core.wait.evaluate.WaitResult.to_event`. All
    arguments
    are primitives and all times absolute, so a restarted triggerer goes on where the last one was.
    The connection is read by its id in the triggerer; no token is an argument. A bad argument is
    refused with :class:`~airflow_provider_do_images.api.errors.InvalidInputError` at once.

    :param image_id: id of the image.
    :param action_id: id of the action.
    :param started_at: when the wait began, in Unix seconds.
    :param deadline: when it is given up, in Unix seconds.
    :param first_poll_at: when to look first, in Unix seconds: one interval after the task deferred.
    :param poll_interval: seconds between two looks.
    :param region: slug of the region that a transfer goes to, if it is known.
    :param verify_timeout: seconds in which the image must show what the completed action did.
    :param droplet_id: the droplet that the image was made of, if it is known.
    :param droplet_name: its name, if it is known.
    :param outcome: how the action was come by, if it is known.
    :param typical_seconds: how long such actions took lately, if that is known.
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``, and
        with ``actions:read`` the watch needs fewer requests.
    """

    def __init__(
        self,
        *,
        image_id: int,
        action_id: int,
        started_at: float,
        deadline: float,
        first_poll_at: float,
        poll_interval: float,
        region: str | None = None,
        verify_timeout: float = VERIFY_TIMEOUT,
        droplet_id: int | None = None,
        droplet_name: str | None = None,
        outcome: str | None = None,
        typical_seconds: float | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.wait = WaitSpec.checked(
            {
                "image_id": image_id,
                "action_id": action_id,
                "started_at": started_at,
                "deadline": deadline,
                "region": region,
                "verify_timeout": verify_timeout,
                "droplet_id": droplet_id,
                "droplet_name": droplet_name,
                "outcome": outcome,
                "typical_seconds": typical_seconds,
            }
        )
        self.first_poll_at = check_moment("first_poll_at", first_poll_at)
        self.poll_interval = check_interval("poll_interval", poll_interval)
        self.digitalocean_conn_id = check_text("digitalocean_conn_id", digitalocean_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, primitives only."""
        return (
            "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger",
            {
                **asdict(self.wait),
                "first_poll_at": self.first_poll_at,
                "poll_interval": self.poll_interval,
                "digitalocean_conn_id": self.digitalocean_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every interval, a last time at the deadline, and fire the event."""
        progress = WaitProgressLog([self.wait], self.poll_interval)
        yield TriggerEvent((await _wait_for(self, self.wait, progress)).to_event())

    async def on_kill(self) -> None:
        """Say that nothing is cancelled. Airflow calls this from 3.3 on, also to move triggers."""
        self.log.info(describe_not_cancelled([self.wait]))


class DigitalOceanImageActionsTrigger(BaseTrigger):
    """Wait until several image actions have ended, and fire one event that says how each did.

    Each is waited for as by :class:`DigitalOceanImageActionTrigger`, whatever becomes of the
    others. The event has ``verdicts``, each as
    :meth:`airflow_provider_do_images.core.wait.evaluate.WaitResult.to_event`, and ``rows``.

    :param waits: dicts with the fields of
        :class:`~airflow_provider_do_images.core.wait.evaluate.WaitSpec`.
    :param rows: what the task knew when it deferred, handed back in the event as it is.
    :param first_poll_at: when to look first, in Unix seconds: one interval after the task deferred.
    :param poll_interval: seconds between two looks.
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``, and
        with ``actions:read`` the watch needs fewer requests.
    """

    def __init__(
        self,
        *,
        waits: list[dict[str, Any]],
        rows: list[dict[str, Any]],
        first_poll_at: float,
        poll_interval: float,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.waits = [WaitSpec.checked(wait) for wait in waits]
        self.rows = rows
        self.first_poll_at = check_moment("first_poll_at", first_poll_at)
        self.poll_interval = check_interval("poll_interval", poll_interval)
        self.digitalocean_conn_id = check_text("digitalocean_conn_id", digitalocean_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, primitives only."""
        return (
            "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionsTrigger",
            {
                "waits": [asdict(wait) for wait in self.waits],
                "rows": self.rows,
                "first_poll_at": self.first_poll_at,
                "poll_interval": self.poll_interval,
                "digitalocean_conn_id": self.digitalocean_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for all side by side, and fire the event when the last has ended."""
        progress = WaitProgressLog(self.waits, self.poll_interval)
        verdicts = await asyncio.gather(*(_wait_for(self, wait, progress) for wait in self.waits))
        progress.flush()
        yield TriggerEvent(
            {"verdicts": [verdict.to_event() for verdict in verdicts], "rows": self.rows}
        )

    async def on_kill(self) -> None:
        """Say that nothing is cancelled. Airflow calls this from 3.3 on, also to move triggers."""
        self.log.info(describe_not_cancelled(self.waits))


async def _wait_for(
    trigger: DigitalOceanImageActionTrigger | DigitalOceanImageActionsTrigger,
    wait: WaitSpec,
    progress: WaitProgressLog,
) -> WaitResult:
    # An event that comes right after the deferral can cost the task a retry, since the scheduler
    # may not yet have taken note of the deferral: hence never a look at once.
    flow = wait_until_finished(
        wait, poll_interval=trigger.poll_interval, first_poll_at=trigger.first_poll_at
    )
    seated = PollerSubscriber(wait, trigger.poll_interval, trigger.digitalocean_conn_id, progress)
    try:
        return await seated.run(flow)
    except Exception as error:  # a mistake of ours: it is told, and ends this wait alone
        trigger.log.exception("The wait for action %s broke off.", wait.action_id)
        return WaitResult(WaitStatus.INTERNAL_ERROR, wait, time.time(), error=repr(error))
