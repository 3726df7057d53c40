"""The bases of the operators that submit image actions: settings, waiting, errors."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images._airflow.clearing import CLEARING_SUBMITS
from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    blocked_failure,
    effective_timeout,
    from_event,
    wait_failure,
)
from airflow_provider_do_images._airflow.task_state import own_transfers
from airflow_provider_do_images._airflow.waiter import AirflowWaiter
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.validation import check_flag, check_text
from airflow_provider_do_images.core.jobs.errors import BlockedTimeoutError, WaitFailedError
from airflow_provider_do_images.core.jobs.submit import SubmitJob
from airflow_provider_do_images.core.last_copy import describe_source, image_to_json
from airflow_provider_do_images.core.messages import describe_not_cancelled
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.submit.submitter import NOT_STARTED
from airflow_provider_do_images.core.wait.event import described_row, merge_wait_results, read_event
from airflow_provider_do_images.core.wait.settings import WaitSettings
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS


class WaitingOperator(BaseOperator):
    """Base of the operators that wait for image actions, in the worker or deferred."""

    digitalocean_conn_id: str
    deferrable: bool
    poll_interval: float
    timeout: float
    verify_timeout: float
    _waiter: AirflowWaiter | None = None

    def _check_settings(self) -> None:
        """Check the parameters of the wait, and store durations in seconds.

        A task that resumes after a deferral checks them again, because it starts from the DAG file.

        :raises InvalidInputError: naming the parameter.
        """
        check_text("digitalocean_conn_id", self.digitalocean_conn_id)
        self.deferrable = check_flag("deferrable", self.deferrable)
        times = WaitSettings.checked(self.poll_interval, self.timeout, self.verify_timeout)
        self.poll_interval, self.timeout = times.poll_interval, times.timeout
        self.verify_timeout = times.verify_timeout

    def _make_hook(self) -> DigitalOceanHook:
        return DigitalOceanHook(self.digitalocean_conn_id, max_rate_limit_wait=self.poll_interval)

    def _make_waiter(self, hook: DigitalOceanHook) -> AirflowWaiter:
        self._waiter = AirflowWaiter(
            self,
            hook,
            self.poll_interval,
            deferrable=self.deferrable,
            resume_kwargs=self._resume_kwargs,
        )
        return self._waiter

    @abstractmethod
    def _resume_kwargs(self) -> dict[str, Any]:
        """Return what ``execute_complete`` receives besides the event."""

    @property
    def _timeout(self) -> float:
        """The seconds until the wait times out: ``execution_timeout``, if the task defers."""
        return effective_timeout(self.timeout, self.deferrable and self.execution_timeout)

    def _read_unblocked(self, event: Any) -> tuple[list[ActionResult], float]:
        """Return what the task had submitted before it was blocked, and its deadline."""
        rows, results = from_event(read_event, event, CLEARING_SUBMITS)
        for result in results:
            if result.status is WaitStatus.INTERNAL_ERROR:
                row = described_row(result)
                raise wait_failure(row, self.timeout, None, CLEARING_SUBMITS)
        return rows, results[0].wait.deadline

    def on_kill(self) -> None:
        """Log that no action is cancelled."""
        if self._waiter and self._waiter.waits:
            self.log.info(describe_not_cancelled(self._waiter.waits))


class SubmitImageActionOperator(WaitingOperator):
    """Base of convert and transfer: submit one action and, if requested, wait for it."""

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"
    operator_extra_links = LINKS
    wait_for_completion: bool
    _job: SubmitJob | None = None
    _source: Image | None = None
    _image_id: int | None = None
    """The image of the action that a deferred task waited for."""

    @abstractmethod
    def _make_job(self, hook: DigitalOceanHook) -> SubmitJob:
        """Return the job, with checked parameters."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the action and return its row, after the wait if requested."""
        return self._run(context)

    def execute_unblocked(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Submit now that the transfers that blocked the submit have ended."""
        with airflow_exceptions(CLEARING_SUBMITS, NOT_STARTED):
            self._check_settings()
        return self._run(context, self._read_unblocked(event)[1])

    def execute_complete(
        self, context: Context, event: Any = None, source: Any = None
    ) -> dict[str, Any]:
        """Return the row of the finished action, or raise its failure.

        :param source: the image as read before the submit; ``dag.test()`` does not pass it on.
        """
        self._source = Image.from_json(source) if source else None
        [row] = from_event(_read_rows, event, CLEARING_SUBMITS)
        self._image_id = row.image_id
        with self._translated():
            return self._prepare().finish(row).to_json()

    def _run(self, context: Context, deadline: float | None = None) -> dict[str, Any]:
        with self._translated():
            job = self._prepare()
            job.own = own_transfers(context)
            job.report = lambda key, value: context["ti"].xcom_push(key=key, value=value)
            return job.run(deadline).to_json()

    def _prepare(self) -> SubmitJob:
        with airflow_exceptions(CLEARING_SUBMITS, NOT_STARTED):
            self._check_settings()
            self.wait_for_completion = check_flag("wait_for_completion", self.wait_for_completion)
            self._job = self._make_job(self._make_hook())
            return self._job

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate the failures of the job to Airflow's exceptions."""
        try:
            with airflow_exceptions(CLEARING_SUBMITS, last_copy=self._last_copy):
                yield
        except BlockedTimeoutError as error:
            clearing = self._clearing()
            raise blocked_failure(error, self.timeout, self._timeout, clearing) from error
        except WaitFailedError as error:
            row = error.result
            not_found = row.wait_status is WaitStatus.NOT_FOUND
            clearing = CLEARING_SUBMITS if not_found else self._clearing()
            raise wait_failure(row, self.timeout, self.execution_timeout, clearing) from error

    def _resume_kwargs(self) -> dict[str, Any]:
        source = self._image
        return {"source": image_to_json(source) if source else None}

    @property
    def _image(self) -> Image | None:
        """The image as last read."""
        return (self._job and self._job.image) or self._source

    def _last_copy(self) -> str:
        """Name the last good copy, if known."""
        source = self._image
        return describe_source(f"image {source.id}", source, time.time()) if source else ""

    def _clearing(self) -> str:
        return f"{self._last_copy()} {CLEARING_SUBMITS}".lstrip()


def _read_rows(event: Any) -> list[ActionResult]:
    return merge_wait_results(*read_event(event))
