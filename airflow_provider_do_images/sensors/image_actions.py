"""The sensor that waits for an image action."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_provider_do_images._airflow.failures import (
    airflow_exceptions,
    check_execution_timeout,
    describing_timeout,
    effective_timeout,
    from_event,
    sensor_failure,
)
from airflow_provider_do_images.api.validation import check_flag, check_text
from airflow_provider_do_images.core.messages import (
    CLEARING_READS,
    describe_not_cancelled,
    describe_wait_result,
)
from airflow_provider_do_images.core.wait.evaluate import (
    VERIFY_TIMEOUT,
    WaitResult,
    WaitSpec,
    WaitStatus,
)
from airflow_provider_do_images.core.wait.flow import ReadRequest, ReadResult, drive, poll_once
from airflow_provider_do_images.core.wait.progress_log import WaitProgressLog
from airflow_provider_do_images.core.wait.settings import WaitSettings
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

_HEAD_START = 0.1
"""Seconds by which our deadline comes before Airflow's own check of a poked sensor's timeout, whose
message knows nothing of the action."""

_RETELL = 600.0
"""Seconds after which a rescheduled sensor tells again that its looks fail."""


class DigitalOceanImageActionSensor(BaseSensorOperator):
    """Wait until an image action has completed, and return it.

    All modes (poke, reschedule, deferrable) end alike: a completed action is returned as a dict of
    its nine fields and what the submit told of it
    (:class:`~airflow_provider_do_images.core.results.ActionResult`); a time-out raises
    ``AirflowSensorTimeout``; an errored action and everything else that ends the wait raises
    ``AirflowFailException``. ``soft_fail`` and ``never_fail`` turn both into a skip, after the log
    has got the failure. Failing looks (429, 5xx, no answer) are waited out. The row of a submit
    that found everything there already passes at once; any other row without an action, such as one
    that was refused, fails with the error that it has.

    :param action: the result of a convert or transfer operator, whole: ``transfer.output``, or
        mapped, ``.expand(action=transfers.output)``. (templated)
    :param image_id: instead of ``action``, the image's id, with ``action_id``. (templated)
    :param action_id: the action's id. Both ids may be rows that have them. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        (templated)
    :param deferrable: wait in the triggerer instead of a worker; by default as Airflow's setting
        ``operators.default_deferrable`` says.
    :param poke_interval: time between two polls, in seconds or as a ``timedelta``, as all times
        here; at most a day.
    :param timeout: how long the task waits, by default 2 hours, since transfers of 80 minutes are
        reported, and at most a year.
    :param verify_timeout: time in which the image must show what the completed action did (a
        transfer's region is listed, a converted backup is a snapshot); at most a day, 0 to skip
        this.
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
        # Checked when the task runs, as all parameters are.
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
        """Wait in the way that was asked for, and return the completed action."""
        with self._skipped_if_soft():
            with airflow_exceptions(CLEARING_READS):
                self._check_settings()
                row = finished_row(self.action)
            if row:
                self.log.info("Nothing to wait for: what was asked for was there already.")
                return row
            wait, progress = self._begun(context)
            with describing_timeout(wait, progress.seen, CLEARING_READS):
                if not self.deferrable:
                    return super().execute(context)
                if verdict := self._look(wait, progress):
                    return self._conclude(verdict)
        self.defer(
            **deferral(
                wait,
                poll_interval=progress.interval,
                digitalocean_conn_id=self.digitalocean_conn_id,
            )
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        # Not left to Airflow, which makes a skip of a failure without a word of why.
        with self._skipped_if_soft():
            wait, progress = self._begun(context)
            with describing_timeout(wait, progress.seen, CLEARING_READS):
                if verdict := self._look(wait, progress):
                    return PokeReturnValue(is_done=True, xcom_value=self._conclude(verdict))
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return or raise what the trigger found."""
        with self._skipped_if_soft():
            return self._conclude(from_event(WaitResult.from_event, event, CLEARING_READS))

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Resume after the deferral; the log says why a failure of Airflow's own is a skip."""
        with self._skipped_if_soft():  # Airflow 3.1 makes no skip of a deferral that timed out
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except AirflowSkipException as skip:
                logged = isinstance(skip, TaskSkipped) or isinstance(skip.__cause__, TaskSkipped)
                if skip.__cause__ and not logged:
                    self._log_failure(skip.__cause__)
                raise

    def on_kill(self) -> None:
        """Say that nothing is cancelled."""
        if self._wait:
            self.log.info(describe_not_cancelled([self._wait]))

    def _check_settings(self) -> WaitSettings:
        check_text("digitalocean_conn_id", self.digitalocean_conn_id)
        self.deferrable = check_flag("deferrable", self.deferrable)
        settings = WaitSettings.checked(
            self.poke_interval, self.timeout, self.verify_timeout, name="poke_interval"
        )
        # Airflow reckons with these two while it pokes.
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
            known = {name: row.get(name) for name in ("droplet_id", "droplet_name", "outcome")}
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
                    "deadline": started_at + limit - _HEAD_START,
                    "region": row.get("region_slug"),
                    "verify_timeout": settings.verify_timeout,
                }
            )
        # A rescheduled look does not know what the last one found.
        number = context.get("task_reschedule_count", 0) if first else 0
        due = number % max(round(_RETELL / settings.poll_interval), 1) == 0
        begun = first is not None
        return wait, WaitProgressLog(
            [wait], settings.poll_interval, begun=begun, tells_failures=due
        )

    def _look(self, wait: WaitSpec, progress: WaitProgressLog) -> WaitResult | None:
        verdict = drive(progress.follow(poll_once(wait), wait), self._ask)
        if verdict is None:
            progress.begin()
        return verdict

    def _ask(self, question: ReadRequest) -> ReadResult:
        self._hook = self._hook or DigitalOceanHook(
            self.digitalocean_conn_id, max_rate_limit_wait=self.poke_interval
        )
        return self._hook.ask(question)

    def _conclude(self, verdict: WaitResult) -> dict[str, Any]:
        if verdict.outcome is not WaitStatus.COMPLETED or verdict.action is None:
            with airflow_exceptions(CLEARING_READS):
                timeout = self._check_settings().timeout
            limit = self.deferrable and self.execution_timeout
            check_execution_timeout(verdict, timeout, limit, CLEARING_READS)
            raise sensor_failure(verdict, self.upstream_task_ids)
        self.log.info(describe_wait_result(verdict))
        return verdict.to_result().to_json()

    @contextmanager
    def _skipped_if_soft(self) -> Iterator[None]:
        """Treat a failure as Airflow does while it pokes or resumes, with Airflow's own words."""
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
