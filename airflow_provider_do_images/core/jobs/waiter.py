"""How a job waits for its actions. Airflow's operators defer instead of waiting in the process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.wait.evaluate import evaluate_poll
from airflow_provider_do_images.core.wait.event import merge_wait_results
from airflow_provider_do_images.core.wait.flow import (
    Clock,
    ReadRequest,
    ReadResult,
    drive,
    drive_all,
    verify,
    wait_until_finished,
)
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec

log = logging.getLogger(__name__)


class Waiter:
    """Wait in this process.

    :param read: sends the request of a poll or of a verification.
    :param poll_interval: seconds between two polls of an action.
    :param clock: returns the time, in Unix seconds.
    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self,
        read: Callable[[ReadRequest], ReadResult],
        poll_interval: float,
        *,
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.read = read
        self.poll_interval = poll_interval
        self.clock = clock
        self.sleep = sleep
        self.waits: list[WaitSpec] = []
        """What the job waits for."""
        self.progress = WaitProgressLog([], poll_interval)
        """The progress of these waits."""

    def wait_for_actions(
        self, rows: Sequence[ActionResult], waits: Sequence[WaitSpec]
    ) -> list[ActionResult]:
        """Return the rows when all pending actions have ended and were verified.

        An action that the response to the POST reports as completed is verified at once.

        :param waits: one for each pending row.
        """
        progress = self._begin(waits, rows)
        results = []
        for wait in waits:
            first = evaluate_poll(wait, progress.seen[wait.action_id], self.clock())
            if result := drive(
                progress.follow(verify(first, self.clock), wait), self.read, self.sleep
            ):
                results.append(result)
        rows = merge_wait_results(rows, results)
        ended = {result.wait.action_id for result in results}
        pending = [wait for wait in waits if wait.action_id not in ended]
        if not pending:
            return rows
        progress.begin()
        return merge_wait_results(rows, self._wait(pending, rows, progress))

    def wait_for_blockers(
        self, blocked: Sequence[Blocked], rows: Sequence[ActionResult], deadline: float
    ) -> list[WaitResult]:
        """Wait until the transfers that block a submit have ended, or until the deadline.

        :param rows: the regions that are submitted already.
        """
        waits: dict[int, WaitSpec] = {}
        for one in blocked:
            log.info("Waiting, because %s.", one)
            waits |= {wait.action_id: wait for wait in one.waits(self.clock(), deadline)}
        progress = self._begin(list(waits.values()), [])
        progress.seen |= {action.id: action for one in blocked for action in one.actions}
        progress.begin()
        return self._wait(self.waits, rows, progress, blocked=True)

    def _begin(self, waits: Sequence[WaitSpec], rows: Sequence[ActionResult]) -> WaitProgressLog:
        self.waits = list(waits)
        seen = [row.action for row in rows if row.action]
        self.progress = WaitProgressLog(waits, self.poll_interval, seen, clock=self.clock)
        return self.progress

    def _wait(
        self,
        waits: Sequence[WaitSpec],
        rows: Sequence[ActionResult],
        progress: WaitProgressLog,
        *,
        blocked: bool = False,
    ) -> list[WaitResult]:
        """Poll until all waits have ended.

        A subclass may leave the process instead, with the rows and what it waits for.
        """

        def sleep(seconds: float) -> None:
            progress.flush_before(seconds)
            self.sleep(seconds)

        flows = [
            progress.follow(
                wait_until_finished(wait, poll_interval=self.poll_interval, clock=self.clock), wait
            )
            for wait in waits
        ]
        try:
            return drive_all(flows, self.read, sleep, self.clock)
        finally:
            progress.flush()
