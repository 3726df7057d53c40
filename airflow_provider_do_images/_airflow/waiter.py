"""How an operator waits: in the worker, or deferred to the triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from airflow_provider_do_images._airflow.clearing import CLEARING_SUBMITS
from airflow_provider_do_images.core.jobs.waiter import Waiter
from airflow_provider_do_images.core.messages import as_sentence
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.wait.event import merge_wait_results
from airflow_provider_do_images.core.wait.flow import ReadRequest, ReadResult
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.exceptions import EXECUTION_TIMEOUT, ExecutionTimeoutError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.image_actions import deferral
from airflow_provider_do_images.version_compat import AirflowTaskTimeout


def read_with(hook: DigitalOceanHook) -> Callable[[ReadRequest], ReadResult]:
    """Return a function that sends the requests of a wait, with a fresh token if necessary."""
    return lambda request: request.send(hook.get_conn(fresh=request.fresh))


class AirflowWaiter(Waiter):
    """Wait in the worker, or defer the task.

    A deferral does not return: the task resumes in ``execute_complete``, or in
    ``execute_unblocked`` if other transfers blocked its submit.

    :param operator: the task.
    :param hook: sends the requests.
    :param deferrable: whether to defer.
    :param resume_kwargs: returns what ``execute_complete`` receives besides the event.
    """

    def __init__(
        self,
        operator: BaseOperator,
        hook: DigitalOceanHook,
        poll_interval: float,
        *,
        deferrable: bool,
        resume_kwargs: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        super().__init__(read_with(hook), poll_interval)
        self._operator = operator
        self._conn_id = hook.digitalocean_conn_id
        self._deferrable = deferrable
        self._resume_kwargs = resume_kwargs

    def wait_for_actions(
        self, rows: Sequence[ActionResult], waits: Sequence[WaitSpec]
    ) -> list[ActionResult]:
        """Wait; if ``execution_timeout`` expires, the actions that have not ended are timed out."""
        try:
            return super().wait_for_actions(rows, waits)
        except AirflowTaskTimeout:
            now, progress = time.time(), self.progress
            return merge_wait_results(
                rows,
                [
                    progress.ended.get(wait.action_id)
                    or WaitResult(
                        WaitStatus.TIMED_OUT, wait, now, progress.seen.get(wait.action_id)
                    )
                    for wait in waits
                ],
            )

    def wait_for_blockers(
        self, blocked: Sequence[Blocked], rows: Sequence[ActionResult], deadline: float
    ) -> list[WaitResult]:
        """Wait until the blocking transfers have ended."""
        try:
            return super().wait_for_blockers(blocked, rows, deadline)
        except AirflowTaskTimeout as error:
            reasons = " ".join(as_sentence(one) for one in blocked)
            raise ExecutionTimeoutError(
                f"execution_timeout expired before the submit: {reasons} {CLEARING_SUBMITS}",
                EXECUTION_TIMEOUT,
            ) from error

    def _wait(
        self,
        waits: Sequence[WaitSpec],
        rows: Sequence[ActionResult],
        progress: WaitProgressLog,
        *,
        blocked: bool = False,
    ) -> list[WaitResult]:
        if self._deferrable and any(time.time() < wait.deadline for wait in waits):
            self._operator.defer(
                **deferral(
                    waits,
                    rows,
                    poll_interval=self.poll_interval,
                    digitalocean_conn_id=self._conn_id,
                    method_name="execute_unblocked" if blocked else "execute_complete",
                ),
                kwargs=None if blocked else self._resume_kwargs(),
            )
        return super()._wait(waits, rows, progress, blocked=blocked)
