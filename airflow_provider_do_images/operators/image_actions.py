"""The operators that submit image actions, and the one that lists them."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_do_images.actions.history import ActionFilter
from airflow_provider_do_images.actions.judge import (
    PROOF_TIMEOUT,
    Outcome,
    Verdict,
    Wait,
    judge,
)
from airflow_provider_do_images.actions.messages import deadline, explain, goes_on
from airflow_provider_do_images.actions.submit import Request, SubmitOutcome, Submitter
from airflow_provider_do_images.actions.wait import prove, run, wait_until_finished
from airflow_provider_do_images.api.inputs import check_id, check_region, check_seconds
from airflow_provider_do_images.failures import (
    as_airflow_exceptions,
    check_execution_timeout,
    operator_failure,
    seconds_until_given_up,
    telling_time_out,
    verdict_of,
)
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.triggers.image_actions import deferral
from airflow_provider_do_images.version_compat import conf


class _SubmitImageActionOperator(BaseOperator):
    """What convert and transfer have in common: submit, tell the ids, and wait if asked to."""

    ui_color = "#0069ff"
    ui_fgcolor = "#ffffff"

    def __init__(
        self,
        *,
        image_id: int | str,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30.0,
        timeout: float = 2 * 60 * 60,
        proof_timeout: float = PROOF_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.digitalocean_conn_id = digitalocean_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.proof_timeout = proof_timeout
        self._wait: Wait | None = None

    @abstractmethod
    def _request(self) -> Request:
        """Return what is wanted, checked."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the action and return it, finished if that was asked for."""
        hook = DigitalOceanHook(self.digitalocean_conn_id)
        with as_airflow_exceptions():
            self.poll_interval = check_seconds("poll_interval", self.poll_interval)
            self.timeout = check_seconds("timeout", self.timeout)
            request = self._request()
            submission = Submitter(hook.get_conn(), request).submit()
        result = submission.to_result().to_json()
        self.log.info("%s: %s, action %s.", request, submission.outcome, result["id"])
        for key, value in (
            ("image_id", request.image_id),
            ("action_id", result["id"]),
            ("region", request.region),
            ("outcome", result["outcome"]),
        ):
            context["ti"].xcom_push(key=key, value=value)
        action = submission.action
        there = submission.outcome is SubmitOutcome.ALREADY_THERE
        if action is None or there or not self.wait_for_completion:
            return result
        now = time.time()
        limit = seconds_until_given_up(self.timeout, self.deferrable and self.execution_timeout)
        self._wait = Wait(
            request.image_id,
            action.id,
            started_at=now,
            deadline=now + limit,
            region=request.region,
            proof_timeout=self.proof_timeout,
            outcome=result["outcome"],
        )
        with telling_time_out(self._wait, lambda: action):
            verdict = run(prove(judge(self._wait, action, now)), hook.ask)
            return self._conclude(verdict or self._wait_on(hook, self._wait))

    def _wait_on(self, hook: DigitalOceanHook, wait: Wait) -> Verdict:
        """Wait here, or leave the worker and let :meth:`execute_complete` go on."""
        self.log.info(
            "Waiting; the next look is in %g s, the last at %s.", self.poll_interval, deadline(wait)
        )
        if self.deferrable:
            self.defer(
                **deferral(
                    wait,
                    poll_interval=self.poll_interval,
                    digitalocean_conn_id=self.digitalocean_conn_id,
                )
            )
        return run(wait_until_finished(wait, poll_interval=self.poll_interval), hook.ask)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return or raise what the trigger found."""
        return self._conclude(verdict_of(event))

    def on_kill(self) -> None:
        """Say that nothing is cancelled."""
        if self._wait:
            self.log.info(goes_on(self._wait))

    def _conclude(self, verdict: Verdict) -> dict[str, Any]:
        if verdict.outcome is not Outcome.COMPLETED or verdict.action is None:
            limit = self.deferrable and self.execution_timeout
            check_execution_timeout(verdict, self.timeout, limit)
            raise operator_failure(verdict)
        self.log.info(explain(verdict))
        return verdict.to_result().to_json()


class DigitalOceanConvertImageOperator(_SubmitImageActionOperator):
    """Turn a backup into a snapshot, which no retention deletes and which can be transferred.

    Returns the action's nine fields as the API names them, with ``image_id``, ``outcome`` and
    ``end`` (:class:`~airflow_provider_do_images.actions.results.Result`), as one dict for
    :class:`~airflow_provider_do_images.sensors.image_actions.DigitalOceanImageActionSensor`. The
    API names the type ``convert_to_snapshot`` and may answer with a completed action at once.
    ``image_id``, ``action_id``, ``region`` and ``outcome`` are XComs of their own too.

    Before it posts, it looks: what is already there or under way is taken, not done again, so a
    retried or cleared task is safe. ``outcome`` is ``posted``, ``joined_running``,
    ``found_after_lost_reply`` or ``already_there``; then the fields of the action are null, unless
    the image's history has the completed one.

    :param image_id: id of the backup; the snapshot keeps it. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:update``,
        and ``image:read`` to wait. (templated)
    :param wait_for_completion: return only when the action has completed.
    :param deferrable: wait, if at all, in the triggerer instead of the worker; by default as
        Airflow's setting ``operators.default_deferrable`` says.
    :param poll_interval: seconds between two looks.
    :param timeout: seconds until the wait is given up, by default 2 hours; the action goes on then.
    :param proof_timeout: seconds in which the image must be a snapshot after the action has
        completed, or the task fails; 0 to skip this.
    """

    template_fields: Sequence[str] = ("image_id", "digitalocean_conn_id")

    def _request(self) -> Request:
        return Request(check_id("image_id", self.image_id))


class DigitalOceanTransferImageOperator(_SubmitImageActionOperator):
    """Copy a snapshot or custom image to another region; it stays where it is, too.

    Returns the action's nine fields as the API names them, with ``image_id``, ``outcome`` and
    ``end`` (:class:`~airflow_provider_do_images.actions.results.Result`), as one dict for
    :class:`~airflow_provider_do_images.sensors.image_actions.DigitalOceanImageActionSensor`.
    ``image_id``, ``action_id``, ``region`` and ``outcome`` are XComs of their own too.

    Before it posts, it looks: what is already there or under way is taken, not done again, so a
    retried or cleared task is safe. ``outcome`` is ``posted``, ``joined_running``,
    ``found_after_lost_reply`` or ``already_there``; then the fields of the action are null, unless
    the image's history has the completed one.

    :param image_id: id of the image. A backup must be converted first. (templated)
    :param region: slug of the region to copy to, such as ``ams3``. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:update``,
        and ``image:read`` to wait. (templated)
    :param wait_for_completion: return only when the action has completed.
    :param deferrable: wait, if at all, in the triggerer instead of the worker; by default as
        Airflow's setting ``operators.default_deferrable`` says.
    :param poll_interval: seconds between two looks.
    :param timeout: seconds until the wait is given up, by default 2 hours, since transfers of 80
        minutes are reported; the action goes on then.
    :param proof_timeout: seconds in which the image must list the region after the action has
        completed, or the task fails; 0 to skip this.
    """

    template_fields: Sequence[str] = ("image_id", "region", "digitalocean_conn_id")

    def __init__(self, *, region: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region = region

    def _request(self) -> Request:
        return Request(check_id("image_id", self.image_id), check_region(self.region))


class DigitalOceanListImageActionsOperator(BaseOperator):
    """Return the history of an image: its actions, newest first, running ones included.

    Each row is a dict of the action's nine fields and ``image_id``. The API has no filters, so all
    pages are read (200 actions each) and filtered here.

    :param image_id: id of the image. (templated)
    :param status: only actions with this status: ``in-progress``, ``completed`` or ``errored``.
        (templated)
    :param type: only actions of this type, such as ``transfer``; ``convert`` also matches what the
        API calls ``convert_to_snapshot``. (templated)
    :param region: only actions to this region, by its slug. (templated)
    :param since: only actions started at this time or later: a ``datetime`` or ISO 8601 text, UTC
        if it names no offset. (templated)
    :param limit: at most so many rows. (templated)
    :param digitalocean_conn_id: id of the connection; its token needs the scope ``image:read``.
        (templated)
    """

    template_fields: Sequence[str] = (
        "image_id",
        "status",
        "type",
        "region",
        "since",
        "limit",
        "digitalocean_conn_id",
    )

    def __init__(
        self,
        *,
        image_id: int | str,
        status: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's name of the field
        region: str | None = None,
        since: datetime | str | None = None,
        limit: int | str | None = None,
        digitalocean_conn_id: str = DigitalOceanHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.status = status
        self.type = type
        self.region = region
        self.since = since
        self.limit = limit
        self.digitalocean_conn_id = digitalocean_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read, filter and return the rows."""
        with as_airflow_exceptions():
            wanted = ActionFilter.checked(
                self.status, self.type, self.region, self.since, self.limit
            )
            image_id = check_id("image_id", self.image_id)
            actions = DigitalOceanHook(self.digitalocean_conn_id).list_image_actions(image_id)
        rows = [action.to_json() for action in wanted.apply(actions)]
        self.log.info("%d of %d actions of image %s match.", len(rows), len(actions), image_id)
        return rows
