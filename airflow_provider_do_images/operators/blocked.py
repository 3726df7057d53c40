"""How a task waits for the transfers that block its submit."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.failures import from_event, operator_failure
from airflow_provider_do_images.api.validation import check_flag, check_text
from airflow_provider_do_images.core.messages import (
    CLEARING_SUBMITS,
    as_sentence,
    describe_not_cancelled,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import read_unblocked
from airflow_provider_do_images.core.submit.decide import Blocked
from airflow_provider_do_images.core.wait.evaluate import WaitSpec, WaitStatus
from airflow_provider_do_images.core.wait.flow import drive_all, wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.settings import WaitSettings
from airflow_provider_do_images.exceptions import EXECUTION_TIMEOUT, ExecutionTimeoutError
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.image_actions import deferral_of_all
from airflow_provider_do_images.version_compat import AirflowTaskTimeout

log = logging.getLogger(__name__)


class BlockableOperator(BaseOperator):
    """Base of the operators that submit transfers.

    A transfer in progress that does not tell its region may be the requested one. The task waits
    until it has ended, here or in the triggerer, and then decides again. A subclass resumes in its
    method ``execute_unblocked``.
    """

    digitalocean_conn_id: str
    deferrable: bool
    poll_interval: float
    timeout: float
    verify_timeout: float
    _waits: Sequence[WaitSpec] = ()

    def _check_settings(self) -> None:
        """Check what has nothing to do with the image, and keep the times as seconds.

        A task that was deferred begins anew, so this is done again when it resumes.

        :raises InvalidInputError: naming the parameter.
        """
        check_text("digitalocean_conn_id", self.digitalocean_conn_id)
        self.deferrable = check_flag("deferrable", self.deferrable)
        times = WaitSettings.checked(self.poll_interval, self.timeout, self.verify_timeout)
        self.poll_interval, self.timeout = times.poll_interval, times.timeout
        self.verify_timeout = times.verify_timeout

    def _wait_for_blockers(
        self,
        context: Context,
        hook: DigitalOceanHook,
        blocked: Sequence[Blocked],
        deadline: float,
        rows: Sequence[ActionResult] = (),
    ) -> None:
        """Wait until all blocking transfers have ended, or until the deadline.

        :param rows: what the task has begun already; a deferred task gets them back.
        """
        waits: dict[int, WaitSpec] = {}
        for one in blocked:
            log.info("Waiting, as %s.", one)
            waits |= {wait.action_id: wait for wait in one.waits(time.time(), deadline)}
        self._waits = list(waits.values())
        # The links of a deferred task need it.
        context["ti"].xcom_push(key="image_id", value=self._waits[0].image_id)
        seen = [action for one in blocked for action in one.actions]
        progress = WaitProgressLog(self._waits, self.poll_interval, seen)
        progress.begin()
        if self.deferrable:
            self.defer(
                **deferral_of_all(
                    self._waits,
                    [row.to_json() for row in rows],
                    poll_interval=self.poll_interval,
                    digitalocean_conn_id=self.digitalocean_conn_id,
                    method_name="execute_unblocked",
                )
            )
        flows = [
            progress.follow(wait_until_finished(wait, poll_interval=self.poll_interval), wait)
            for wait in self._waits
        ]
        try:
            drive_all(flows, hook.ask, progress.sleep)
        except AirflowTaskTimeout as error:
            why = " ".join(as_sentence(one) for one in blocked)
            raise ExecutionTimeoutError(
                f"execution_timeout came before a submit: {why} {CLEARING_SUBMITS}",
                EXECUTION_TIMEOUT,
            ) from error
        finally:
            progress.flush()

    def _read_unblocked(self, event: Any) -> tuple[list[ActionResult], float]:
        """Return what the task had begun before it was blocked, and its deadline."""
        rows, verdicts = from_event(read_unblocked, event, CLEARING_SUBMITS)
        for verdict in verdicts:
            if verdict.outcome is WaitStatus.INTERNAL_ERROR:
                raise operator_failure(verdict, CLEARING_SUBMITS)
        return rows, verdicts[0].wait.deadline

    def on_kill(self) -> None:
        """Say that nothing is cancelled."""
        if self._waits:
            self.log.info(describe_not_cancelled(self._waits))
