"""What the operators that submit an image action have in common."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_provider_do_images._airflow.failures import (
    adding_last_copy,
    airflow_exceptions,
    blocked_failure,
    check_execution_timeout,
    describing_timeout,
    effective_timeout,
    from_event,
    operator_failure,
)
from airflow_provider_do_images._airflow.task_state import own_transfers
from airflow_provider_do_images.api import Image
from airflow_provider_do_images.api.errors import error_context
from airflow_provider_do_images.api.validation import check_flag
from airflow_provider_do_images.core.messages import (
    CLEARING_SUBMITS,
    STARTED_NOTHING,
    describe_wait_result,
)
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit.copies import source_copy, source_to_json
from airflow_provider_do_images.core.submit.decide import ActionRequest, Blocked, SubmitOutcome
from airflow_provider_do_images.core.submit.own_transfers import OwnTransfers
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait.evaluate import (
    VERIFY_TIMEOUT,
    WaitResult,
    WaitSpec,
    WaitStatus,
    evaluate_poll,
)
from airflow_provider_do_images.core.wait.flow import drive, verify, wait_until_finished
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS
from airflow_provider_do_images.operators.blocked import BlockableOperator
from airflow_provider_do_images.triggers.image_actions import deferral
from airflow_provider_do_images.version_compat import conf


class SubmitImageActionOperator(BlockableOperator):
    """What convert and transfer have in common: submit, tell the ids, and wait if asked to."""

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"
    operator_extra_links = LINKS

    def __init__(
        self,
        *,
        image_id: int | str | Mapping[str, Any] | None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | str = 30.0,
        timeout: timedelta | float | str = 2 * 60 * 60,
        verify_timeout: timedelta | float | str = VERIFY_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.digitalocean_conn_id = digitalocean_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        # Checked when the task runs, as all parameters are.
        self.poll_interval = poll_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.verify_timeout = verify_timeout  # type: ignore[assignment]
        self._own = OwnTransfers()
        self._source: Image | None = None

    @abstractmethod
    def _request(self) -> ActionRequest:
        """Return what is wanted, checked."""

    def _submit(self, hook: DigitalOceanHook, request: ActionRequest) -> ActionResult | Blocked:
        """Submit it, and return what is known by then."""
        with error_context(image_id=request.image_id, region=request.region):
            submitter = IdempotentSubmitter(hook.get_conn(), request, own=self._own)
            try:
                found = submitter.submit()
                return found if isinstance(found, Blocked) else found.to_result()
            finally:
                self._source = submitter.image

    def _finish(self, hook: DigitalOceanHook, result: ActionResult) -> dict[str, Any]:
        """Return what the task returns, now that the action is completed."""
        return result.to_json()

    def _last_copy(self, image_id: int) -> str:
        """Say which copy there is even if this fails, if that is known."""
        return source_copy(f"image {image_id}", self._source, time.time())

    def _clearing(self, image_id: int) -> str:
        """Say which copy there is even so, and what clearing does."""
        return f"{self._last_copy(image_id)} {CLEARING_SUBMITS}".lstrip()

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the action and return it, finished if that was asked for."""
        hook, request = self._prepare()
        return self._submit_and_wait(context, hook, request)

    def execute_unblocked(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Submit again, now that the transfers that blocked the submit have ended."""
        hook, request = self._prepare()
        _, deadline = self._read_unblocked(event)
        return self._submit_and_wait(context, hook, request, deadline)

    def _prepare(self) -> tuple[DigitalOceanHook, ActionRequest]:
        with airflow_exceptions(CLEARING_SUBMITS, STARTED_NOTHING):
            self._check_settings()
            self.wait_for_completion = check_flag("wait_for_completion", self.wait_for_completion)
            hook = DigitalOceanHook(
                self.digitalocean_conn_id, max_rate_limit_wait=self.poll_interval
            )
            return hook, self._request()

    def _submit_when_free(
        self,
        context: Context,
        hook: DigitalOceanHook,
        request: ActionRequest,
        deadline: float | None,
    ) -> tuple[ActionResult, float]:
        """Submit as soon as no transfer without a region may be the requested one.

        Returns the result, and the deadline of the wait for it.
        """
        limit = effective_timeout(self.timeout, self.deferrable and self.execution_timeout)
        while True:
            with (
                airflow_exceptions(CLEARING_SUBMITS, STARTED_NOTHING),
                adding_last_copy(lambda: self._last_copy(request.image_id)),
            ):
                found = self._submit(hook, request)
            now = time.time()
            deadline = now + limit if deadline is None else deadline
            if isinstance(found, ActionResult):
                return found, deadline
            if now >= deadline:
                clearing = self._clearing(request.image_id)
                raise blocked_failure(found, self.timeout, limit, clearing)
            self._wait_for_blockers(context, hook, [found], deadline)

    def _submit_and_wait(
        self,
        context: Context,
        hook: DigitalOceanHook,
        request: ActionRequest,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        self._own = own_transfers(context)
        result, deadline = self._submit_when_free(context, hook, request, deadline)
        action = result.action
        self.log.info("%s: %s, action %s.", request, result.outcome, action and action.id)
        for key, value in (
            ("image_id", request.image_id),
            ("action_id", action and action.id),
            ("region", request.region),
            ("outcome", result.outcome),
        ):
            context["ti"].xcom_push(key=key, value=value)
        if action is None or result.outcome == SubmitOutcome.ALREADY_EXISTS:
            return self._finish(hook, result)
        if not self.wait_for_completion:
            return result.to_json()
        now = time.time()
        wait = WaitSpec(
            request.image_id,
            action.id,
            started_at=now,
            deadline=deadline,
            region=request.region,
            verify_timeout=self.verify_timeout,
            droplet_id=result.droplet_id,
            droplet_name=result.droplet_name,
            outcome=result.outcome,
        )
        self._waits = [wait]
        progress = WaitProgressLog([wait], self.poll_interval, [action])
        with describing_timeout(wait, progress.seen, self._clearing(request.image_id)):
            flow = verify(evaluate_poll(wait, action, now))
            verdict = drive(progress.follow(flow, wait), hook.ask)
            verdict = verdict or self._wait_on(hook, wait, progress)
        return self._conclude(hook, verdict)

    def _wait_on(
        self, hook: DigitalOceanHook, wait: WaitSpec, progress: WaitProgressLog
    ) -> WaitResult:
        """Wait here, or leave the worker and let :meth:`execute_complete` go on."""
        progress.begin()
        if self.deferrable:
            self.defer(
                **deferral(
                    wait,
                    poll_interval=self.poll_interval,
                    digitalocean_conn_id=self.digitalocean_conn_id,
                ),
                kwargs={"source": source_to_json(self._source) if self._source else None},
            )
        flow = wait_until_finished(wait, poll_interval=self.poll_interval)
        return drive(progress.follow(flow, wait), hook.ask)

    def execute_complete(
        self, context: Context, event: Any = None, source: Any = None
    ) -> dict[str, Any]:
        """Return or raise what the trigger found.

        :param source: the image as the submit saw it; ``dag.test()`` does not hand it on.
        """
        self._source = Image.from_json(source) if source else None
        return self._conclude(
            DigitalOceanHook(self.digitalocean_conn_id),
            from_event(WaitResult.from_event, event, CLEARING_SUBMITS),
        )

    def _conclude(self, hook: DigitalOceanHook, verdict: WaitResult) -> dict[str, Any]:
        with airflow_exceptions(CLEARING_SUBMITS):
            self._check_settings()
        if verdict.outcome is not WaitStatus.COMPLETED or verdict.action is None:
            limit = self.deferrable and self.execution_timeout
            gone = verdict.outcome is WaitStatus.NOT_FOUND
            clearing = CLEARING_SUBMITS if gone else self._clearing(verdict.wait.image_id)
            check_execution_timeout(verdict, self.timeout, limit, clearing)
            raise operator_failure(verdict, clearing)
        self.log.info(describe_wait_result(verdict))
        return self._finish(hook, verdict.to_result())
