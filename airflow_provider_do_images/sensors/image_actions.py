"""The sensor that waits for an image action."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_provider_do_images._airflow.clearing import CLEARING_READS
from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    describing_timeout,
    effective_timeout,
    from_event,
    sensor_failure,
    wait_failure,
)
from airflow_provider_do_images._airflow.waiter import read_with
from airflow_provider_do_images.api.validation import check_flag, check_text
from airflow_provider_do_images.core.messages import describe_not_cancelled, describe_wait_result
from airflow_provider_do_images.core.results import WaitStatus
from airflow_provider_do_images.core.wait.event import described_row, read_event
from airflow_provider_do_images.core.wait.flow import drive, poll_once
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.settings import WaitSettings
from airflow_provider_do_images.core.wait.spec import VERIFY_TIMEOUT, WaitResult, WaitSpec
from airflow_provider_do_images.exceptions import TaskSkipped
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.links.digitalocean import LINKS
from airflow_provider_do_images.sensors.action_parameter import finished_row, ids_to_wait_for
from airflow_provider_do_images.triggers.image_actions import deferral
from airflow_provider_do_images.version_compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    conf,
)

_DEADLINE_MARGIN = 0.1
"""Seconds by which our deadline precedes Airflow's own check of a poked sensor's timeout, whose
message does not describe the action."""

_REPEAT_WARNING_AFTER = 600.0
"""Seconds after which a rescheduled sensor repeats the warning that its polls fail."""


class DigitalOceanImageActionSensor(BaseSensorOperator):
    """Wait until an image action has completed, and return its row.

    All modes (poke, reschedule, deferrable) end alike. A completed and verified action is returned
    as a row (:class:`~airflow_provider_do_images.core.results.ActionResult`). A timeout raises
    ``AirflowSensorTimeout``; an errored action and every other failure raise
    ``AirflowFailException``. ``soft_fail`` and ``never_fail`` turn both into a skip, after the log
    has the failure. Failed polls (429, 5xx, no response) do not end the wait. A row that says
    ``already_exists`` succeeds at once; any other row without an action fails with its own error.

    :param action: the row of a convert or transfer operator: ``transfer.output`` or, mapped,
        ``.expand(action=transfers.output)``. (templated)
    :param image_id: instead of ``action``, the id of the image, with ``action_id``. (templated)
    :param action_id: the id of the action. Both ids may be rows that have them. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        (templated)
    :param deferrable: whether to wait in the triggerer; default: Airflow's setting
        ``operators.default_deferrable``.
    :param poke_interval: time between two polls, in seconds or as a ``timedelta``; default 30 s, at
        most a day.
    :param timeout: time until the wait times out, in seconds or as a ``timedelta``; default 2 h,
        because transfers of 80 min are reported; at most a year.
    :param verify_timeout: time in which the image must show the effect of the completed action, in
        seconds or as a ``timedelta``; default 2 min, at most a day, 0 to skip.
    """

    template_fields: Sequence[str] = ("action", "image_id", "action_id", "digitalocean_conn_id")
    ui_color = "#d6e7ff"
    operator_extra_links = LINKS

    def __init__(
        self,
        *,
        action: Any = None,
        image_id: int | str | Mapping[str, Any] | None = None,
        action_id: int | str | Mapping[str, Any] | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float | str = 30.0,
        timeout: timedelta | float | str = 2 * 60 * 60,
        verify_timeout: timedelta | float | str = VERIFY_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Checked when the task runs, like all parameters.
        self.poke_interval = poke_interval  # type: ignore[assignment]
        self.timeout = timeout  # type: ignore[assignment]
        self.action = action
        self.image_id = image_id
        self.action_id = action_id
        self.digitalocean_conn_id = digitalocean_conn_id
        self.deferrable = deferrable
        self.verify_timeout = verify_timeout
        self._hook: DigitalOceanHook | None = None
        self._wait: WaitSpec | None = None
        self._progress: WaitProgressLog | None = None

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() never returns
        """Wait, and return the row of the completed action."""
        with self._skipped_if_soft():
            with airflow_exceptions(CLEARING_READS):
                self._check_settings()
                row = finished_row(self.action)
            if row:
                self.log.info("Already exists; nothing to wait for.")
                return row
            wait, progress = self._begun(context)
            with describing_timeout(wait, progress.seen, CLEARING_READS):
                if not self.deferrable:
                    return super().execute(context)
                if result := self._poll(wait, progress):
                    return self._conclude(result)
        self.defer(
            **deferral(
                [wait],
                poll_interval=progress.interval,
                digitalocean_conn_id=self.digitalocean_conn_id,
            )
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once."""
        # Airflow would skip the task without logging the failure.
        with self._skipped_if_soft():
            wait, progress = self._begun(context)
            with describing_timeout(wait, progress.seen, CLEARING_READS):
                if result := self._poll(wait, progress):
                    return PokeReturnValue(is_done=True, xcom_value=self._conclude(result))
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return the row of the finished action, or raise its failure."""
        with self._skipped_if_soft():
            [result] = from_event(_read_results, event, CLEARING_READS)
            return self._conclude(result)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Resume after the deferral; log the failure if Airflow turns it into a skip."""
        with self._skipped_if_soft():  # Airflow 3.1 does not skip after a deferral timeout
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except AirflowSkipException as skip:
                logged = isinstance(skip, TaskSkipped) or isinstance(skip.__cause__, TaskSkipped)
                if skip.__cause__ and not logged:
                    self._log_failure(skip.__cause__)
                raise

    def on_kill(self) -> None:
        """Log that no action is cancelled."""
        if self._wait:
            self.log.info(describe_not_cancelled([self._wait]))

    def _check_settings(self) -> WaitSettings:
        check_text("digitalocean_conn_id", self.digitalocean_conn_id)
        self.deferrable = check_flag("deferrable", self.deferrable)
        settings = WaitSettings.checked(
            self.poke_interval, self.timeout, self.verify_timeout, name="poke_interval"
        )
        # Airflow computes with these two while it pokes.
        self.poke_interval, self.timeout = settings.poll_interval, settings.timeout
        return settings

    def _begun(self, context: Context) -> tuple[WaitSpec, WaitProgressLog]:
        if not self._wait or not self._progress:
            self._wait, self._progress = self._begin(context)
        return self._wait, self._progress

    def _begin(self, context: Context) -> tuple[WaitSpec, WaitProgressLog]:
        with airflow_exceptions(CLEARING_READS):
            settings = self._check_settings()
            image_id, action_id = ids_to_wait_for(self.action, self.image_id, self.action_id)
            row = self.action or {}
            known = {name: row.get(name) for name in ("droplet_id", "droplet_name", "submission")}
            started_at, first = time.time(), None
            if self.reschedule and not self.deferrable:
                first = context["ti"].get_first_reschedule_date(context)
                started_at = first.timestamp() if first else started_at
            limit = effective_timeout(settings.timeout, self.deferrable and self.execution_timeout)
            wait = WaitSpec.checked(
                {
                    **known,
                    "image_id": image_id,
                    "action_id": action_id,
                    "started_at": started_at,
                    "deadline": started_at + limit - _DEADLINE_MARGIN,
                    "region": row.get("region_slug"),
                    "verify_timeout": settings.verify_timeout,
                }
            )
        # A rescheduled poll does not know the result of the last one.
        number = context.get("task_reschedule_count", 0) if first else 0
        due = number % max(round(_REPEAT_WARNING_AFTER / settings.poll_interval), 1) == 0
        begun = first is not None
        return wait, WaitProgressLog([wait], settings.poll_interval, begun=begun, logs_failures=due)

    def _poll(self, wait: WaitSpec, progress: WaitProgressLog) -> WaitResult | None:
        self._hook = self._hook or DigitalOceanHook(
            self.digitalocean_conn_id, max_rate_limit_wait=self.poke_interval
        )
        result = drive(progress.follow(poll_once(wait), wait), read_with(self._hook))
        if result is None:
            progress.begin()
        return result

    def _conclude(self, result: WaitResult) -> dict[str, Any]:
        if result.status is WaitStatus.COMPLETED:
            self.log.info(describe_wait_result(result))
            return result.to_result().to_json()
        with airflow_exceptions(CLEARING_READS):
            timeout = self._check_settings().timeout
        limit = self.deferrable and self.execution_timeout
        expired = effective_timeout(timeout, limit) < timeout
        if result.status is WaitStatus.TIMED_OUT and expired:
            row = described_row(result)
            raise wait_failure(row, timeout, self.execution_timeout, CLEARING_READS)
        raise sensor_failure(result, self.upstream_task_ids)

    @contextmanager
    def _skipped_if_soft(self) -> Iterator[None]:
        """Skip the task after a failure as Airflow does while it pokes or resumes."""
        try:
            yield
        except (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout) as error:
            for switch in ("soft_fail", "never_fail"):
                if getattr(self, switch):
                    self._log_failure(error)
                    raise TaskSkipped(
                        f"Skipping due to {switch} is set to True.", getattr(error, "code", "")
                    ) from error
            raise

    def _log_failure(self, error: BaseException) -> None:
        self.log.error("The sensor failed, and the task is skipped: %s", error)


def _read_results(event: Any) -> list[WaitResult]:
    return read_event(event)[1]
