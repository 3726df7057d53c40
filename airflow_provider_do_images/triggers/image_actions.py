"""The trigger that waits for image actions in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_interval, check_moment, check_text
from airflow_provider_do_images.core.messages import describe_not_cancelled
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.wait.event import VERSION, to_event
from airflow_provider_do_images.core.wait.flow import wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.poller_subscription import PollerSubscriber

_TRIGGER_TIMEOUT_MARGIN = timedelta(minutes=5)
"""How much later Airflow's own timeout of the deferral comes than the trigger's deadline, so that a
busy triggerer can still report how the waits ended."""


def deferral(
    waits: Sequence[WaitSpec],
    rows: Sequence[ActionResult] = (),
    *,
    poll_interval: float,
    digitalocean_conn_id: str,
    method_name: str = "execute_complete",
) -> dict[str, Any]:
    """Return the arguments with which a task defers to one trigger for its waits.

    :param rows: what the event gives back: a task that resumes starts without them.
    :param poll_interval: seconds between two polls; the first is one interval from now.
    :param method_name: the operator's method that resumes the task.
    """
    now = time.time()
    trigger = DigitalOceanImageActionTrigger(
        waits=[wait.to_json() for wait in waits],
        rows=[row.to_json() for row in rows],
        first_poll_at=now + poll_interval,
        poll_interval=poll_interval,
        digitalocean_conn_id=digitalocean_conn_id,
    )
    left = max(max(wait.deadline - now, poll_interval) + wait.verify_timeout for wait in waits)
    return {
        "trigger": trigger,
        "method_name": method_name,
        "timeout": timedelta(seconds=left + 2 * poll_interval) + _TRIGGER_TIMEOUT_MARGIN,
    }


class DigitalOceanImageActionTrigger(BaseTrigger):
    """Wait until image actions have ended, and fire one event that describes each end.

    The event is that of :func:`airflow_provider_do_images.core.wait.event.to_event`. All arguments
    are primitives and all times absolute, so a restarted triggerer continues the same wait. The
    connection is read by its id in the triggerer; no token is an argument.

    :param waits: dicts with the fields of
        :class:`~airflow_provider_do_images.core.wait.spec.WaitSpec`.
    :param rows: what the task knew when it deferred; the event returns it unchanged.
    :param first_poll_at: time of the first poll, in Unix seconds.
    :param poll_interval: seconds between two polls.
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        With ``actions:read`` the shared poller needs fewer requests.
    :param version: version of the arguments.
    :raises InvalidInputError: for an invalid argument, or a newer version.
    """

    def __init__(
        self,
        *,
        waits: list[dict[str, Any]],
        first_poll_at: float,
        poll_interval: float,
        rows: list[dict[str, Any]] | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        version: int = VERSION,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        if version != VERSION:
            raise InvalidInputError(
                f"the trigger's arguments have version {version}; this package reads {VERSION}"
            )
        self.waits = [WaitSpec.checked(wait) for wait in _mappings("waits", waits)]
        self.rows = _rows(rows or [])
        self.first_poll_at = check_moment("first_poll_at", first_poll_at)
        self.poll_interval = check_interval("poll_interval", poll_interval)
        self.digitalocean_conn_id = check_text("digitalocean_conn_id", digitalocean_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, primitives only."""
        return (
            "airflow_provider_do_images.triggers.image_actions.DigitalOceanImageActionTrigger",
            {
                "version": VERSION,
                "waits": [wait.to_json() for wait in self.waits],
                "rows": self.rows,
                "first_poll_at": self.first_poll_at,
                "poll_interval": self.poll_interval,
                "digitalocean_conn_id": self.digitalocean_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for all actions concurrently, and fire the event when the last has ended."""
        progress = WaitProgressLog(self.waits, self.poll_interval)
        results = await asyncio.gather(*(self._wait_for(wait, progress) for wait in self.waits))
        progress.flush()
        yield TriggerEvent(to_event(results, self.rows))

    async def on_kill(self) -> None:
        """Log that no action is cancelled; Airflow >= 3.3 calls this, also to move triggers."""
        self.log.info(describe_not_cancelled(self.waits))

    async def _wait_for(self, wait: WaitSpec, progress: WaitProgressLog) -> WaitResult:
        # Never polls at once: an event right after the deferral can cost the task a retry, because
        # the scheduler may not have recorded the deferral yet.
        steps = wait_until_finished(
            wait, poll_interval=self.poll_interval, first_poll_at=self.first_poll_at
        )
        subscriber = PollerSubscriber(wait, self.poll_interval, self.digitalocean_conn_id, progress)
        try:
            return await subscriber.run(steps)
        except Exception as error:  # a defect of this package ends this wait only
            self.log.exception("Unexpected error while waiting for action %s.", wait.action_id)
            return WaitResult(WaitStatus.INTERNAL_ERROR, wait, time.time(), error=repr(error))


def _mappings(name: str, value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return value
    raise InvalidInputError(f"{name} must be a list of dicts; got {shorten(value)}")


def _rows(value: Any) -> list[dict[str, Any]]:
    try:
        return [ActionResult.from_json(row).to_json() for row in _mappings("rows", value)]
    except ValueError as error:
        raise InvalidInputError(str(error)) from error
