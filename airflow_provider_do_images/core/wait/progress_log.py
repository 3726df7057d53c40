"""Log the progress of a task's waits: a line for each change, however often it polls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_do_images.api import (
    ActionStatus,
    AuthenticationError,
    DigitalOceanError,
    ImageAction,
    PermissionDeniedError,
)
from airflow_provider_do_images.core.messages import (
    deadline_text,
    describe_ended_wait,
    describe_slow_action,
    describe_waits,
    duration_text,
)
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.flow import VERIFY_INTERVAL, Clock, Sleep, T, WaitSteps
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

log = logging.getLogger(__name__)

LOG_COALESCE_SECONDS = 1.0
"""Seconds within which the changes of several waits are logged together."""

MAX_OUTAGE_LOGS = 5
"""Maximum number of logged outages: polls that fail until one succeeds again."""

MAX_INTERVAL_LOGS = 10
"""Maximum number of logged changes of the polling interval."""


class WaitProgressLog:
    """The log of a task's waits.

    :param waits: all waits of the task.
    :param poll_interval: the requested polling interval, in seconds.
    :param seen: the actions as last read, as far as they are known.
    :param begun: whether the log already says what the task waits for.
    :param logs_failures: whether failed polls are logged.
    """

    def __init__(
        self,
        waits: Sequence[WaitSpec],
        poll_interval: float,
        seen: Iterable[ImageAction] = (),
        *,
        begun: bool = False,
        logs_failures: bool = True,
        clock: Clock = time.time,
    ) -> None:
        self.seen = {action.id: action for action in seen}
        """The actions as last read, by their ids."""
        self.ended: dict[int, WaitResult] = {}
        """The results of the waits that have ended, by action id."""
        self.interval = poll_interval
        """The present polling interval, in seconds."""
        self._open = {wait.action_id: wait for wait in waits}
        self._poll_interval = poll_interval
        self._clock = clock
        self._is_single = len(self._open) == 1
        self._begun, self._due = begun, False
        self._logged_interval, self._interval_changes = poll_interval, 0
        self._slow: set[int] = set()
        self._lagging: set[int] = set()
        self._failing: dict[int, DigitalOceanError] = {}
        self._failing_since: float | None = None
        self._outages = 0 if logs_failures else MAX_OUTAGE_LOGS
        self._new_lags: list[WaitSpec] = []
        self._new_ends: list[WaitResult] = []

    def begin(self) -> None:
        """Log once what the task waits for, the polling interval and the deadline."""
        if not self._begun and self._open:
            self._begun = True
            self._log_waits()

    def follow(self, steps: WaitSteps[T], wait: WaitSpec) -> WaitSteps[T]:
        """Pass the steps of a wait through, and log its changes.

        A result after a failed poll gets the action as it was read before.
        """
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                result = end.value
                if isinstance(result, WaitResult):
                    action = result.action or self.seen.get(wait.action_id)
                    result = replace(result, action=action)
                    self._end(result)
                else:
                    self._record(wait, answer, continues=True)
                return result  # type: ignore[no-any-return]  # StopIteration is untyped
            self._record(wait, answer, continues=isinstance(step, Sleep))
            answer = yield step
            if isinstance(answer, ImageAction):
                self._see(wait, answer)

    def set_interval(self, interval: float, *, late: bool) -> bool:
        """Record the present polling interval, and return whether it has to be logged.

        It is logged once when polls first come late, and once when they no longer do.

        :param interval: seconds between two polls; fewer than requested, if the budget allows that.
        :param late: whether the next poll comes later than requested.
        """
        wanted, logged = self._poll_interval, self._logged_interval
        self.interval = max(interval, wanted)
        slower = late and logged == wanted
        faster = logged > wanted and interval <= wanted
        if slower or faster:
            self._logged_interval = self.interval
        return slower or faster

    def log_interval(self, text: str) -> None:
        """Log a change of the polling interval."""
        self._interval_changes += 1
        if self._interval_changes <= MAX_INTERVAL_LOGS:
            level = logging.WARNING if self._logged_interval > self._poll_interval else logging.INFO
            is_last = self._interval_changes == MAX_INTERVAL_LOGS
            log.log(level, "%s%s", text, " Further changes are not logged." if is_last else "")

    def flush_before(self, seconds: float) -> None:
        """Log the changes before a sleep of so many seconds, unless it is short."""
        if seconds >= min(LOG_COALESCE_SECONDS, self._poll_interval / 2):
            self.flush()

    def flush(self) -> None:
        """Log the changes."""
        self._due = False
        self._log_failures()
        for wait in self._new_lags:
            log.info(
                "Action %s is completed; verifying the image every %g s, up to %s.",
                wait.action_id,
                VERIFY_INTERVAL,
                duration_text(wait.verify_timeout),
            )
        self._new_lags = []
        if self._is_single:
            return
        for result in self._new_ends:
            done = result.status is WaitStatus.COMPLETED
            log.log(logging.INFO if done else logging.WARNING, "%s", describe_ended_wait(result))
        if self._new_ends and self._open:
            self._log_waits()
        self._new_ends = []

    def _log_waits(self) -> None:
        waits = list(self._open.values())
        for line in describe_waits(waits, self.seen, self.interval, self._clock()):
            log.info("%s", line)

    def _see(self, wait: WaitSpec, action: ImageAction) -> None:
        self.seen[action.id] = action
        if action.id not in self._slow and (
            text := describe_slow_action(wait, action, self._clock())
        ):
            self._slow.add(action.id)
            log.warning("%s", text)

    def _record(self, wait: WaitSpec, answer: Any, *, continues: bool) -> None:
        number = wait.action_id
        if isinstance(answer, DigitalOceanError):
            self._failing[number] = answer
            self._flush_soon()
        elif answer is not None and number in self._failing:
            del self._failing[number]
            self._flush_soon()
        action = self.seen.get(number)
        completed = action is not None and action.status is ActionStatus.COMPLETED
        if completed and continues and number not in self._lagging:
            self._lagging.add(number)
            self._new_lags.append(wait)
            self._flush_soon()

    def _end(self, result: WaitResult) -> None:
        number = result.wait.action_id
        self.ended[number] = result
        self._open.pop(number, None)
        self._failing.pop(number, None)
        self._new_ends.append(result)
        self._flush_soon()

    def _log_failures(self) -> None:
        if bool(self._failing) == (self._failing_since is not None):
            return
        now, since = self._clock(), self._failing_since
        self._failing_since = now if self._failing else None
        self._outages += bool(self._failing)
        if self._outages > MAX_OUTAGE_LOGS:
            return
        if since is None:
            error = next(iter(self._failing.values()))
            refused = isinstance(error, AuthenticationError | PermissionDeniedError)
            log.warning(
                "Polling %s failed; still waiting%s: %s%s",
                _actions(self._failing),
                "; reading the connection again before the next poll" if refused else "",
                error,
                " Further failures are not logged." if self._outages == MAX_OUTAGE_LOGS else "",
            )
        elif self._open:
            log.info(
                "Polling recovered after %s; timeout %s.",
                duration_text(now - since),
                deadline_text(next(iter(self._open.values()))),
            )

    def _flush_soon(self) -> None:
        """Log a change of a single wait at once; wait a little for changes of other waits."""
        if self._is_single:
            self.flush()
        elif not self._due:
            try:
                asyncio.get_running_loop().call_later(LOG_COALESCE_SECONDS, self.flush)
            except RuntimeError:  # no event loop: a worker logs before it sleeps
                return
            self._due = True


def _actions(ids: Iterable[int]) -> str:
    numbers = [str(number) for number in ids]
    return f"action{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
