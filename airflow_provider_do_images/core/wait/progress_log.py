"""What a task's log says of its waits: a line for each change, however often is looked."""

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
    describe_slow_action,
    describe_wait_results,
    describe_waits,
    duration_text,
)
from airflow_provider_do_images.core.wait.evaluate import WaitResult, WaitSpec, WaitStatus
from airflow_provider_do_images.core.wait.flow import VERIFY_INTERVAL, Clock, Sleep, T, WaitSteps

log = logging.getLogger(__name__)

LOG_COALESCE_SECONDS = 1.0
"""Seconds within which the changes of several waits become one line."""

MAX_OUTAGE_LOGS = 5
"""How often it is told that looks fail, and that they succeed again."""

MAX_INTERVAL_LOGS = 10
"""How often it is told that looks come more slowly, or faster again."""


class WaitProgressLog:
    """The waits of one task, and what its log has been told of them.

    :param waits: all of them.
    :param poll_interval: seconds between two looks, as wanted.
    :param seen: their actions as last seen, as far as they are known.
    :param begun: whether the log has been told what is waited for.
    :param tells_failures: whether it is told of failing looks at all.
    """

    def __init__(
        self,
        waits: Sequence[WaitSpec],
        poll_interval: float,
        seen: Iterable[ImageAction] = (),
        *,
        begun: bool = False,
        tells_failures: bool = True,
        clock: Clock = time.time,
    ) -> None:
        self.seen = {action.id: action for action in seen}
        """The actions as last seen, by their ids."""
        self.interval = poll_interval
        """Seconds between two looks at present."""
        self._open = {wait.action_id: wait for wait in waits}
        self._poll_interval = poll_interval
        self._clock = clock
        self._alone = len(self._open) == 1
        self._begun, self._due = begun, False
        self._told_interval, self._paces = poll_interval, 0
        self._slow: set[int] = set()
        self._lagging: set[int] = set()
        self._failing: dict[int, DigitalOceanError] = {}
        self._failing_since: float | None = None
        self._outages = 0 if tells_failures else MAX_OUTAGE_LOGS
        self._new_lags: list[WaitSpec] = []
        self._new_ends: list[WaitResult] = []

    def begin(self) -> None:
        """Tell what is waited for, since when, how long at most, and when the next look is: once.

        To be called when the next look is one interval from now.
        """
        if not self._begun and self._open:
            self._begun = True
            log.info("%s", self._waiting())

    def follow(self, flow: WaitSteps[T], wait: WaitSpec) -> WaitSteps[T]:
        """Do what the flow of a wait does, and tell of its changes.

        A verdict after a failing look gets the action as it was seen before.
        """
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                result = end.value
                if isinstance(result, WaitResult):
                    action = result.action or self.seen.get(wait.action_id)
                    result = replace(result, action=action)
                    self._end(result)
                else:
                    self._look(wait, answer, goes_on=True)
                return result  # type: ignore[no-any-return]  # StopIteration is untyped
            self._look(wait, answer, goes_on=isinstance(step, Sleep))
            answer = yield step
            if isinstance(answer, ImageAction):
                self._see(wait, answer)

    def set_pace(self, interval: float, *, late: bool) -> bool:
        """Record the present polling interval, and return whether it has to be logged.

        It is logged once when polls first come late, and once when they no longer do.

        :param interval: seconds between two looks; fewer than wanted, if the budget allows that.
        :param late: whether the next look comes later than is wanted.
        """
        wanted, told = self._poll_interval, self._told_interval
        self.interval = max(interval, wanted)
        slower = late and told == wanted
        faster = told > wanted and interval <= wanted
        if slower or faster:
            self._told_interval = self.interval
        return slower or faster

    def tell_pace(self, words: str) -> None:
        """Tell how often is looked at present."""
        self._paces += 1
        if self._paces <= MAX_INTERVAL_LOGS:
            level = logging.WARNING if self._told_interval > self._poll_interval else logging.INFO
            last = " Further changes are not told." if self._paces == MAX_INTERVAL_LOGS else ""
            log.log(level, "%s%s", words, last)

    def sleep(self, seconds: float) -> None:
        """Sleep in a worker, after telling what has changed by then."""
        if seconds >= min(LOG_COALESCE_SECONDS, self._poll_interval / 2):
            self.flush()
        time.sleep(seconds)

    def flush(self) -> None:
        """Tell what has changed."""
        self._due = False
        self._tell_failures()
        if self._new_lags:
            log.info(
                "Completed at DigitalOcean: %s; the image does not show it yet, and is looked at "
                "every %g s for %s at most.",
                _actions(wait.action_id for wait in self._new_lags),
                VERIFY_INTERVAL,
                duration_text(self._new_lags[0].verify_timeout),
            )
            self._new_lags = []
        if self._new_ends and not self._alone:
            done = all(verdict.outcome is WaitStatus.COMPLETED for verdict in self._new_ends)
            words = (
                f"{describe_wait_results(self._new_ends)} {self._waiting() if self._open else ''}"
            )
            log.log(logging.INFO if done else logging.WARNING, "%s", words.rstrip())
            self._new_ends = []

    def _waiting(self) -> str:
        waits = list(self._open.values())
        return describe_waits(waits, self.seen, self.interval, self._clock())

    def _see(self, wait: WaitSpec, action: ImageAction) -> None:
        self.seen[action.id] = action
        if action.id not in self._slow and (
            words := describe_slow_action(wait, action, self._clock())
        ):
            self._slow.add(action.id)
            log.warning("%s", words)

    def _look(self, wait: WaitSpec, answer: Any, *, goes_on: bool) -> None:
        number = wait.action_id
        if isinstance(answer, DigitalOceanError):
            self._failing[number] = answer
            self._soon()
        elif answer is not None and number in self._failing:
            del self._failing[number]
            self._soon()
        action = self.seen.get(number)
        completed = action is not None and action.status is ActionStatus.COMPLETED
        if completed and goes_on and number not in self._lagging:
            self._lagging.add(number)
            self._new_lags.append(wait)
            self._soon()

    def _end(self, verdict: WaitResult) -> None:
        number = verdict.wait.action_id
        self._open.pop(number, None)
        self._failing.pop(number, None)
        self._new_ends.append(verdict)
        self._soon()

    def _tell_failures(self) -> None:
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
                "A look at %s failed, the wait goes on%s: %s%s",
                _actions(self._failing),
                " with one more look by the connection as it is now" if refused else "",
                error,
                " Further failing looks are not told." if self._outages == MAX_OUTAGE_LOGS else "",
            )
        elif self._open:
            left = deadline_text(next(iter(self._open.values())))
            log.info(
                "Looks succeed again after %s; the wait gives up at %s.",
                duration_text(now - since),
                left,
            )

    def _soon(self) -> None:
        """Tell at once what concerns one wait; wait a little for what may concern several."""
        if self._alone:
            self.flush()
        elif not self._due:
            try:
                asyncio.get_running_loop().call_later(LOG_COALESCE_SECONDS, self.flush)
            except RuntimeError:  # in a worker, which tells before it sleeps
                return
            self._due = True


def _actions(ids: Iterable[int]) -> str:
    numbers = [str(number) for number in ids]
    return f"action{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
